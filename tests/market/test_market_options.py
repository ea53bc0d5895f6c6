"""Options: their bounds, and one number or an array per book."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.market import PerBook, Stage, option


@attrs.define
class Wide(Stage):
    """A stage with a bounded option per book."""

    factor: PerBook = option(1.5, help="Multiplies", per_book=True, low=1.0)
    share: float = option(0.5, help="Part", low=0.0, high=1.0)


@pytest.mark.parametrize("factor", [0.99, float("nan"), np.array([1.0, 0.5]), np.array([1.0, np.nan])])
def test_a_value_below_the_bound_is_refused(factor: PerBook) -> None:
    """One bad element is enough, NaN is never good."""
    with pytest.raises(ValueError, match="factor must be at least 1"):
        Wide(factor=factor)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_value_outside_two_bounds_is_refused(share: float) -> None:
    """The message names both."""
    with pytest.raises(ValueError, match=r"share must be in 0…1, got"):
        Wide(share=share)


def test_the_bounds_themselves_are_allowed() -> None:
    """Ends are included."""
    assert (1.0, 0.0) == attrs.astuple(Wide(factor=1.0, share=0.0))


def test_arrays_are_compared_by_content() -> None:
    """Two stages of equal options are equal, whatever holds the numbers."""
    assert Wide(factor=np.array([1.0, 2.0])) == Wide(factor=np.array([1.0, 2.0]))
    assert Wide(factor=np.array([1.0, 2.0])) != Wide(factor=np.array([1.0, 3.0]))


def test_the_class_tells_which_options_may_differ() -> None:
    """In the metadata, for whoever lays overrides over a stage."""
    fields = attrs.fields(Wide)
    assert (True, None) == (fields.factor.metadata.get("per_book"), fields.share.metadata.get("per_book"))

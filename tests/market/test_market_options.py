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


@attrs.define
class Free(Stage):
    """A stage of options without bounds of their own."""

    free: object = option(0.0, help="Any")
    pct: float = option(0.5, help="Part", unit="fraction")
    depths: tuple[int, ...] = option((1,), help="Levels", unit="levels")
    wait_s: float = option(1.0, help="Time", unit="s")
    spread_bps: float = option(1.0, help="Spread", unit="bp")
    never_s: float = option(1.0, help="Time", unit="s", endless=True)
    still_s: float = option(np.inf, help="Time", unit="s")


@pytest.mark.parametrize("factor", [0.99, np.array([1.0, 0.5])])
def test_a_value_below_the_bound_is_refused(factor: PerBook) -> None:
    """One bad element is enough."""
    with pytest.raises(ValueError, match="factor must be at least 1, got"):
        Wide(factor=factor)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf, 10**400, np.array([1.0, np.nan])])
def test_infinity_and_nan_are_no_numbers(number: PerBook) -> None:
    """With and without bounds, alone, in lists and in tables."""
    with pytest.raises(ValueError, match="factor must be a finite number, got"):
        Wide(factor=number)
    for value in (number, [1.0, number], {"a": number}, ((number,),)):
        with pytest.raises(ValueError, match="free must be a finite number, got"):
            Free(free=value)


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("pct", 30, r"in 0…1 \(a fraction: 0\.30 means 30 %\)"),
        ("pct", -0.1, r"in 0…1 \(a fraction: 0\.30 means 30 %\)"),
        ("depths", (1, 10**8), "at most 1000"),
        ("wait_s", 1e9, r"at most 1e\+08"),
        ("spread_bps", 1e5, "at most 10000"),
        ("free", 1e300, r"at most 1e\+12"),
        ("free", -1e300, r"at least -1e\+12"),
    ],
)
def test_numbers_that_nobody_means_are_refused(name: str, value: object, what: str) -> None:
    """What a unit admits holds where the option has no bounds of its own."""
    with pytest.raises(ValueError, match=f"^{name} must be {what}, got"):
        Free(**{name: value})


def test_endless_options_may_be_infinite() -> None:
    """In one direction only, if they say so or are so by default."""
    assert (np.inf, np.inf) == (Free(never_s=np.inf).never_s, Free().still_s)
    for name in ("never_s", "still_s"):
        for value in (-np.inf, np.nan):
            with pytest.raises(ValueError, match=f"{name} must be a finite number"):
                Free(**{name: value})


def test_texts_and_flags_have_no_bounds() -> None:
    """Whatever they hold."""
    for value in ("1e999", True, None, ["a"]):
        assert value == Free(free=value).free


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

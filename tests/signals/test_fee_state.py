"""The fee state of each book."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.market import Signals
from obmm.signals import FeeState
from obmm.testing import Flaw, random_state, spoiled


def test_columns_are_ratio_maker_taker() -> None:
    """The state's own numbers, unchanged."""
    state = random_state(2)
    value = FeeState()(state, Signals(n_books=state.n_books))
    assert (state.n_books, 3) == value.shape
    np.testing.assert_array_equal(state.maker_ratio, value[:, 0])
    np.testing.assert_array_equal(state.accounts.maker_rate, value[:, 1])
    np.testing.assert_array_equal(state.accounts.taker_rate, value[:, 2])


def test_unknown_account_has_no_rates() -> None:
    """The maker share is the book's; rates belong to an account."""
    state = spoiled(random_state(2, n_books=2), {1: Flaw.NO_ACCOUNT})
    value = FeeState()(state, Signals(n_books=2))
    assert [[False, False, False], [False, True, True]] == np.isnan(value).tolist()


def test_untold_ratio_is_nan() -> None:
    """A state that does not tell the maker share leaves it open."""
    state = attrs.evolve(random_state(2, n_books=1), maker_ratio=[np.nan])
    assert np.isnan(FeeState()(state, Signals(n_books=1))[0, 0])

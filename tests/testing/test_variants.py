"""Variants of a state change what they say and nothing else."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.market import NoticeKind, Notices
from obmm.testing import Flaw, random_state, selected, spoiled, with_levels

UNSOUND = set(Flaw) - {Flaw.THIN, Flaw.HUGE_SIZE, Flaw.NO_ACCOUNT, Flaw.NAN_ACCOUNT}


@pytest.mark.parametrize("flaw", Flaw)
def test_flaw_makes_its_book_unsound(flaw: Flaw) -> None:
    """A flaw of prices or sizes at the touch shows in `sound`; a thin or rich book is still one."""
    state = spoiled(random_state(1, n_books=3), {1: flaw})
    assert [True, flaw not in UNSOUND, True] == state.sound.tolist()


@pytest.mark.parametrize("flaw", Flaw)
def test_flaw_touches_only_its_book(flaw: Flaw) -> None:
    """The other books are as they were."""
    state = random_state(1, n_books=3)
    assert selected(state, [0, 2]) == selected(spoiled(state, {1: flaw}), [0, 2])


@pytest.mark.parametrize("flaw", Flaw)
def test_flaw_changes_its_book(flaw: Flaw) -> None:
    """Every flaw is one."""
    state = random_state(1, n_books=3)
    assert selected(state, [1]) != selected(spoiled(state, {1: flaw}), [1])


def test_selecting_all_books_changes_nothing() -> None:
    """The identity selection gives an equal state."""
    state = random_state(2, n_books=5)
    assert state == selected(state, np.arange(5))


def test_selecting_twice_undoes_a_permutation() -> None:
    """A permutation followed by its inverse gives an equal state."""
    state = random_state(2, n_books=5)
    order = np.array([3, 0, 4, 1, 2])
    assert state == selected(selected(state, order), np.argsort(order))


def test_selected_notices_follow_their_books() -> None:
    """Notices keep their book under its new index; global ones stay, others go."""
    none = Notices.none()
    rows = {f.name: np.zeros(3) for f in attrs.fields(Notices) if f.name != "message"}
    notices = attrs.evolve(
        none, **{**rows, "kind": [NoticeKind.FILL] * 3, "book": [2, -1, 0]}, message=("a", "b", "c")
    )
    state = attrs.evolve(random_state(1, n_books=3, events_per_book=2.0), notices=notices, tape=None)
    taken = selected(state, [1, 2]).notices
    assert taken.book.tolist() == [1, -1]
    assert taken.message == ("a", "b")


def test_levels_can_be_cut_and_padded() -> None:
    """Cutting keeps the best levels; padding adds empty ones."""
    state = random_state(4, n_levels=5)
    np.testing.assert_array_equal(state.bid_price[:, :2], with_levels(state, 2).bid_price)
    padded = with_levels(state, 7)
    assert np.isnan(padded.ask_price[:, 5:]).all()
    assert with_levels(padded, 5) == state

"""All books together may lean only so far."""

from __future__ import annotations

from obmm.market import Reason, Venue
from obmm.risk import ExposureGate
from risk.gate_scenes import applied, scene, without_bids


def test_the_adding_side_halves_when_the_net_position_is_too_large() -> None:
    """60,000 of net position over 100,000 of capital exceed one half; asks bring it back and stay whole."""
    limits = applied(ExposureGate(), scene(position=100.0, quote=-4_000.0))
    assert [0.5, 0.5] == limits.bid_size_factor.tolist()
    assert [1.0, 1.0] == limits.ask_size_factor.tolist()
    assert [[Reason.EXPOSURE] * 2, [0, 0]] == [limits.bid_reason.tolist(), limits.ask_reason.tolist()]


def test_short_in_sum_the_asks_halve() -> None:
    """On every book, the long one too."""
    limits = applied(ExposureGate(max_share=0.1), scene(position=[-70.0, 10.0], quote=[47_000.0, 23_000.0]))
    assert [1.0, 1.0] == limits.bid_size_factor.tolist()
    assert [0.5, 0.5] == limits.ask_size_factor.tolist()


def test_opposite_positions_cancel() -> None:
    """What counts is the sum over books, not each of them."""
    state = scene(position=[100.0, -100.0], quote=[-4_000.0, 56_000.0])
    assert (applied(ExposureGate(), state).bid_size_factor == 1.0).all()


def test_exactly_the_share_is_allowed() -> None:
    """The limit itself is not beyond the limit."""
    state = scene(1, position=50.0, quote=11_000.0)
    assert applied(ExposureGate(max_share=0.3), state).bid_size_factor.tolist() == [1.0]
    assert applied(ExposureGate(max_share=0.299), state).bid_size_factor.tolist() == [0.5]


def test_a_book_without_mid_counts_at_its_last() -> None:
    """An emptied book does not hide its position."""
    gate = ExposureGate()
    state = scene(position=100.0, quote=-4_000.0)
    applied(gate, state)
    assert applied(gate, without_bids(state, 0)).bid_size_factor[0] == 0.5


def test_accounts_lean_each_by_itself() -> None:
    """Of two groups of two books only the one that leans too far shrinks."""
    venue = Venue.of(4, groups=[0, 0, 1, 1])
    state = scene(4, venue=venue, position=[-10.0, 10.0, 100.0, 100.0], quote=[26_000.0] * 2 + [-4_000.0] * 2)
    limits = applied(ExposureGate(), state)
    assert [1.0, 1.0, 0.5, 0.5] == limits.bid_size_factor.tolist()
    assert [0, 0, Reason.EXPOSURE, Reason.EXPOSURE] == limits.bid_reason.tolist()

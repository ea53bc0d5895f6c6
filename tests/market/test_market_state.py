"""States and what they are made of: views, defaults and what is refused."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import (
    Accounts,
    MarketState,
    Notices,
    OpenOrders,
    Quotes,
    Signals,
    Tape,
    Venue,
)
from obmm.testing import random_state

TWO = Venue.of(2)


def state(**changes: Any) -> MarketState:
    """Two books, the second without asks."""
    return attrs.evolve(
        MarketState.of_books(TWO, [[(299.5, 2.0), (299.4, 1.0)], [(1.0, 1.0)]], [[(300.5, 1.0)], []]),
        **changes,
    )


def test_short_sides_are_filled_with_nan_and_zero() -> None:
    """A side with fewer levels has no price and no size there."""
    assert np.array_equal([[300.5, np.nan], [np.nan, np.nan]], state().ask_price, equal_nan=True)
    assert [[1.0, 0.0], [0.0, 0.0]] == state().ask_size.tolist()


def test_touch_mid_and_spread() -> None:
    """The touch is the first level; what needs both sides is NaN where one is empty."""
    s = state()
    assert (2, 2, 0.0) == (s.n_books, s.n_levels, s.time_s)
    assert [299.5, 1.0] == s.best_bid.tolist()
    assert np.array_equal([300.5, np.nan], s.best_ask, equal_nan=True)
    assert np.array_equal([300.0, np.nan], s.mid, equal_nan=True)
    assert np.array_equal([1.0, np.nan], s.spread, equal_nan=True)


@pytest.mark.parametrize(
    ("bids", "asks", "sound"),
    [
        ([(99.0, 1.0)], [(101.0, 1.0)], True),
        ([(101.0, 1.0)], [(101.0, 1.0)], False),
        ([(-1.0, 1.0)], [(101.0, 1.0)], False),
        ([(99.0, 0.0)], [(101.0, 1.0)], False),
        ([(99.0, 1.0)], [(101.0, -2.0)], False),
        ([(99.0, 1.0)], [(np.inf, 1.0)], False),
        ([(np.nan, 1.0)], [(101.0, 1.0)], False),
        ([(99.0, np.nan)], [(101.0, 1.0)], False),
        ([], [(101.0, 1.0)], False),
    ],
)
def test_sound_books_have_two_positive_uncrossed_sides(
    bids: list[tuple[float, float]], asks: list[tuple[float, float]], sound: bool
) -> None:
    """Any fault at the touch makes the book unsound."""
    assert sound == bool(MarketState.of_books(Venue.of(1), [bids], [asks]).sound[0])


def test_state_refuses_flat_prices() -> None:
    """Prices have a level axis."""
    with pytest.raises(ValueError, match=r"MarketState.bid_price has shape \(2,\)"):
        state(bid_price=np.ones(2))


@pytest.mark.parametrize(
    ("name", "part"),
    [("accounts", Accounts.of(3)), ("open_orders", OpenOrders.empty(1)), ("tape", Tape.empty(5))],
)
def test_parts_must_speak_of_the_same_books(name: str, part: object) -> None:
    """A part with another number of books is refused by name."""
    with pytest.raises(ValueError, match=f"MarketState.{name} has"):
        state(**{name: part})


def test_representations_are_short() -> None:
    """Each type shows its size, not its arrays."""
    assert "MarketState(t=0s, 2 books x 2 levels, uid 0, 0 open orders)" == repr(state())
    assert "Accounts(1 of 2 books known)" == repr(Accounts.of(2, known=[True, False]))
    assert "Notices(0)" == repr(Notices.none())
    assert "Venue(0 books, tick –, minimum –, wealth –, simulation '')" == repr(Venue.of(0))


def test_venue_shows_the_span_of_its_books() -> None:
    """Unequal books are shown from the least to the largest."""
    venue = Venue.of(2, wealth_quote=1.0, fees=TWO.fees)
    assert "wealth 1…3" in repr(attrs.evolve(venue, wealth_quote=[1.0, 3.0]))


def test_venue_translates_ids() -> None:
    """Ids need not be positions; an unknown one is a KeyError."""
    venue = Venue.of(3, book_ids=[7, 2, 40])
    assert [0, 2] == [venue.index_of(7), venue.index_of(40)]
    with pytest.raises(KeyError):
        venue.index_of(0)


def test_smallest_size_is_rounded_up_to_a_lot() -> None:
    """A minimum between two lots asks for the larger one."""
    assert [2500, 25364] == attrs.evolve(TWO, min_size_base=[0.25, 2.53631]).min_lots.tolist()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"book_ids": [1, 1]}, "repeats an id"),
        ({"price_decimals": [2, 9]}, "price_decimals must lie"),
        ({"volume_decimals": [-1, 4]}, "volume_decimals must lie"),
        ({"min_size_base": [0.0, 1.0]}, "min_size_base must be positive"),
        ({"wealth_quote": [np.nan, 1.0]}, "wealth_quote must be positive"),
        ({"turnover_cap_quote": [1.0, -1.0]}, "turnover_cap_quote must be positive"),
        ({"max_open_orders": 0}, "max_open_orders must be positive"),
        ({"max_instructions": 0}, "max_instructions must be positive"),
        ({"publish_interval_ns": 0}, "publish_interval_ns must be positive"),
    ],
)
def test_venue_refuses_impossible_facts(changes: dict[str, Any], message: str) -> None:
    """Each impossible fact is refused by its name."""
    with pytest.raises(ValueError, match=message):
        attrs.evolve(TWO, **changes)


def test_endowment_is_not_a_position() -> None:
    """Own base counts loans and collateral, and the position what was added to the endowment."""
    accounts = Accounts.of(
        1,
        base=10.0,
        quote=100.0,
        base_total=12.0,
        base_free=11.5,
        quote_free=90.0,
        base_loan=1.0,
        base_collateral=0.5,
    )
    assert 11.5 == accounts.base_own[0]
    assert 1.5 == accounts.position[0]
    assert (0.5, 10.0) == (accounts.base_reserved[0], accounts.quote_reserved[0])
    assert 100.0 + 11.5 * 2.0 == accounts.value([2.0])[0]
    assert 1 == accounts.n_books


def test_unknown_accounts_hold_nothing() -> None:
    """Where there is no account every number is 0 and the traded volume unknown."""
    accounts = Accounts.unknown(2)
    assert not accounts.known.any()
    assert [0.0, 0.0] == (accounts.base_total + accounts.taker_rate + accounts.quote_initial).tolist()
    assert np.isnan(accounts.traded_quote).all()


def test_columns_with_offsets_know_their_books() -> None:
    """Rows of a book are a slice, and each row tells its book."""
    one = {f.name: [1, 1, 1] for f in attrs.fields(OpenOrders)}
    orders = OpenOrders(**{**one, "offset": [0, 2, 3]})
    assert [0, 0, 1] == orders.book.tolist()
    assert [2, 1] == orders.count.tolist()
    assert (slice(2, 3), 3, 2) == (orders.rows(1), len(orders), orders.n_books)
    tape = Tape(**{**{f.name: [1, 1, 1] for f in attrs.fields(Tape)}, "offset": [0, 0, 3]})
    assert [1, 1, 1] == tape.book.tolist()
    assert (slice(0, 3), 3, "Tape(2 books, 3 events)") == (tape.rows(1), len(tape), repr(tape))


def test_notices_want_a_message_for_each_row() -> None:
    """Messages count as a column."""
    with pytest.raises(ValueError, match=r"Notices.message has 1 rows, expected 0"):
        attrs.evolve(Notices.none(), message=("late",))


def test_quotes_need_a_level_axis() -> None:
    """Quotes are (B, K)."""
    with pytest.raises(ValueError, match=r"expected \(books, levels\)"):
        attrs.evolve(Quotes.none(2), bid_price=np.ones(2))


def test_quotes_want_a_price_and_a_size() -> None:
    """A quote without a finite price or a positive size is none."""
    quotes = attrs.evolve(
        Quotes.none(3),
        bid_price=[[1.0], [np.nan], [2.0]],
        bid_size=[[1.0], [1.0], [0.0]],
        ask_price=[[1.0]] * 3,
    )
    assert [[True], [False], [False]] == quotes.has_bid.tolist()
    assert not quotes.has_ask.any()
    assert (3, 1) == (quotes.n_books, quotes.n_levels)


def test_signals_are_read_only_and_found_by_name() -> None:
    """A signal can be read as it is or by its first column, and not be changed."""
    signals = Signals(n_books=2)
    signals.add("wide", np.array([[1.0, 2.0], [3.0, 4.0]]))
    signals.add("flat", np.array([5.0, 6.0]))
    assert [1.0, 3.0] == signals.scalar("wide").tolist()
    assert [5.0, 6.0] == signals.scalar("flat").tolist()
    assert (["wide", "flat"], 2, "Signals(2 books: wide, flat)") == (
        list(signals),
        len(signals),
        repr(signals),
    )
    with pytest.raises(ValueError, match="read-only"):
        signals["flat"][0] = 1.0


def test_unknown_signal_names_those_there_are() -> None:
    """A name without a near match lists what exists."""
    signals = Signals(n_books=1)
    signals.add("mid", np.array([1.0]))
    with pytest.raises(KeyError, match=r"there are \['mid'\]"):
        signals["volatility"]
    assert "Signals(1 books: none)" == repr(Signals(n_books=1))


@pytest.mark.parametrize("value", [np.ones(3), np.ones((2, 1, 1)), np.float64(1.0)])
def test_signal_must_start_with_the_books(value: np.ndarray) -> None:
    """A signal of another shape is refused by name."""
    with pytest.raises(ValueError, match="signal 'odd' has shape"):
        Signals(n_books=2).add("odd", value)


def arrays_of(part: object) -> Iterator[tuple[str, np.ndarray]]:
    """Every array that can be reached from a part by its public names, with its path."""
    for name in dir(part):
        value = None if name.startswith("_") else getattr(part, name)
        if isinstance(value, np.ndarray):
            yield f"{type(part).__name__}.{name}", value
        elif type(value).__module__.startswith("obmm.market") and not isinstance(value, enum.Enum):
            yield from arrays_of(value)


def test_no_array_of_a_state_can_be_written_to_and_no_flag_set_back() -> None:
    """A stage that scribbles on its input fails; what others see stays as it was."""
    seen = random_state(3, n_books=2)
    shared = {path: array for path, array in arrays_of(seen) if array.base is not None}
    assert {"MarketState.bid_price", "MarketState.mid", "MarketState.competing_touch"} <= set(shared)
    assert {"Accounts.position", "OpenOrders.price", "Notices.kind", "Tape.price", "Venue.book_ids"} <= set(
        shared
    )
    for array in shared.values():
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
        with pytest.raises(ValueError, match="WRITEABLE"):
            array.setflags(write=True)


def test_a_state_does_not_follow_the_array_it_was_made_of() -> None:
    """Buffers may be used again for the next state."""
    seen = random_state(3, n_books=2)
    buffer = np.array(seen.bid_price)
    made = attrs.evolve(seen, bid_price=buffer)
    buffer[:] = 0.0
    assert seen == made


def test_a_signal_does_not_follow_what_its_stage_writes_later() -> None:
    """A stage may keep its array and reuse it."""
    signals, memory = Signals(n_books=2), np.ones(2)
    signals.add("x", memory)
    memory[:] = 5.0
    assert [1.0, 1.0] == signals["x"].tolist()
    with pytest.raises(ValueError, match="read-only"):
        signals.age_s[0] = 1.0

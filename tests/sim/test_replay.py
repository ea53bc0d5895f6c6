"""A recorded flow matched anew with own orders standing in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

import itertools

import attrs

from obmm.market import Feed, InstructionKind, MarketState, NoticeKind, Orders, Tape, Venue
from obmm.market.tape import EventKind
from obmm.sim import Scenario, SimulatedMarket
from obmm.sim.recorded._book import FIRST_OWN_ID
from obmm.sim.replay import ReplayedMarket
from obmm.wire import read_stream

ORDER, TRADE, CANCEL = EventKind.ORDER, EventKind.TRADE, EventKind.CANCEL
START = 600
BUY, SELL = 0, 1


def tape(second: int, *events: tuple[EventKind, int, float, float, int, int]) -> Tape:
    """Events (kind, side, price, size, order id, taker order id), a tenth of a second apart.

    Events of one aggressor stand at one instant.
    """
    rows = [list(event) for event in events]
    taker = [row[5] if row[0] == TRADE else row[4] for row in rows]
    instant = np.cumsum([0, *(a != b for a, b in itertools.pairwise(taker))])[: len(rows)]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[]] * 6
    kind, side, price, size, order, taker_order = columns
    traded = np.array(kind) == TRADE
    return Tape(
        offset=[0, len(rows)],
        kind=kind,
        time_ns=(second * 10 + 1 + instant) * 10**8,
        side=side,
        price=price,
        size=size,
        order_id=order,
        taker_order_id=taker_order,
        maker_id=np.where(traded, -103, -1),
        taker_id=np.where(traded, -7, -1),
        maker_fee=np.zeros(len(rows)),
        taker_fee=np.zeros(len(rows)),
        client_id=np.full(len(rows), -1),
    )


def recording(*seconds: tuple[list, list, list], ratio: float = 0.4) -> list[MarketState]:
    """States of one book from (bids, asks, events) each second."""
    venue = Venue.of(1)
    return [
        attrs.evolve(
            MarketState.of_books(
                venue,
                [pad(bids)],
                [pad(asks)],
                time_ns=(START + k) * 10**9,
                tape=tape(START + k - 1, *events),
            ),
            maker_ratio=np.array([ratio]),
        )
        for k, (bids, asks, events) in enumerate(seconds)
    ]


def pad(levels: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Three levels a side."""
    return [*levels, *[(np.nan, 0.0)] * (3 - len(levels))]


def place(market: ReplayedMarket, side: int, price: float, size: float, **more: object) -> None:
    """An own limit order, sent at once: it arrives 10 ms after the state."""
    market.submit(0, Orders.limits(n_books=1, book=[0], side=side, price=price, size=size, **more))


def fills(state: MarketState) -> list[tuple[float, float]]:
    """(price, size) of the own fills told with a state."""
    notices = state.notices
    rows = notices.kind == NoticeKind.FILL
    return list(zip(notices.price[rows].tolist(), notices.size[rows].tolist(), strict=True))


def levels(state: MarketState, side: int) -> list[tuple[float, float]]:
    """(price, size) of a side."""
    price, size = (state.bid_price, state.bid_size) if side == BUY else (state.ask_price, state.ask_size)
    there = size[0] > 0.0
    return list(zip(price[0, there].tolist(), size[0, there].tolist(), strict=True))


QUIET = ([(299.0, 5.0), (298.0, 10.0)], [(301.0, 5.0), (302.0, 10.0)], [])


def test_an_own_bid_waits_behind_what_stood_there_before_it():
    """5 stand ahead: 4 sold do not reach it, the next aggressor takes the last 1 and then the own 2."""
    market = ReplayedMarket(
        recording(
            QUIET,
            ([(299.0, 1.0), (298.0, 10.0)], QUIET[1], [(TRADE, SELL, 299.0, 4.0, 1, 90)]),
            (
                [(298.0, 8.0)],
                QUIET[1],
                [(TRADE, SELL, 299.0, 1.0, 1, 91), (TRADE, SELL, 298.0, 2.0, 2, 91)],
            ),
        ),
        feeds={Feed.QUEUE},
    )
    market.step()
    place(market, BUY, 299.0, 2.0)
    waiting = market.step()[0]
    assert fills(waiting) == []
    assert waiting.open_orders.queue_ahead.tolist() == [1.0]
    assert levels(waiting, BUY) == [(299.0, 3.0), (298.0, 10.0)]
    filled = market.step()[0]
    assert fills(filled) == [(299.0, 2.0)]
    assert len(filled.open_orders) == 0
    assert filled.accounts.position.tolist() == [2.0]
    assert filled.accounts.quote_total[0] == pytest.approx(25_000.0 - 598.0)


def test_what_an_own_fill_kept_from_another_order_leaves_with_its_recorded_end():
    """The own ask takes 1 of 3, so 3 of order 2's 5 are left, not 2, until its cancel takes all of them."""
    market = ReplayedMarket(
        recording(
            ([(299.0, 5.0)], [(302.0, 10.0)], []),
            ([(299.0, 5.0)], [(301.0, 5.0), (302.0, 10.0)], [(ORDER, SELL, 301.0, 5.0, 2, -1)]),
            ([(299.0, 5.0)], [(301.0, 2.0), (302.0, 10.0)], [(TRADE, BUY, 301.0, 3.0, 2, 90)]),
            ([(299.0, 5.0)], [(302.0, 10.0)], [(CANCEL, -1, 301.0, 2.0, 2, -1)]),
        )
    )
    market.step()
    place(market, SELL, 300.5, 1.0)
    assert levels(market.step()[0], SELL) == [(300.5, 1.0), (301.0, 5.0), (302.0, 10.0)]
    after = market.step()[0]
    assert fills(after) == [(300.5, 1.0)]
    assert levels(after, SELL) == [(301.0, 3.0), (302.0, 10.0)]
    assert levels(market.step()[0], SELL) == [(302.0, 10.0)]
    assert market.differences == []


def test_what_an_own_fill_kept_from_another_order_leaves_with_its_last_recorded_fill():
    """In the recording order 2 is filled; here 1 of it was not, and nothing of it stays."""
    market = ReplayedMarket(
        recording(
            ([(299.0, 5.0)], [(302.0, 10.0)], []),
            ([(299.0, 5.0)], [(301.0, 5.0), (302.0, 10.0)], [(ORDER, SELL, 301.0, 5.0, 2, -1)]),
            ([(299.0, 5.0)], [(302.0, 10.0)], [(TRADE, BUY, 301.0, 5.0, 2, 90)]),
        )
    )
    market.step()
    place(market, SELL, 300.5, 1.0)
    market.step()
    after = market.step()[0]
    assert fills(after) == [(300.5, 1.0)]
    assert levels(after, SELL) == [(302.0, 10.0)]


def test_a_recorded_order_that_crosses_an_own_one_trades_with_it():
    """A sell that came to rest at 300 meets the own bid at 300.20 and rests with what is left."""
    market = ReplayedMarket(
        recording(
            QUIET,
            (QUIET[0], [(300.0, 4.0), *QUIET[1]], [(ORDER, SELL, 300.0, 4.0, 9, -1)]),
        ),
        feeds={Feed.TAPE},
    )
    market.step()
    place(market, BUY, 300.2, 1.0)
    state = market.step()[0]
    assert fills(state) == [(300.2, 1.0)]
    assert levels(state, SELL)[0] == (300.0, 3.0)
    kinds = [EventKind(kind).name for kind in state.tape.kind]
    assert kinds == ["ORDER", "TRADE", "ORDER"]
    assert state.tape.maker_id[1] == 0
    assert state.tape.order_id[1] == state.notices.order_id[-1] == FIRST_OWN_ID + 1


def test_what_own_orders_take_is_missing_for_later_ones():
    """The own market order takes 2 of 5 at 301; the recorded 5 find 3 there and go on to 302."""
    market = ReplayedMarket(
        recording(
            QUIET,
            QUIET,
            (
                QUIET[0],
                [(302.0, 10.0)],
                [(TRADE, BUY, 301.0, 5.0, 3, 90)],
            ),
            (*QUIET[:1], [(302.0, 10.0)], []),
        ),
        feeds={Feed.TAPE},
    )
    market.step()
    market.submit(0, Orders.of(1, InstructionKind.MARKET, [0], side=BUY, size=2.0))
    bought = market.step()[0]
    assert fills(bought) == [(301.0, 2.0)]
    assert levels(bought, SELL) == [(301.0, 3.0), (302.0, 10.0)]
    state = market.step()[0]
    trades = state.tape.kind == TRADE
    traded = list(zip(state.tape.price[trades].tolist(), state.tape.size[trades].tolist(), strict=True))
    assert traded == [(301.0, 3.0), (302.0, 2.0)]
    assert levels(state, SELL) == [(302.0, 8.0)]


def test_an_own_order_deeper_than_the_view_stands_behind_what_comes_into_view():
    """At 297 nothing is known; a sweep shows that 7 stood there: 3 trade, none of the own."""
    market = ReplayedMarket(
        recording(
            QUIET,
            (
                [(297.0, 4.0)],
                QUIET[1],
                [
                    (TRADE, SELL, 299.0, 5.0, 1, 90),
                    (TRADE, SELL, 298.0, 10.0, 2, 90),
                    (TRADE, SELL, 297.0, 3.0, 3, 90),
                ],
            ),
            ([(297.0, 1.0)], QUIET[1], [(TRADE, SELL, 297.0, 3.0, 4, 91)]),
            ([], QUIET[1], [(TRADE, SELL, 297.0, 1.0, 4, 92)]),
        )
    )
    market.step()
    place(market, BUY, 297.0, 1.0)
    deep = market.step()[0]
    assert fills(deep) == []
    assert levels(deep, BUY) == [(297.0, 5.0)]
    (seen,) = market.differences
    assert (seen.price, seen.recorded, seen.rebuilt, seen.reason) == (297.0, 4.0, 0.0, "came into view")
    assert fills(market.step()[0]) == []
    assert fills(market.step()[0]) == []


def test_an_aggressor_that_rested_is_matched_with_its_limit():
    """2 trade at 301, 3 rest as a bid at 301.50; an own ask at 301.40 is taken before they rest."""
    market = ReplayedMarket(
        recording(
            ([(299.0, 5.0)], [(301.0, 2.0), (302.0, 10.0)], []),
            (
                [(301.5, 3.0), (299.0, 5.0)],
                [(302.0, 10.0)],
                [(TRADE, BUY, 301.0, 2.0, 3, 90), (ORDER, BUY, 301.5, 3.0, 90, -1)],
            ),
        )
    )
    market.step()
    place(market, SELL, 301.4, 1.0)
    state = market.step()[0]
    assert fills(state) == [(301.4, 1.0)]
    assert levels(state, BUY) == [(301.5, 2.0), (299.0, 5.0)]


@pytest.mark.parametrize(("ratio", "rate"), [(0.4, 0.0), (0.3, -0.0009375), (0.5, 0.015 / 36)])
def test_fees_follow_the_recorded_maker_share(ratio, rate):
    """A maker's sale of 1 at 300.5 at three maker shares."""
    market = ReplayedMarket(
        recording(
            ([(299.0, 5.0)], [(301.0, 5.0)], []),
            ([(299.0, 5.0)], [(301.0, 4.0)], [(TRADE, BUY, 301.0, 1.0, 2, 90)]),
            ratio=ratio,
        )
    )
    assert market.step()[0].accounts.maker_rate[0] == pytest.approx(rate)
    place(market, SELL, 300.5, 1.0)
    accounts = market.step()[0].accounts
    assert accounts.quote_total[0] == pytest.approx(25_000.0 + 300.5 * (1.0 - rate), abs=1e-9)


def test_an_order_beyond_the_account_is_refused_and_counted():
    """With the exchange's own code."""
    market = ReplayedMarket(recording(QUIET, QUIET))
    market.step()
    place(market, SELL, 310.0, 1000.0)
    state = market.step()[0]
    assert state.notices.message == ("INSUFFICIENT_BASE",)
    assert market.rejects(0) == {"INSUFFICIENT_BASE": 1}


def test_an_own_order_expires_and_is_cancelled_in_its_time():
    """GTT of half a second is gone at the next state; a cancel acts 10 ms after it was sent."""
    market = ReplayedMarket(recording(QUIET, QUIET, QUIET))
    market.step()
    orders = Orders.limits(
        n_books=1, book=[0, 0], side=[BUY, BUY], price=[298.5, 298.4], size=1.0, time_in_force=[1, 0]
    )
    market.submit(0, attrs.evolve(orders, expiry_ns=np.array([500_000_000, 0])))
    state = market.step()[0]
    assert state.open_orders.price.tolist() == [298.4]
    market.submit(0, Orders.cancels(n_books=1, book=[0], order_id=state.open_orders.order_id))
    assert len(market.step()[0].open_orders) == 0


def test_a_late_answer_is_lost():
    """More than the time limit of 3 s."""
    market = ReplayedMarket(recording(QUIET, QUIET))
    market.step()
    orders = Orders.limits(n_books=1, book=[0], side=BUY, price=298.5, size=1.0)
    market.submit(0, orders, response_s=3.5)
    assert len(market.step()[0].open_orders) == 0
    assert market.rejects(0) == {"LATE_ANSWER": 1}


def test_after_a_gap_the_book_begins_anew_and_own_orders_stay():
    """A second is missing; the next snapshot is taken as it is."""
    states = recording(
        QUIET,
        QUIET,
        QUIET,
        ([(299.5, 3.0)], [(303.0, 2.0)], [(ORDER, BUY, 299.5, 3.0, 50, -1)]),
    )
    market = ReplayedMarket([*states[:2], states[3]])
    market.step()
    place(market, BUY, 298.5, 1.0)
    market.step()
    state = market.step()[0]
    assert levels(state, BUY) == [(299.5, 3.0), (298.5, 1.0)]
    assert levels(state, SELL) == [(303.0, 2.0)]
    assert market.differences == []
    assert market.step() is None


def test_borrowed_volume_is_told_as_such():
    """A level of 5.25001234 base: the fraction of a lot gives the leverage away."""
    (bids, asks, _), level = QUIET, (298.5, 5.25001234)
    market = ReplayedMarket(
        recording(
            QUIET,
            ([bids[0], level, bids[1]], asks, [(ORDER, BUY, 298.5, 5.0, 4, -1)]),
            (bids, asks, [(CANCEL, -1, 298.5, 5.0, 4, -1)]),
        )
    )
    shown = [levels(states[0], BUY) for states in market.states()]
    assert shown == [bids, [bids[0], (298.5, 5.25), bids[1]], bids]
    assert [d.reason for d in market.differences] == ["borrowed volume"]
    assert [d.recorded - d.rebuilt for d in market.differences] == pytest.approx([0.25])


def test_a_leveraged_order_leaves_with_all_that_is_known_of_it_though_its_cancel_tells_more():
    """Of 5 base 2 trade, which are 1.9 of its own volume: the cancel takes 3.1 of the 3 that are known."""
    bids, asks, _ = QUIET
    market = ReplayedMarket(
        recording(
            QUIET,
            ([(299.5, 5.0), *bids], asks, [(ORDER, BUY, 299.5, 5.0, 4, -1)]),
            (bids, asks, [(TRADE, SELL, 299.5, 2.0, 4, 90), (CANCEL, -1, 299.5, 3.1, 4, -1)]),
        )
    )
    assert [levels(states[0], BUY) for states in market.states()] == [bids, [(299.5, 5.0), *bids], bids]
    assert market.differences == []


def test_what_a_level_that_was_bought_up_still_shows_had_been_lent():
    """Of 5.25001234 base at 301 only 5 trade before the sweep goes on: its rest is 3 base, not 2.75."""
    bids, asks, _ = QUIET
    sweep = [
        (TRADE, BUY, 301.0, 5.0, 1, 91),
        (TRADE, BUY, 302.0, 10.0, 2, 91),
        (ORDER, BUY, 302.0, 3.0, 91, -1),
    ]
    market = ReplayedMarket(
        recording((bids, [(301.0, 5.25001234), asks[1]], []), ([(302.0, 3.0), *bids], [], sweep))
    )
    assert [levels(states[0], BUY) for states in market.states()] == [bids, [(302.0, 3.0), *bids]]
    assert market.differences == []


def test_a_recording_without_a_tape_cannot_be_played():
    """Nor can none at all."""
    states = recording(QUIET, QUIET)
    market = ReplayedMarket([states[0], attrs.evolve(states[1], tape=None)])
    market.step()
    with pytest.raises(ValueError, match="no tape"):
        market.step()
    with pytest.raises(ValueError, match="at least one"):
        ReplayedMarket([])


def test_other_grids_are_refused():
    """The exchange has ticks of 0.01 and lots of 0.0001."""
    state = recording(QUIET)[0]
    venue = Venue.of(1, price_decimals=3)
    with pytest.raises(ValueError, match="decimals"):
        ReplayedMarket([attrs.evolve(state, venue=venue)])


def test_answers_of_strangers_are_refused():
    """The recording has one account."""
    market = ReplayedMarket(recording(QUIET))
    with pytest.raises(KeyError):
        market.submit(7, Orders.none(1))


def test_closing_lets_go_of_the_recording():
    """A generator that reads a file is closed."""
    closed = []

    def source():
        try:
            yield from recording(QUIET, QUIET)
        finally:
            closed.append(True)

    with ReplayedMarket(source()) as market:
        market.step()
        assert repr(market) == "ReplayedMarket(1 books, uid 0, t=600s)"
    assert closed == [True]


@pytest.fixture(scope="module")
def simulated() -> list[MarketState]:
    """Three minutes of two simulated books with synthetic miners."""
    feeds = {Feed.TAPE}
    with SimulatedMarket("taos-0.5.4", books=2, seed=3, feeds=feeds) as market:
        return [states[0] for states in market.states(seconds=180)]


def same_book(a: MarketState, b: MarketState) -> bool:
    """Whether two states show the same levels."""
    return all(
        np.allclose(getattr(a, name), getattr(b, name), rtol=0.0, atol=atol, equal_nan=True)
        for name, atol in (("bid_price", 1e-9), ("ask_price", 1e-9), ("bid_size", 6e-5), ("ask_size", 6e-5))
    )


def same_tape(a: Tape, b: Tape) -> bool:
    """Whether two tapes tell the same trades and orders."""
    names = ("kind", "time_ns", "side", "price", "size", "order_id", "taker_order_id")
    return len(a) == len(b) and all(
        np.allclose(getattr(a, name), getattr(b, name), rtol=0.0, atol=1e-9, equal_nan=True) for name in names
    )


def test_a_simulated_market_replays_to_itself(simulated):
    """Books, tape and owners of every second; nothing is borrowed here, so nothing is unexplained."""
    market = ReplayedMarket(simulated, feeds={Feed.TAPE})
    for k, (expected, states) in enumerate(zip(simulated, market.states(), strict=True)):
        assert same_book(expected, states[0]), k
        if k:
            assert same_tape(expected.tape, states[0].tape), k
            assert expected.tape.taker_id.tolist() == states[0].tape.taker_id.tolist()
    assert {d.reason for d in market.differences} <= {"came into view"}


def test_an_order_far_away_changes_nothing_but_its_own_level(simulated):
    """A bid at 200 stands and the recorded book around it is as it was."""
    market = ReplayedMarket(simulated)
    market.step()
    market.submit(0, Orders.limits(n_books=2, book=[0, 1], side=BUY, price=200.0, size=1.0))
    for expected, states in zip(simulated[1:], market.states(), strict=True):
        assert same_book(expected, states[0])
    assert states[0].open_orders.count.tolist() == [1, 1]


def test_a_replay_can_stop_and_go_on(simulated):
    """Ten seconds after the first state are eleven states, ten more are ten."""
    market = ReplayedMarket(simulated)
    times = [states[0].time_ns for states in market.states(seconds=10)]
    assert times == [state.time_ns for state in simulated[:11]]
    assert len(list(market.states(seconds=10))) == 10
    played = sum(len(state.tape) for state in simulated[1:21])
    # An aggressor is one event here, its trades and what was left of it are several on the tape.
    assert 0.9 * played < market.events <= played


def test_replays_are_reproducible(simulated):
    """Equal answers give equal fills, delays included."""

    def run() -> list[tuple[float, float]]:
        market = ReplayedMarket(simulated, seed=5)
        traded = []
        for states in market.states():
            state = states[0]
            traded += fills(state)
            quotes = [state.best_bid[0] + 0.01, state.best_ask[0] - 0.01]
            orders = Orders.limits(
                n_books=2,
                book=[0, 0],
                side=[BUY, SELL],
                price=quotes,
                size=1.0,
                time_in_force=1,
                expiry_ns=10**9,
            )
            market.submit(0, orders, response_s=0.1)
        return traded

    first = run()
    assert len(first) > 10
    assert first == run()


@pytest.mark.parametrize(
    ("name", "seconds"),
    [
        ("background-8books-1h", 240),
        ("two-miners-8books-10min", 240),
        ("taos-0.6.2-class0-8books-1h", 240),
        ("taos-0.6.2-class1-8books-1h", 120),
        pytest.param("background-8books-1h", 3600, marks=pytest.mark.long),
        pytest.param("taos-0.6.2-class0-8books-1h", 3600, marks=pytest.mark.long),
        pytest.param("taos-0.6.2-class1-8books-1h", 3600, marks=pytest.mark.long),
    ],
)
def test_the_recorded_market_is_rebuilt_from_its_events_at_every_second(shared_data: Path, name, seconds):
    """Without own orders every one of the 21 levels a side is the recorded one; leverage is told."""
    file = shared_data / "captures" / f"{name}.msgpack.zst"
    states = []

    def source():
        for recorded in read_stream(file, frozenset({Feed.TAPE})):
            if len(states) == seconds:
                return
            states.append(recorded.state)
            yield recorded.state

    market = ReplayedMarket(source())
    n = 0
    for replayed in market.states():
        assert same_book(states[-1], replayed[market.uids[0]]), states[-1]
        n += 1
    assert n == seconds
    reasons = [d.reason for d in market.differences]
    assert "unexplained" not in reasons
    # Of 28,800 book-seconds of an hour 343 at most showed a level that the events do not tell.
    assert reasons.count("came into view") < 350


def test_scenarios_can_be_given_as_such():
    """Delays are those of the scenario."""
    scenario = Scenario.load("taos-0.5.4")
    assert ReplayedMarket(recording(QUIET), scenario=scenario).scenario is scenario

"""The embedded market as its users see it."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import BUY, SELL, EventKind, Feed, MarketState, NoticeKind, Orders
from obmm.sim import Scenario, SimulatedMarket, warmup
from obmm.sim._fleet import Fleet
from obmm.sim.exchange._layout import FAULT_EVENTS, FAULT_TAPE

PLAIN = Scenario.load("taos-0.5.4")


def market(books: int = 1, **arguments: Any) -> SimulatedMarket:
    """A small market on one thread."""
    return SimulatedMarket(
        arguments.pop("scenario", PLAIN), books=books, **{"seed": 1, "threads": 1} | arguments
    )


def bid(books: int = 1, price: float = 290.0, size: float = 1.0, **columns: Any) -> Orders:
    """A bid on each book, far from the touch unless told."""
    book = list(range(books))
    return Orders.limits(n_books=books, book=book, **{"side": BUY, "price": price, "size": size} | columns)


def quote(state: MarketState, half_spread: float, size: float = 1.0) -> Orders:
    """A bid and an ask around the middle of every book."""
    n = state.n_books
    mid = np.repeat(state.mid, 2)
    away = np.tile([-half_spread, half_spread], n)
    return Orders.limits(
        n_books=n,
        book=np.repeat(np.arange(n), 2),
        side=np.tile([BUY, SELL], n),
        price=np.round(mid + away, 2),
        size=size,
        time_in_force=1,
        expiry_ns=3_000_000_000,
    )


def test_the_first_state_comes_at_the_end_of_the_grace_period_then_one_each_second() -> None:
    """Times of the first states of a run of three seconds."""
    times = [states[0].time_s for states in market().states(seconds=3)]
    assert times == [600.0, 601.0, 602.0]


def test_a_run_goes_on_where_the_last_one_ended() -> None:
    """Two runs of two seconds are four states."""
    running = market()
    times = [s[0].time_s for _ in range(2) for s in running.states(seconds=2)]
    assert times == [600.0, 601.0, 602.0, 603.0]


def test_states_end_with_the_simulation() -> None:
    """A simulation of 603 seconds shows four states."""
    short = attrs.evolve(PLAIN, venue=attrs.evolve(PLAIN.venue, duration_s=603.0))
    assert [s[0].time_s for s in market(scenario=short).states()] == [600.0, 601.0, 602.0, 603.0]


def test_a_state_shows_two_sided_books_and_the_miners_endowment() -> None:
    """21 sound levels, total wealth 50,000 at 300 with at least half of it in quote."""
    state = market(books=3).step()[0]
    assert state.sound.all()
    assert state.bid_price.shape == (3, 21)
    assert (np.diff(state.bid_price) < 0.0).all()
    assert (np.diff(state.ask_price) > 0.0).all()
    assert state.accounts.value(300.0) == pytest.approx(50_000.0, abs=0.05)
    assert (state.accounts.quote_total >= 25_000.0).all()
    assert (state.accounts.position == 0.0).all()
    assert state.tape is None


def test_orders_rest_and_bind_funds_and_are_confirmed() -> None:
    """The next state shows the order, what it reserves, and the acceptance."""
    running = market(books=2)
    running.step()
    running.submit(0, bid(2, client_id=[5, 6]), response_s=0.1)
    state = running.step()[0]
    assert state.open_orders.book.tolist() == [0, 1]
    assert state.open_orders.client_id.tolist() == [5, 6]
    assert state.accounts.quote_reserved == pytest.approx([290.0, 290.0])
    assert state.open_orders.time_ns.tolist() == [600_011_217_983, 600_011_217_983]
    assert [NoticeKind.ACCEPTED] * 2 == state.notices.kind.tolist()
    assert state.notices.time_ns.tolist() == state.open_orders.time_ns.tolist()


def test_a_slow_answer_is_confirmed_one_state_after_the_order_shows() -> None:
    """With more than half a second of delay the acceptance comes a state late."""
    running = market()
    running.step()
    running.submit(0, bid(), response_s=2.7)
    first, second = running.step()[0], running.step()[0]
    assert (len(first.open_orders), len(first.notices)) == (1, 0)
    assert (len(second.open_orders), len(second.notices)) == (1, 1)


def test_an_answer_after_the_time_limit_is_lost() -> None:
    """Nothing arrives and the loss is counted."""
    running = market()
    running.step()
    running.submit(0, bid(), response_s=3.01)
    assert len(running.step()[0].open_orders) == 0
    assert running.rejects(0) == {"LATE_ANSWER": 1}


def test_only_five_instructions_of_a_book_pass_and_its_cancels_are_one() -> None:
    """Seven bids leave five; seven cancels and four bids all pass."""
    running = market()
    running.step()
    seven = Orders.limits(n_books=1, book=[0] * 7, side=BUY, price=290.0, size=1.0)
    running.submit(0, seven)
    state = running.step()[0]
    assert len(state.open_orders) == 5
    assert running.rejects(0) == {"INSTRUCTION_LIMIT": 2}
    ids = state.open_orders.order_id
    cancels = Orders.cancels(n_books=1, book=np.zeros(5, dtype=np.int64), order_id=ids)
    running.submit(0, cancels.joined(seven.take(range(4))))
    state = running.step()[0]
    assert len(state.open_orders) == 4
    assert not np.isin(state.open_orders.order_id, ids).any()


def test_further_instructions_of_a_book_wait_five_to_twenty_five_milliseconds() -> None:
    """The first acts after 10 ms, each other one after its own random extra."""
    running = market(books=2)
    running.step()
    orders = Orders.limits(n_books=2, book=[0, 0, 1, 0], side=BUY, price=290.0, size=1.0)
    running.submit(0, orders)
    times = running.step()[0].open_orders
    waited = (times.time_ns - 600_000_000_000) / 1e6
    first = np.array([10.0, 10.0])
    assert first.tolist() == sorted(waited)[:2]
    extras = np.sort(waited)[2:] - 10.0
    assert ((extras >= 5.0) & (extras <= 25.0)).all()
    assert extras[0] != extras[1]


def test_beyond_the_turnover_cap_only_cancels_pass() -> None:
    """After more than the capped volume a new order is dropped, a cancel is not."""
    capped = attrs.evolve(PLAIN, venue=attrs.evolve(PLAIN.venue, turnover_cap_quote=200.0))
    running = market(scenario=capped)
    running.step()
    take = Orders.of(1, 1, [0], side=BUY, size=1.0)
    running.submit(0, take.joined(bid()))
    state = running.step()[0]
    assert state.accounts.traded_quote[0] > 200.0
    cancel = Orders.cancels(n_books=1, book=[0], order_id=state.open_orders.order_id)
    running.submit(0, cancel.joined(bid()))
    assert len(running.step()[0].open_orders) == 0
    assert running.rejects(0) == {"TURNOVER_CAP": 1}


def test_rejects_are_counted_by_code() -> None:
    """Too small, too dear, leveraged."""
    running = market()
    running.step()
    orders = bid(size=0.24).joined(bid(size=1e6)).joined(bid(leverage=1.0))
    running.submit(0, orders)
    running.step()
    expected = {"MINIMUM_ORDER_SIZE_VIOLATION": 1, "INSUFFICIENT_QUOTE": 1, "NOT_SIMULATED": 1}
    assert expected == running.rejects(0)


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        (bid(price=np.nan), "price: not finite"),
        (bid(price=-1.0), "price: not positive"),
        (bid(size=0.0), "size: not positive"),
        (bid(side=2), "side: neither buy nor sell"),
        (attrs.evolve(bid(), book=[1]), "book: the venue has no such book"),
        (bid(delay_ns=-1), "delay_ns: negative"),
    ],
)
def test_an_order_that_would_cost_the_answer_is_not_sent(orders: Orders, reason: str) -> None:
    """As on the wire: the others of the answer go out, and the reason is counted."""
    running = market()
    running.step()
    running.submit(0, orders.joined(bid()))
    assert len(running.step()[0].open_orders) == 1
    assert running.rejects(0) == {reason: 1}


def test_every_price_on_the_grid_arrives_as_it_is() -> None:
    """290.63 and 0.3 lie below their decimals as doubles and still rest where they were meant to."""
    running = market()
    running.step()
    running.submit(0, bid(price=290.63, size=0.3))
    open_orders = running.step()[0].open_orders
    assert (open_orders.price.tolist(), open_orders.size.tolist()) == ([290.63], [0.3])


def play(running: SimulatedMarket, seconds: float = 60.0) -> str:
    """Quote inside the makers for a minute; the fingerprint of the run."""
    for states in running.states(seconds):
        for uid, state in states.items():
            running.submit(uid, quote(state, 0.1 + 0.2 * uid), response_s=0.1)
    return running.digest()


def test_any_number_of_threads_gives_the_same_run() -> None:
    """Five books in blocks of two on one, two, three and ten threads."""
    blocks = attrs.evolve(PLAIN, venue=attrs.evolve(PLAIN.venue, books_per_block=2))
    digests = {
        play(market(scenario=blocks, books=5, miners=2, threads=threads), 30) for threads in (1, 2, 3, 10)
    }
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("books", "threads", "shares"), [(16, 8, [16]), (40, 2, [16, 24]), (40, 9, [16, 16, 8])]
)
def test_the_books_of_a_block_stay_on_one_thread(books: int, threads: int, shares: list[int]) -> None:
    """More threads than blocks of sixteen have nothing to do."""
    blocks = [min(16, books - start) for start in range(0, books, 16)]
    fleet = Fleet(lambda number, book, background: None, 10**9, threads, blocks)
    assert [len(share.books) for share in fleet.shares] == shares
    fleet.close()


def test_seeds_differ() -> None:
    """Another seed is another market."""
    assert play(market(seed=1), 5) != play(market(seed=2), 5)


def test_a_book_does_not_depend_on_how_many_others_there_are() -> None:
    """Book 0 of a market of one and of three."""
    alone, among = market(), market(books=3)
    for _ in range(30):
        one, three = alone.step()[0], among.step()[0]
        alone.submit(0, quote(one, 0.1))
        among.submit(0, quote(three, 0.1).take(range(2)))
    assert one.bid_price[0].tolist() == three.bid_price[0].tolist()
    assert one.accounts.base_total[0] == three.accounts.base_total[0]


def test_not_looking_changes_nothing() -> None:
    """Two minutes in one go and second by second."""
    blind, seen = market(), market()
    blind.run(720)
    for _ in range(121):
        seen.step()
    assert (blind.time_ns, blind.digest(), blind.events) == (seen.time_ns, seen.digest(), seen.events)


def test_the_tape_of_a_state_is_that_of_its_last_second() -> None:
    """Also after a stretch nobody looked at."""
    running = market(feeds=(Feed.TAPE,))
    running.run(700)
    for states in running.states(seconds=2):
        state = states[0]
        assert state.tape is not None
        assert len(state.tape) > 20
        assert state.tape.time_ns.min() >= state.time_ns - 10**9
        assert state.tape.time_ns.max() < state.time_ns


def test_fills_reported_to_a_miner_add_up_to_its_balances() -> None:
    """Base and quote follow from the notices, fees included."""
    running = market(books=2)
    first = running.step()[0]
    base, paid = np.zeros(2), np.zeros(2)
    state = first
    for _ in range(240):
        running.submit(0, quote(state, 0.05, size=0.5))
        state = running.step()[0]
        fills = state.notices.kind == NoticeKind.FILL
        sign = np.where(state.notices.side[fills] == BUY, 1.0, -1.0)
        notional = sign * state.notices.size[fills]
        np.add.at(base, state.notices.book[fills], notional)
        cost = notional * state.notices.price[fills] + state.notices.fee[fills]
        np.add.at(paid, state.notices.book[fills], cost)
    assert np.abs(base).sum() > 0.0
    # A buyer's fee is paid in base, so only the value at the last prices can agree, to a tick per fill.
    value = state.accounts.value(state.mid) - first.accounts.value(state.mid)
    assert value == pytest.approx(base * state.mid - paid, abs=0.05)


def test_the_tape_tells_every_order_that_came_and_went() -> None:
    """Orders that came less those that went is the change in the number of resting orders."""
    running = market(books=2, feeds=(Feed.TAPE,))
    running.step()
    before = [int(running._fleet.one(i)[0]["live"].sum()) for i in range(2)]
    came, gone = np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64)
    left: dict[tuple[int, int], float] = {}
    for states in running.states(seconds=60):
        tape = states[0].tape
        assert tape is not None
        assert (np.diff(tape.time_ns[tape.rows(0)]) >= 0).all()
        rows = zip(tape.book, tape.kind, tape.order_id, tape.size, tape.price, strict=True)
        for book, kind, order_id, size, price in rows:
            key = (int(book), int(order_id))
            if kind == EventKind.ORDER and not np.isnan(price):
                came[book] += 1
                left[key] = size
            elif key in left:
                left[key] -= size
                if abs(left[key]) < 5e-5:
                    gone[book] += 1
                    del left[key]
            elif kind == EventKind.CANCEL:
                gone[book] += 1
    after = [int(running._fleet.one(i)[0]["live"].sum()) for i in range(2)]
    old_fills = np.array(before) + came - gone - np.array(after)
    assert came.min() > 1000
    assert (old_fills >= 0).all()
    assert old_fills.max() < 30


def test_queue_positions_are_told_where_single_orders_are_published() -> None:
    """Within five levels what stands before us at our price, beyond them nothing."""
    running = market(feeds=(Feed.QUEUE,))
    state = running.step()[0]
    prices = state.bid_price[0, [0, 1, 2, 9]]
    running.submit(0, Orders.limits(n_books=1, book=[0] * 4, side=BUY, price=prices, size=1.0))
    state = running.step()[0]
    told = dict(zip(state.open_orders.price.tolist(), state.open_orders.queue_ahead.tolist(), strict=True))
    orders = running._fleet.one(0)[0]["orders"][0]
    own = orders[(orders["id"] > 0) & (orders["agent"] == 0)]
    published = set(state.bid_price[0, :5].tolist())
    for order in own:
        same = (orders["id"] > 0) & (orders["side"] == BUY) & (orders["tick"] == order["tick"])
        ahead = orders["lots"][same & (orders["id"] < order["id"])].sum() / 1e4
        price = order["tick"] / 100
        assert told[price] == pytest.approx(ahead if price in published else np.nan, nan_ok=True)
    assert np.isfinite(list(told.values())).any()
    assert np.isnan(list(told.values())).any()


def test_a_reset_takes_the_orders_and_gives_a_new_endowment() -> None:
    """Other miners keep what they have."""
    running = market(miners=2)
    running.step()
    for uid in (0, 1):
        running.submit(uid, bid())
    before = running.step()
    running.reset(0)
    after = running.step()
    assert [len(after[uid].open_orders) for uid in (0, 1)] == [0, 1]
    assert before[0].accounts.base_initial[0] != after[0].accounts.base_initial[0]
    assert before[1].accounts.base_initial[0] == after[1].accounts.base_initial[0]
    assert after[0].accounts.value(300.0) == pytest.approx(50_000.0, abs=0.05)


def test_two_assets_have_their_own_prices_and_minimum_sizes() -> None:
    """Version 0.6.2: three books in four start at 300, the fourth at 29.57."""
    state = market(books=4, scenario="taos-0.6.2").step()[0]
    assert state.venue.initial_price.tolist() == [300.0, 300.0, 300.0, 29.57]
    assert state.venue.min_size_base[3] > 2.5
    assert state.mid[3] == pytest.approx(29.57, rel=0.1)


def test_a_book_without_room_stops_the_run() -> None:
    """A pool that ran full is an error, not a quietly wrong market."""
    running = market()
    running.step()
    running._fleet.one(0)[0]["fault"] = FAULT_EVENTS | FAULT_TAPE
    with pytest.raises(RuntimeError, match="pending timers, events of one interval"):
        running.step()


def test_counts_must_make_sense() -> None:
    """No book or a negative number of miners is refused."""
    with pytest.raises(ValueError, match="books"):
        market(books=0)
    with pytest.raises(ValueError, match="miners"):
        market(miners=-1)


def test_warmup_leaves_nothing_to_compile() -> None:
    """Called twice, it is quick the second time because all kernels are there."""
    assert warmup() > 0.0
    assert "2 books" in repr(market(books=2))

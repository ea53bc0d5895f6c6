"""Synthetic rivals: quoters, takers, their accounts and their good sense."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim.background._agent_rivals import rival_quote, rival_take, rivals_answer
from obmm.sim.background._layout import EV_PLACE_MARKET, EV_RIVAL_PLACE, EV_RIVALS_ANSWER
from obmm.sim.exchange._layout import EV_CANCEL
from sim.living import BUY, SECOND, SELL, advance_to, scenario, take_events, world

DELAY = 12_345_678


def rivals(makers: int = 3, takers: int = 0, until_s: float = 603.0, **table) -> tuple:
    """A book with rivals after the grace period: its records and the array that holds the book."""
    market = scenario(makers=makers, takers=takers, rivals=table)
    books, backgrounds = world(market, until_s=until_s)
    return books[0], backgrounds[0], books, backgrounds


def test_rivals_are_miners_after_those_of_the_caller() -> None:
    """One uid for the caller, then quoters, then takers, all with a miner's endowment."""
    b, g, _, _ = rivals(makers=2, takers=3, until_s=0)
    assert (6, 1) == (b["n_miners"], g["slot_rivals"])
    accounts = b["accounts"][1:6]
    wealth = accounts["base_free"] / 1e4 * 300.0 + accounts["quote_free"] / 1e10
    np.testing.assert_allclose(50_000.0, wealth, atol=0.05)
    assert np.all(accounts["quote_free"] / 1e10 >= 25_000 - 0.05)


def test_rivals_wait_for_the_first_state() -> None:
    """Nobody quotes during the grace period."""
    b, _, books, backgrounds = rivals(until_s=600)
    assert 0 == b["accounts"][1:4]["open_orders"].sum()
    advance_to(books, backgrounds, 602)
    assert 6 == b["accounts"][1:4]["open_orders"].sum()


def test_quoters_stand_at_their_distance_from_the_mid_that_the_state_showed() -> None:
    """Half a tick of mid is given to the outside; both sides, post-only; the second comes later."""
    b, g, books, _ = rivals()
    take_events(books)
    mid2 = int(b["touch"].sum())
    for i in range(3):
        rival = g["rivals"][i]
        rival["resting_slot"] = 0
        rival_quote(b, g, i, DELAY)
        events = take_events(books)
        away = int(rival["half_spread_ticks"])
        assert set(events["kind"].tolist()) == {EV_RIVAL_PLACE}
        placed = {int(e["side"]): int(e["tick"]) for e in events}
        assert {BUY: mid2 // 2 - away, SELL: (mid2 + 1) // 2 + away} == placed
        first, second = sorted(int(e["time_ns"]) - int(b["now_ns"]) - DELAY for e in events)
        assert first == 0
        assert 5_000_000 <= second <= 25_000_000


def test_all_quotes_of_a_move_wait_for_the_cancels() -> None:
    """Both cancels are the book's first instruction, whatever is placed comes 5 to 25 ms later."""
    b, g, books, _ = rivals(makers=1, until_s=602)
    take_events(books)
    b["touch"][:] += 50
    rival_quote(b, g, 0, DELAY)
    events = take_events(books)
    waits = events["time_ns"] - b["now_ns"] - DELAY
    assert waits[events["kind"] == EV_CANCEL].tolist() == [0, 0]
    placed = waits[events["kind"] == EV_RIVAL_PLACE]
    assert placed.size == 2
    assert np.all((placed >= 5_000_000) & (placed <= 25_000_000))


def test_a_rival_answers_with_one_delay_on_all_books() -> None:
    """The same uid has the same delay in every book, another one in the next state, others have their own."""
    delays = []
    for book in (0, 1, 40):
        market = scenario(makers=2, takers=0)
        books, backgrounds = world(market, book=book, until_s=601)
        found = []
        for _ in range(3):
            take_events(books)
            for i in range(2):
                backgrounds[0]["rivals"][i]["resting_slot"] = 0
            rivals_answer(books[0], backgrounds[0])
            events = take_events(books)
            placed = events[events["kind"] == EV_RIVAL_PLACE]
            wait = placed["time_ns"] - books[0]["now_ns"]
            found += [int(wait[placed["agent"] == i].min()) for i in range(2)]
        delays.append(found)
    assert delays[0] == delays[1] == delays[2]
    assert len(set(delays[0])) == 6
    assert all(11_000_000 <= delay <= 40_000_000 for delay in delays[0])


def test_rivals_answer_every_state() -> None:
    """The next turn is one publish interval away."""
    b, g, books, _ = rivals(makers=0, takers=1)
    take_events(books)
    g["rivals"][0]["take_chance"] = 0.0
    rivals_answer(b, g)
    (turn,) = take_events(books)
    assert (EV_RIVALS_ANSWER, SECOND) == (turn["kind"], turn["time_ns"] - b["now_ns"])


def test_a_quote_that_still_fits_is_left_in_its_queue() -> None:
    """No cancel, no new order, until the mid moves."""
    b, g, books, _ = rivals(makers=1, until_s=602)
    take_events(books)
    rival = g["rivals"][0]
    assert 2 == b["accounts"][1]["open_orders"]
    ticks = [int(b["orders"][slot]["tick"]) for slot in rival["resting_slot"]]
    # Put the touch where these quotes are the right ones.
    away = int(rival["half_spread_ticks"])
    b["touch"][BUY] = b["touch"][SELL] = ticks[BUY] + away
    if ticks[SELL] - ticks[BUY] != 2 * away:
        b["touch"][SELL] += 1
    rival_quote(b, g, 0, DELAY)
    assert 0 == take_events(books).size
    b["touch"][:] += 3
    rival_quote(b, g, 0, DELAY)
    kinds = take_events(books)["kind"].tolist()
    assert (2, 2) == (kinds.count(EV_CANCEL), kinds.count(EV_RIVAL_PLACE))


def test_quoters_withdraw_while_the_fee_exceeds_their_half_spread() -> None:
    """Ten ticks at 300 are 3.3 basis points."""
    b, g, books, _ = rivals(makers=1, until_s=602)
    take_events(books)
    assert 2 == b["accounts"][1]["open_orders"]
    g["rivals"][0]["half_spread_ticks"] = 10
    b["maker_rate"] = 4e-4
    rival_quote(b, g, 0, DELAY)
    kinds = take_events(books)["kind"].tolist()
    assert (2, 0) == (kinds.count(EV_CANCEL), kinds.count(EV_RIVAL_PLACE))
    b["maker_rate"] = 3e-4
    rival_quote(b, g, 0, DELAY)
    assert 2 == take_events(books)["kind"].tolist().count(EV_RIVAL_PLACE)


def test_takers_send_small_market_orders_to_either_side() -> None:
    """Sizes between the bounds, multiples of the smallest order; at the answer's delay; as often as drawn."""
    b, g, books, _ = rivals(makers=0, takers=1)
    take_events(books)
    chance = float(g["rivals"][0]["take_chance"])
    assert 1.0 - np.exp(-0.3 / 60.0) <= chance <= 1.0 - np.exp(-0.7 / 60.0)
    g["rivals"][0]["take_chance"] = 0.3
    sides, sizes = [], []
    for _ in range(5000):
        rival_take(b, g, 0, DELAY)
        for event in take_events(books):
            assert EV_PLACE_MARKET == event["kind"]
            assert int(b["now_ns"]) + DELAY == event["time_ns"]
            sides.append(int(event["side"]))
            sizes.append(int(event["lots"]) / 2500)
    assert 2.0 <= min(sizes)
    assert max(sizes) <= 20.0
    assert abs(np.mean(sides) - 0.5) < 1.5 / np.sqrt(1500)
    assert abs(len(sizes) / 5000 - 0.3) < 0.025


def test_takers_stay_away_from_fees_beyond_their_limit() -> None:
    """The order does not go while the fee is too high."""
    b, g, books, _ = rivals(makers=0, takers=1)
    take_events(books)
    g["rivals"][0]["take_chance"] = 1.0
    limit = float(g["rivals"][0]["highest_rate"])
    assert 2.5e-4 <= limit <= 10e-4
    for rate, kinds in ((limit + 1e-6, []), (limit - 1e-6, [EV_PLACE_MARKET])):
        b["taker_rate"] = rate
        rival_take(b, g, 0, DELAY)
        assert kinds == take_events(books)["kind"].tolist()


def test_the_default_population_moves_the_maker_share_and_keeps_it_moderate() -> None:
    """After an hour and a half of trading it has left the target, and stays between 0.3 and 0.6."""
    market = scenario(makers=2, takers=5)
    shares = []
    for book in range(3):
        books, _ = world(market, book=book, until_s=6000)
        shares.append(float(books[0]["mtr"]))
        assert books[0]["fault"] == 0
    assert all(0.3 < share < 0.6 for share in shares)
    assert 3 == len({*shares} - {0.4})

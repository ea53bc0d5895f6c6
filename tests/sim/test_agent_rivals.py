"""Synthetic rivals: quoters, takers, their accounts and their good sense."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim._agent_rivals import rival_quote, rival_take
from obmm.sim._background_layout import EV_PLACE_MARKET, EV_RIVAL_PLACE, EV_RIVAL_QUOTE, EV_RIVAL_TAKE
from obmm.sim._layout import EV_CANCEL
from sim.living import BUY, SECOND, SELL, advance_to, scenario, take_events, world


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
    """Half a tick of mid is given to the outside; both sides, post-only, after the delay."""
    b, g, books, _ = rivals()
    take_events(books)
    mid2 = int(b["touch"].sum())
    for i in range(3):
        rival = g["rivals"][i]
        rival["resting_slot"] = 0
        rival_quote(b, g, i)
        events = take_events(books)
        away = int(rival["half_spread_ticks"])
        placed = {int(e["side"]): int(e["tick"]) for e in events if e["kind"] == EV_RIVAL_PLACE}
        assert {BUY: mid2 // 2 - away, SELL: (mid2 + 1) // 2 + away} == placed
        waits = [int(e["time_ns"]) - int(b["now_ns"]) for e in events if e["kind"] == EV_RIVAL_PLACE]
        assert all(5_000_000 <= wait - int(rival["delay_ns"]) <= 25_000_000 for wait in waits)
        (turn,) = (e for e in events if e["kind"] == EV_RIVAL_QUOTE)
        assert SECOND == turn["time_ns"] - int(b["now_ns"])


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
    rival_quote(b, g, 0)
    assert [EV_RIVAL_QUOTE] == take_events(books)["kind"].tolist()
    b["touch"][:] += 3
    rival_quote(b, g, 0)
    kinds = take_events(books)["kind"].tolist()
    assert (2, 2) == (kinds.count(EV_CANCEL), kinds.count(EV_RIVAL_PLACE))


def test_quoters_withdraw_while_the_fee_exceeds_their_half_spread() -> None:
    """Ten ticks at 300 are 3.3 basis points."""
    b, g, books, _ = rivals(makers=1, until_s=602)
    take_events(books)
    assert 2 == b["accounts"][1]["open_orders"]
    g["rivals"][0]["half_spread_ticks"] = 10
    b["maker_rate"] = 4e-4
    rival_quote(b, g, 0)
    kinds = take_events(books)["kind"].tolist()
    assert (2, 0) == (kinds.count(EV_CANCEL), kinds.count(EV_RIVAL_PLACE))
    b["maker_rate"] = 3e-4
    rival_quote(b, g, 0)
    assert 2 == take_events(books)["kind"].tolist().count(EV_RIVAL_PLACE)


def test_takers_send_small_market_orders_to_either_side() -> None:
    """Sizes between the bounds, multiples of the smallest order; waits with the drawn mean."""
    b, g, books, _ = rivals(makers=0, takers=1)
    take_events(books)
    sides, sizes, waits = [], [], []
    for _ in range(1500):
        rival_take(b, g, 0)
        for event in take_events(books):
            if event["kind"] == EV_PLACE_MARKET:
                sides.append(int(event["side"]))
                sizes.append(int(event["lots"]) / 2500)
            else:
                assert EV_RIVAL_TAKE == event["kind"]
                waits.append(int(event["time_ns"]) - int(b["now_ns"]))
    assert 2.0 <= min(sizes)
    assert max(sizes) <= 20.0
    assert abs(np.mean(sides) - 0.5) < 1.5 / np.sqrt(1500)
    mean = float(g["rivals"][0]["mean_wait_ns"])
    assert 60e9 / 0.7 <= mean <= 60e9 / 0.3
    assert abs(np.mean(waits) / mean - 1.0) < 3.0 / np.sqrt(1500)


def test_takers_stay_away_from_fees_beyond_their_limit() -> None:
    """The clock goes on, the order does not go."""
    b, g, books, _ = rivals(makers=0, takers=1)
    take_events(books)
    limit = float(g["rivals"][0]["highest_rate"])
    assert 2.5e-4 <= limit <= 10e-4
    b["taker_rate"] = limit + 1e-6
    rival_take(b, g, 0)
    assert [EV_RIVAL_TAKE] == take_events(books)["kind"].tolist()


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

"""The makers of 0.6: turns on one clock, floor and undercut, reaction to fills, inventory."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.sim.background._agent_token_makers import (
    token_maker_filled,
    token_maker_place,
    token_maker_reaction,
    token_maker_turn,
)
from obmm.sim.background._layout import EV_MAKER_QUOTE, EV_MAKER_REACTION, EV_MAKER_TURN, EV_PLACE_MARKET
from obmm.sim.exchange._layout import EV_CANCEL, FILLED_BUY, FILLED_SELL
from sim.living import BUY, EVENT_ROW, SELL, advance_to, scenario, take_events, world


def quiet(asset: int = 0, until_s: float = 420.0, **tables) -> tuple[np.void, np.void, np.ndarray]:
    """A book of 0.6.2 in full swing, its queue emptied and all placements landed."""
    books, backgrounds = world(scenario("taos-0.6.2", **tables), asset=asset, until_s=until_s)
    take_events(books)
    g = backgrounds[0]
    g["makers"]["in_flight_until_ns"] = 0
    g["makers"]["reacting"] = 0
    g["makers"]["flagged"] = 0
    return books[0], g, books


def test_makers_are_silent_until_half_of_the_grace_period() -> None:
    """The wall alone stands before."""
    market = scenario("taos-0.6.2")
    before, _ = world(market, until_s=299)
    after, _ = world(market, until_s=310)
    n_wall = int(before[0]["live"].sum())
    assert before[0]["accounts"][1 + 2 : 1 + 22]["open_orders"].sum() == 0
    assert after[0]["accounts"][1 + 2 : 1 + 22]["open_orders"].sum() > 0
    assert n_wall > 5000


def test_a_turn_replaces_both_quotes_of_one_maker() -> None:
    """Two placements and at most two cancels, each with a latency, and the next turn."""
    b, g, books = quiet()
    for _ in range(20):
        token_maker_turn(b, g)
        events = take_events(books)
        kinds = events["kind"].tolist()
        quotes = events[events["kind"] == EV_MAKER_QUOTE]
        assert 1 == kinds.count(EV_MAKER_TURN)
        assert {BUY, SELL} == set(quotes["side"].tolist())
        assert 1 == len(set(quotes["agent"].tolist()))
        assert kinds.count(EV_CANCEL) <= 2
        waits = events["time_ns"][events["kind"] != EV_MAKER_TURN] - int(b["now_ns"])
        assert waits.min() >= 1e6
        assert waits.max() <= 50e6
        g["makers"]["in_flight_until_ns"] = 0


def test_a_quote_is_in_flight_until_its_maker_has_heard_of_it() -> None:
    """One latency there and one back: until then the side is neither withdrawn nor quoted anew."""
    b, g, books = quiet()
    token_maker_filled(b, g, 4, FILLED_SELL)
    take_events(books)
    token_maker_reaction(b, g, 4)
    (quote,) = (e for e in take_events(books) if e["kind"] == EV_MAKER_QUOTE)
    sent_ns = int(b["now_ns"])
    latency_ns = int(quote["time_ns"]) - sent_ns

    def asked_again() -> list[int]:
        g["makers"][4]["flagged"] = FILLED_SELL
        token_maker_reaction(b, g, 4)
        return [kind for kind in take_events(books)["kind"].tolist() if kind != EV_PLACE_MARKET]

    assert [] == asked_again()
    b["now_ns"] = sent_ns + latency_ns
    token_maker_place(b, g, 4, SELL, int(b["touch"][SELL]) + 500, 10_000, 0)
    assert [] == asked_again()
    b["now_ns"] = sent_ns + 2 * latency_ns
    assert [] == asked_again()
    b["now_ns"] += 1
    assert {EV_CANCEL, EV_MAKER_QUOTE} == set(asked_again())


def test_a_refused_quote_is_known_at_once() -> None:
    """Its side may be quoted again at the instant of the refusal."""
    b, g, books = quiet()
    g["makers"][4]["in_flight_until_ns"][BUY] = int(b["now_ns"]) + 1000
    token_maker_place(b, g, 4, BUY, int(b["touch"][BUY]), 1, 0)
    g["makers"][4]["flagged"] = FILLED_BUY
    token_maker_reaction(b, g, 4)
    assert EV_MAKER_QUOTE in take_events(books)["kind"].tolist()


@pytest.mark.parametrize(("asset", "floor_ticks"), [(0, 12), (1, 3)])
def test_quotes_keep_the_least_spread_around_the_reservation_price(asset: int, floor_ticks: int) -> None:
    """Each side at least half the floor away from the centre, which inventory moves."""
    b, g, books = quiet(asset)
    mid = float(b["touch"].sum()) / 200.0
    p = g["p"]["high_frequency"]
    for _ in range(60):
        token_maker_turn(b, g)
        events = take_events(books)
        g["makers"]["in_flight_until_ns"] = 0
        quotes = {int(e["side"]): int(e["tick"]) for e in events if e["kind"] == EV_MAKER_QUOTE}
        maker = int(events[events["kind"] == EV_MAKER_QUOTE]["agent"][0])
        account = b["accounts"][int(g["slot_makers"]) + maker]
        scale = mid / float(p["reference_price"])
        lean = float(g["makers"][maker]["gamma"]) * float(account["net_lots"]) / 1e4
        centre = 100.0 * (mid - lean * float(p["variance"]) * float(p["inventory_horizon"]) * scale)
        # Rounding and the lost binary tick take up to a tick and a half; noise may come inside by its shift.
        inside = 1.5 + 100.0 * 0.0845 * scale * (float(p["undercut_ticks"]) == 0.0)
        if abs(lean) < 0.1:
            assert quotes[SELL] >= centre + floor_ticks / 2.0 - inside
            assert quotes[BUY] <= centre - floor_ticks / 2.0 + inside


def test_makers_undercut_the_touch_but_not_their_own_half_spread() -> None:
    """In a wide book a quote stands five ticks inside the touch unless its own noise puts it closer."""
    b, g, books = quiet()
    touch = b["touch"].tolist()
    middle = sum(touch) // 2
    b["touch"][BUY], b["touch"][SELL] = middle - 60, middle + 60
    inside = 0
    for _ in range(40):
        token_maker_turn(b, g)
        events = take_events(books)
        g["makers"]["in_flight_until_ns"] = 0
        for event in events[events["kind"] == EV_MAKER_QUOTE]:
            agent = int(g["slot_makers"]) + int(event["agent"])
            if abs(int(b["accounts"][agent]["net_lots"])) < 10_000:
                gap = middle + 60 - event["tick"] if event["side"] == SELL else event["tick"] - middle + 60
                assert gap >= 5 - 2
                inside += 1
    assert inside > 10
    b["touch"][:] = touch


def test_fills_are_answered_once_on_the_sides_concerned() -> None:
    """Two fills before the reaction make one, a tenth of a second and an order's latency later."""
    b, g, books = quiet()
    token_maker_filled(b, g, 4, FILLED_BUY)
    token_maker_filled(b, g, 4, FILLED_BUY)
    (event,) = take_events(books)
    assert (EV_MAKER_REACTION, 4) == (event["kind"], event["agent"])
    assert 101_000_000 <= event["time_ns"] - int(b["now_ns"]) <= 150_000_000
    token_maker_reaction(b, g, 4)
    events = take_events(books)
    quotes = events[events["kind"] == EV_MAKER_QUOTE]
    assert [BUY] == quotes["side"].tolist()
    g["makers"]["in_flight_until_ns"] = 0
    token_maker_filled(b, g, 4, FILLED_BUY)
    token_maker_filled(b, g, 4, FILLED_SELL)
    assert 1 == take_events(books).size
    token_maker_reaction(b, g, 4)
    quotes = take_events(books)
    assert {BUY, SELL} == set(quotes[quotes["kind"] == EV_MAKER_QUOTE]["side"].tolist())


@pytest.mark.parametrize(("inventory", "side"), [(40.0, SELL), (-40.0, BUY)])
def test_a_reaction_may_rebalance_as_a_turn_does(inventory: float, side: int) -> None:
    """A market order toward a flat position, about as often as the model says for a large one."""
    b, g, books = quiet()
    b["accounts"][int(g["slot_makers"]) + 4]["net_lots"] = round(inventory * 10_000)
    g["makers"][4]["inventory_scale"] = 1.0
    spread = 0.01 * float(b["touch"][SELL] - b["touch"][BUY]) / (float(b["touch"].sum()) / 200.0)
    p = g["p"]["high_frequency"]
    chance = np.exp(-((spread / 0.00015) ** 1.5)) * np.exp(-(0.0075**2) / 2e-5)
    assert (0.0075, 1e-5) == (p["rebalance_maker_rate"], p["rebalance_rate_variance"])
    orders = []
    for _ in range(4000):
        g["makers"][4]["flagged"] = FILLED_BUY
        g["makers"]["in_flight_until_ns"] = 0
        token_maker_reaction(b, g, 4)
        events = take_events(books)
        orders += events[events["kind"] == EV_PLACE_MARKET].tolist()
        assert EV_MAKER_QUOTE in events["kind"].tolist()
    assert abs(len(orders) - 4000 * chance) <= 4.0 * np.sqrt(4000 * chance)
    names = list(EVENT_ROW.names or ())
    assert {side} == {order[names.index("side")] for order in orders}
    assert max(order[names.index("lots")] for order in orders) <= 400_000


def test_first_sizes_know_neither_floor_nor_volume() -> None:
    """They are the plain draw until the maker holds a position; then the floor counts."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=2)
    g = backgrounds[0]
    sizes = g["makers"]["size"][:20]
    assert 20 * 2 == np.unique(sizes).size
    # LogN(-0.175, 1.3) lies below 0.25 with probability 0.18.
    assert 1 <= (sizes < 0.25).sum() <= 15
    b = books[0]
    account = b["accounts"][int(g["slot_makers"]) + 3]
    for inventory_lots, is_plain in ((0, True), (1, False)):
        account["net_lots"] = inventory_lots
        before = sizes[3].tolist()
        g["makers"][3]["flagged"] = FILLED_BUY
        token_maker_reaction(b, g, 3)
        assert is_plain == (before == g["makers"]["size"][3].tolist())
    assert g["makers"]["size"][3].min() >= 0.25


def test_makers_of_a_quiet_book_of_the_second_asset_are_missing() -> None:
    """Sizes follow the traded volume down to 0.25 base, and the venue refuses less than 2.5364."""
    b, g, books = quiet(asset=1)
    g["bars"]["lots"] = 1
    account = b["accounts"][int(g["slot_makers"]) + 4]
    g["makers"][4]["sign"] = -1
    account["net_lots"] = 1
    token_maker_filled(b, g, 4, FILLED_BUY)
    token_maker_reaction(b, g, 4)
    quotes = [e for e in take_events(books) if e["kind"] == EV_MAKER_QUOTE]
    assert [2500] == [quote["lots"] for quote in quotes]
    before = int(account["open_orders"])
    token_maker_place(b, g, 4, BUY, int(quotes[0]["tick"]), 2500, 0)
    assert before == account["open_orders"]


def test_a_few_makers_of_the_second_asset_are_drawn_to_risk() -> None:
    """Risk aversion N(0.13, 0.075) is not floored: 4 % are negative."""
    market = scenario("taos-0.6.2")
    gammas = [
        world(market, seed=seed, book=96, asset=1)[1][0]["makers"]["gamma"][:20].copy() for seed in range(30)
    ]
    negative = (np.concatenate(gammas) < 0.0).mean()
    assert abs(negative - 0.0415) < 3.0 * np.sqrt(0.0415 * 0.96 / 600)


def large_quote(size_base: float, side: int = BUY) -> tuple[np.void, np.void, np.void, np.void]:
    """A maker with 500 base and 150,000 quote free and a size beyond that; the quote it sends."""
    b, g, books = quiet()
    m, account = g["makers"][4], b["accounts"][int(g["slot_makers"]) + 4]
    assert (500.0, 150_000.0) == (g["p"]["high_frequency"]["base"], g["p"]["high_frequency"]["quote"])
    account["base_free"], account["quote_free"], account["net_lots"] = 5_000_000, 150_000 * 10**10, 0
    account["base_reserved"] = account["quote_reserved"] = account["open_orders"] = 0
    m["resting_slot"], m["resting_id"] = 0, 0
    m["size"][side] = size_base
    m["flagged"] = FILLED_BUY if side == BUY else FILLED_SELL
    token_maker_reaction(b, g, 4)
    (quote,) = (e for e in take_events(books) if e["kind"] == EV_MAKER_QUOTE)
    return b, g, account, quote


def test_a_quote_within_the_makers_wealth_borrows_nothing() -> None:
    """900 base cost less than 500 base and 150,000 quote are worth; what is missing in quote is not lent."""
    b, g, account, quote = large_quote(900.0)
    assert 0 == quote["data"]
    before = account["quote_free"]
    token_maker_place(b, g, 4, BUY, int(quote["tick"]), int(quote["lots"]), 0)
    assert (before, 0) == (account["quote_free"], account["open_orders"])


@pytest.mark.parametrize("side", [BUY, SELL])
def test_a_maker_borrows_what_a_quote_costs_beyond_its_wealth(side: int) -> None:
    """Up to 10,000 quote: 99 % of both assets are its own part, and the loan is a negative free balance."""
    b, g, account, quote = large_quote(1010.0, side)
    price = float(quote["tick"]) / 100.0
    opposite = float(b["touch"][1 - side]) / 100.0
    lent = 1010.0 * price - 0.99 * (500.0 * opposite + 150_000.0)
    assert 0.0 < lent < 10_000.0
    # The quote is priced before it is cut to ticks: up to a tick and a half of 1,010 base.
    assert abs(float(quote["data"]) / 1e10 - lent) < 0.015 * 1010.0
    token_maker_place(b, g, 4, side, *(int(quote[name]) for name in ("tick", "lots", "data")))
    assert 1 == account["open_orders"]
    assert g["makers"][4]["resting_slot"][side] > 0
    short = account["quote_free"] / 1e10 if side == BUY else account["base_free"] / 1e4
    have, need = (150_000.0, 1010.0 * price) if side == BUY else (500.0, 1010.0)
    assert abs(short - (have - need)) < 1e-6


def test_more_than_the_most_is_not_lent() -> None:
    """A quote for which 10,000 quote do not do is refused, and known to be at once."""
    b, g, account, quote = large_quote(1100.0)
    assert quote["data"] > 10_000 * 10**10
    token_maker_place(b, g, 4, BUY, *(int(quote[name]) for name in ("tick", "lots", "data")))
    assert (150_000 * 10**10, 0) == (account["quote_free"], account["open_orders"])
    assert 0 == g["makers"][4]["in_flight_until_ns"][BUY]


def test_who_owes_the_other_asset_cannot_borrow() -> None:
    """Base is owed: no quote is lent for a bid."""
    b, g, account, quote = large_quote(1010.0)
    account["base_free"] = -1
    token_maker_place(b, g, 4, BUY, *(int(quote[name]) for name in ("tick", "lots", "data")))
    assert 0 == account["open_orders"]


def test_sizes_change_with_the_sign_of_the_position_only() -> None:
    """A maker that stays long keeps both sizes; when it turns short it draws again."""
    b, g, books = quiet()
    i = 7
    account = b["accounts"][int(g["slot_makers"]) + i]

    def sizes(net_base: float) -> list[float]:
        account["net_lots"] = round(net_base * 10_000)
        token_maker_filled(b, g, i, FILLED_BUY | FILLED_SELL)
        token_maker_reaction(b, g, i)
        g["makers"]["in_flight_until_ns"] = 0
        take_events(books)
        return g["makers"][i]["size"].tolist()

    first = sizes(3.0)
    assert first == sizes(5.0) == sizes(0.0) == sizes(1.0)
    turned = sizes(-0.5)
    assert first != turned
    assert turned == sizes(-4.0)
    assert min(turned) >= 0.25


def test_resting_quotes_are_known_to_their_makers() -> None:
    """What a maker believes to stand is what the book holds, or it was filled."""
    books, backgrounds = world(scenario("taos-0.6.2"), until_s=400)
    for until_s in range(401, 420):
        advance_to(books, backgrounds, until_s)
        b, g = books[0], backgrounds[0]
        for i in range(20):
            account = b["accounts"][int(g["slot_makers"]) + i]
            known = sum(
                int(b["orders"][g["makers"][i]["resting_slot"][side]]["id"])
                == g["makers"][i]["resting_id"][side]
                for side in (BUY, SELL)
                if g["makers"][i]["resting_slot"][side]
            )
            # An old quote may still wait for its cancel while the new one stands.
            assert known <= account["open_orders"] <= known + 2

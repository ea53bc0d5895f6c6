"""The placer, one rule at a time."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from execution.naive_placer import as_naive, reasons_told
from execution.quote_scenes import Own, scene, wish
from obmm.execution import AmendPlacer
from obmm.market import Limits, MarketState, Quotes, Reason, SelfTrade, TimeInForce, Venue


def said(
    state: MarketState, quotes: Quotes, limits: Limits | None = None, **options: Any
) -> list[tuple[Any, ...]]:
    """Instructions of the only book: ("place", side, ticks, lots) or ("cancel", {id: lots or None})."""
    orders = AmendPlacer(**options)(state, quotes, limits or Limits.open(1))
    return as_naive(orders, 1)[0]


def reasons(state: MarketState, quotes: Quotes, limits: Limits | None = None) -> tuple[Reason, Reason]:
    """Why the desired bid and ask of the only book are not standing."""
    placer = AmendPlacer()
    placer(state, quotes, limits or Limits.open(1))
    bid, ask = reasons_told(placer, 1)[0]
    return Reason(bid), Reason(ask)


BID: Own = (0, 0, 299.6, 0.5)
ASK: Own = (0, 1, 300.4, 0.5)
BOTH = wish((299.6, 0.5), asks=((300.4, 0.5),))


def test_a_new_order_carries_everything_it_needs() -> None:
    """Post-only, good till time, a client id, cancel-oldest."""
    orders = AmendPlacer(expiry_s=45.0)(scene(), BOTH, Limits.open(1))
    assert [0, 1] == orders.side.tolist()
    assert [299.6, 300.4] == orders.price.tolist()
    assert [TimeInForce.GTT] * 2 == orders.time_in_force.tolist()
    assert [45_000_000_000] * 2 == orders.expiry_ns.tolist()
    assert orders.post_only.all()
    assert [SelfTrade.CANCEL_OLDEST] * 2 == orders.self_trade.tolist()
    assert [600 * 5, 600 * 5 + 1] == orders.client_id.tolist()
    assert [0, 1] == orders.urgency.tolist()


def test_what_stands_is_left_alone() -> None:
    """Same price, same size: nothing to say."""
    assert [] == said(scene(own=[BID, ASK]), BOTH)


def test_within_the_tolerance_an_order_stays() -> None:
    """Two ticks off are tolerated, three are not."""
    assert [] == said(scene(own=[BID]), wish((299.58, 0.5)), tolerance_ticks=2.0)
    moved = said(scene(own=[BID]), wish((299.57, 0.5)), tolerance_ticks=2.0)
    assert [("cancel", {1: None}), ("place", 0, 29_957, 5_000)] == moved


def test_an_order_too_near_is_cancelled_first() -> None:
    """A bid above the wanted one is at risk: its cancel leads."""
    kinds = [row[0] for row in said(scene(own=[BID]), wish((299.4, 0.5)))]
    assert ["cancel", "place"] == kinds


def test_an_order_too_far_is_cancelled_last() -> None:
    """A bid below the wanted one is harmless: the better one goes first."""
    kinds = [row[0] for row in said(scene(own=[BID]), wish((299.8, 0.5)))]
    assert ["place", "cancel"] == kinds


def test_all_cancels_are_one_instruction() -> None:
    """However many orders go, they go together."""
    own: list[Own] = [(0, 0, 299.6 - k / 100, 0.5) for k in range(7)]
    orders = AmendPlacer()(scene(own=own), Quotes.none(1), Limits.open(1))
    assert [1] == orders.instructions_per_book(1).tolist()
    assert [("cancel", dict.fromkeys(range(1, 8)))] == as_naive(orders, 1)[0]


def test_an_old_order_is_renewed() -> None:
    """From 45 s on it is replaced in time before it expires."""
    assert [] == said(scene(own=[(0, 0, 299.6, 0.5, 44.9)]), wish((299.6, 0.5)))
    renewed = said(scene(own=[(0, 0, 299.6, 0.5, 45.0)]), wish((299.6, 0.5)))
    assert [("place", 0, 29_960, 5_000), ("cancel", {1: None})] == renewed


def test_an_order_too_large_shrinks_in_place() -> None:
    """The surplus is cancelled; the rest keeps its turn in the queue."""
    assert [("cancel", {1: 5_000})] == said(scene(own=[(0, 0, 299.6, 1.0)]), wish((299.6, 0.5)))


def test_a_little_too_large_stays() -> None:
    """Within the size tolerance nothing is said, unless the book may only reduce."""
    state = scene(own=[(0, 1, 300.4, 0.6)], position=0.5)
    quotes = wish(asks=((300.4, 0.5),))
    assert [] == said(state, quotes)
    reducing = Limits.open(1).tightened(reduce_only=True, reason=Reason.OVERRIDE)
    assert [("cancel", {1: 1_000})] == said(state, quotes, reducing)


def test_an_order_too_small_is_replaced() -> None:
    """What a partial fill left is renewed once it falls short by more than the tolerance."""
    assert [] == said(scene(own=[(0, 0, 299.6, 0.4)]), wish((299.6, 0.5)), size_tolerance=0.25)
    assert 2 == len(said(scene(own=[(0, 0, 299.6, 0.3)]), wish((299.6, 0.5)), size_tolerance=0.25))


def test_of_two_at_one_level_the_older_stays() -> None:
    """It has the better place in the queue."""
    own: list[Own] = [(0, 0, 299.6, 0.5, 5.0), (0, 0, 299.6, 0.5, 9.0)]
    assert [("cancel", {1: None})] == said(scene(own=own), wish((299.6, 0.5)))


def test_of_two_near_a_level_the_nearer_stays() -> None:
    """Before age, price decides."""
    own: list[Own] = [(0, 0, 299.58, 0.5, 9.0), (0, 0, 299.59, 0.5, 5.0)]
    assert [("cancel", {1: None})] == said(scene(own=own), wish((299.6, 0.5)))


def test_a_bid_that_would_trade_moves_behind_the_touch() -> None:
    """One tick below the best ask, and the levels behind it keep their distance."""
    crossing = wish((300.6, 0.5), (300.58, 0.5))
    assert [("place", 0, 30_049, 5_000), ("place", 0, 30_047, 5_000)] == said(scene(), crossing)


def test_told_so_it_may_trade() -> None:
    """Without post-only the price is left as it is wanted."""
    orders = AmendPlacer(post_only=False)(scene(), wish((300.6, 0.5)), Limits.open(1))
    assert ([300.6], [False]) == (orders.price.tolist(), orders.post_only.tolist())


def test_a_quote_that_reaches_the_other_side_takes_if_told() -> None:
    """At its price, at once or not at all; what does not reach stays post-only and rests."""
    orders = AmendPlacer(take=True)(scene(), wish((300.5, 0.5), (299.4, 0.5)), Limits.open(1))
    assert [300.5, 299.4] == orders.price.tolist()
    assert [TimeInForce.IOC, TimeInForce.GTT] == orders.time_in_force.tolist()
    assert [0, 60_000_000_000] == orders.expiry_ns.tolist()
    assert [False, True] == orders.post_only.tolist()


def test_a_take_is_sent_again_until_it_is_wished_no_more() -> None:
    """Nothing that rests stands for it, however near."""
    state = scene(own=[(0, 0, 300.49, 0.5)], asks=[(300.5, 10.0)])
    taking = wish((300.5, 0.5))
    assert [("cancel", {1: None}), ("take", 0, 30_050, 5_000)] == sorted(said(state, taking, take=True))


def test_a_take_keeps_the_position_bound_and_the_minimum() -> None:
    """Room for 0.3 of the 0.5 wished."""
    limits = Limits.of(1, position_limit=0.3, reason=Reason.CUSTOM)
    assert [("take", 0, 30_050, 3_000)] == said(scene(), wish((300.5, 0.5)), limits, take=True)


def test_an_own_ask_in_the_way_of_a_take_goes_first() -> None:
    """Nobody trades with himself."""
    state = scene(asks=[(300.4, 0.5), (300.5, 10.0)], own=[(0, 1, 300.4, 0.5)])
    assert [("cancel", {1: None}), ("take", 0, 30_050, 5_000)] == said(state, wish((300.5, 0.5)), take=True)


def test_our_own_ask_does_not_hold_a_bid_back() -> None:
    """An ask of ours that must go anyway is cancelled first, and the bid takes its place."""
    state = scene(asks=[(300.0, 0.5), (300.5, 10.0)], own=[(0, 1, 300.0, 0.5)])
    moved = said(state, wish((300.1, 0.5), asks=((300.4, 0.5),)))
    assert ("cancel", {1: None}) == moved[0]
    assert ("place", 0, 30_010, 5_000) in moved


def test_sides_that_meet_are_both_left_out() -> None:
    """A wish that would trade with itself is refused with a reason."""
    meeting = wish((300.0, 0.5), asks=((300.0, 0.5),))
    assert [] == said(scene(), meeting)
    assert (Reason.WOULD_CROSS, Reason.WOULD_CROSS) == reasons(scene(), meeting)


def test_an_order_kept_here_never_meets_one_placed_there() -> None:
    """The tolerance shrinks where bid and ask are wanted close together."""
    state = scene(bids=[(299.0, 10.0)], asks=[(300.01, 0.5), (301.0, 10.0)], own=[(0, 1, 300.01, 0.5)])
    quotes = wish((300.01, 0.5), asks=((300.02, 0.5),))
    assert [("cancel", {1: None}), ("place", 0, 30_001, 5_000), ("place", 1, 30_002, 5_000)] == said(
        state, quotes, tolerance_ticks=5.0
    )


def test_at_most_five_instructions() -> None:
    """Three levels a side take two answers; the best levels go first, and the reason is told."""
    quotes = wish(
        *((299.6 - k / 10, 0.5) for k in range(3)), asks=tuple((300.4 + k / 10, 0.5) for k in range(3))
    )
    first = said(scene(), quotes)
    assert [29_960, 30_040, 29_950, 30_050, 29_940] == [row[2] for row in first]
    assert (Reason.OPEN, Reason.INSTRUCTION_CAP) == reasons(scene(), quotes)


def test_the_reducing_side_goes_first() -> None:
    """Long: the ask of each level before its bid."""
    assert [1, 0] == [row[1] for row in said(scene(position=1.0), BOTH)]
    assert [0, 1] == [row[1] for row in said(scene(position=-1.0), BOTH)]


def test_cancels_still_count_as_open() -> None:
    """With the cap reached, room is made first and used at the next state."""
    state = scene(own=[BID, ASK], venue=Venue.of(1, max_open_orders=2))
    moved = wish((299.4, 0.5), asks=((300.4, 0.5),))
    assert [("cancel", {1: None})] == said(state, moved)
    assert (Reason.OPEN_ORDER_CAP, Reason.OPEN) == reasons(state, moved)


def test_money_bound_by_an_order_being_cancelled_is_not_free_yet() -> None:
    """The replacement waits for the next state."""
    state = scene(own=[BID], quote_free=10.0)
    moved = wish((299.4, 0.5))
    assert [("cancel", {1: None})] == said(state, moved)
    assert (Reason.NO_FUNDS, Reason.OPEN) == reasons(state, moved)


def test_a_wish_is_cut_to_what_can_be_paid() -> None:
    """120 quote buy 0.4 base at 300, and 0.2 of free base sell nothing."""
    state = scene(quote_free=120.0, base_free=0.2)
    quotes = wish((300.0, 1.0), asks=((300.4, 0.5),))
    assert [("place", 0, 30_000, 4_000)] == said(state, quotes)
    assert (Reason.OPEN, Reason.NO_FUNDS) == reasons(state, quotes)


def test_money_short_the_far_levels_go_first() -> None:
    """The best level is paid in full before the next."""
    quotes = wish((300.0, 0.5), (299.0, 0.5), (298.0, 0.5))
    placed = said(scene(quote_free=250.0), quotes)
    assert [("place", 0, 30_000, 5_000), ("place", 0, 29_900, 3_344)] == placed


def test_a_shrunk_order_is_not_touched_again() -> None:
    """Once all money is bound, the same wish asks for nothing more."""
    state = scene(own=[(0, 0, 300.0, 0.4)], quote_free=0.0)
    assert [] == said(state, wish((300.0, 1.0)))


def test_a_size_below_the_minimum_is_never_sent() -> None:
    """Cut to whole lots first, then compared."""
    assert [] == said(scene(), wish((299.6, 0.24999)))
    assert (Reason.SIZE_TOO_SMALL, Reason.OPEN) == reasons(scene(), wish((299.6, 0.24999)))


def test_prices_off_the_grid_round_away() -> None:
    """Bids down, asks up."""
    quotes = wish((299.609, 0.5), asks=((300.401, 0.5),))
    assert [29_960, 30_041] == [row[2] for row in said(scene(), quotes)]


def test_levels_need_not_be_sorted_nor_distinct() -> None:
    """Of two at one price the first counts; the best goes first."""
    quotes = wish((299.4, 0.5), (299.6, 0.3), (299.4, 0.7))
    assert [("place", 0, 29_960, 3_000), ("place", 0, 29_940, 5_000)] == said(scene(), quotes)


def test_a_closed_side_is_cleared_and_not_quoted() -> None:
    """The placer obeys limits even where a builder did not."""
    limits = Limits.open(1).tightened(bid_allowed=False, reason=Reason.DRAWDOWN)
    assert [("cancel", {1: None})] == said(scene(own=[BID, ASK]), BOTH, limits)


def test_a_reducing_book_cancels_before_it_places() -> None:
    """So that for no moment more rests than may be sold."""
    state = scene(own=[(0, 1, 300.6, 0.5)], position=0.5)
    limits = Limits.open(1).tightened(reduce_only=True, reason=Reason.OVERRIDE)
    kinds = [row[0] for row in said(state, wish(asks=((300.4, 0.5),)), limits)]
    assert ["cancel", "place"] == kinds


def test_without_an_account_nothing_is_placed() -> None:
    """Balances that are not known pay for nothing."""
    state = scene(quote_free=np.nan, base_free=np.nan)
    assert [] == said(state, BOTH)
    assert (Reason.NO_FUNDS, Reason.NO_FUNDS) == reasons(state, BOTH)


def test_client_ids_come_round() -> None:
    """They fit 32 bits however long the simulation."""
    state = attrs.evolve(scene(), time_ns=2**32 * 10**9)
    ids = AmendPlacer()(state, BOTH, Limits.open(1)).client_id
    assert [0, 1] == ids.tolist()


def test_options_may_differ_between_books() -> None:
    """Tolerances, ages and expiries as arrays."""
    state = scene(2, own=[BID, (1, 0, 299.6, 0.5)])
    price = np.array([[299.57], [299.57]])
    quotes = attrs.evolve(Quotes.none(2), bid_price=price, bid_size=np.full((2, 1), 0.5))
    placer = AmendPlacer(tolerance_ticks=np.array([3.0, 2.0]), expiry_s=np.array([10.0, 20.0]))
    orders = placer(state, quotes, Limits.open(2))
    assert [1, 1] == orders.book.tolist()
    assert [20_000_000_000] == orders.expiry_ns[~orders.is_cancel].tolist()


@pytest.mark.parametrize(
    "options", [{"expiry_s": 0.0}, {"tolerance_ticks": -1.0}, {"size_tolerance": 1.5}, {"max_age_s": 0.0}]
)
def test_nonsensical_options_are_refused(options: dict[str, float]) -> None:
    """Named in the message."""
    with pytest.raises(ValueError, match=next(iter(options))):
        AmendPlacer(**options)


# -- where not all can be sent ------------------------------------------------------------------------


def sent(n: int, state: MarketState, quotes: Quotes, **options: Any) -> list[tuple[Any, ...]]:
    """What goes out where a venue takes `n` instructions."""
    venue = attrs.evolve(state.venue, max_instructions=n)
    return said(attrs.evolve(state, venue=venue), quotes, **options)


def test_of_one_level_the_order_with_more_edge_times_size_is_sent() -> None:
    """Edge is from the mid, 300, and after the maker fee; equal ones go in the order of before."""
    narrow, wide = wish((299.9, 0.5), asks=((300.4, 0.5),)), wish((299.9, 3.0), asks=((300.4, 0.5),))
    assert [("place", 1, 30_040, 5_000)] == sent(1, scene(), narrow)
    assert [("place", 0, 29_990, 30_000)] == sent(1, scene(), wide)
    # A fee of 10 bp makes a loss of 0.2 a base of the bid: three of it lose more than half a base earns.
    assert [("place", 1, 30_040, 5_000)] == sent(1, scene(maker_rate=0.001), wide)
    assert [("place", 0, 29_960, 5_000)] == sent(1, scene(), BOTH)
    assert sent(2, scene(), narrow) == said(scene(), narrow)


def test_what_reduces_the_position_comes_before_what_adds() -> None:
    """One base long, two asks of a half close it; the third would open anew and waits behind the best bid."""
    bids, asks = [(299.6 - i / 10, 0.5) for i in range(3)], [(300.4 + i / 10, 0.5) for i in range(3)]
    ladder = wish(*bids, asks=tuple(asks))
    long = scene(position=1.0)
    assert [(1, 30_040), (1, 30_050)] == [order[1:3] for order in sent(2, long, ladder)]
    assert [(1, 30_040), (0, 29_960), (1, 30_050)] == [order[1:3] for order in sent(3, long, ladder)]
    assert [(0, 29_960), (1, 30_040), (0, 29_950)] == [order[1:3] for order in sent(3, scene(), ladder)]
    # A cancel is never left out: what is too old goes, and there is one placement less.
    old: Own = (0, 1, 303.0, 0.5, 50.0)
    kinds = [order[0] for order in sent(2, scene(own=[old], position=1.0), ladder)]
    assert ["cancel", "place"] == sorted(kinds)


def test_what_trades_at_once_comes_first() -> None:
    """It is known to be worth it; what rests may never be filled."""
    quotes = wish((299.0, 9.0), asks=((299.5, 0.5),))
    assert [("take", 1, 29_950, 5_000)] == sent(1, scene(), quotes, take=True)

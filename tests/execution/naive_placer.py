"""The placer once more, one book at a time, in whole numbers and plain Python."""

from __future__ import annotations

import itertools
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np

from obmm.execution import AmendPlacer
from obmm.market import Limits, MarketState, OpenOrders, Orders, Quotes, Reason, TimeInForce, Unplaced

#: ("cancel", {order id: lots to take away, None for all}) or ("place", side, ticks, lots); "take" where it
#: trades at once or not at all.
Instruction = tuple[Any, ...]


def exact(value: float) -> Decimal:
    """The decimal that a float shows."""
    return Decimal(repr(float(value)))


def naive_placer(
    state: MarketState,
    quotes: Quotes,
    limits: Limits,
    *,
    tolerance_ticks: int,
    size_tolerance: float,
    max_age_s: float,
    post_only: bool,
    take: bool,
) -> list[tuple[list[Instruction], list[int]]]:
    """Per book: instructions in the order in which they are sent, and the reasons of bid and ask."""
    return [
        _one_book(state, quotes, limits, book, tolerance_ticks, size_tolerance, max_age_s, post_only, take)
        for book in range(state.n_books)
    ]


def reasons_told(placer: AmendPlacer, n_books: int) -> list[list[int]]:
    """Per book the reasons of bid and ask that `placer` told of its last call."""
    unplaced = [told for told in placer.news if isinstance(told, Unplaced)]
    codes = [[told.bid_reason, told.ask_reason] for told in unplaced] or [np.zeros((2, n_books), np.int64)]
    return np.transpose(codes[0]).tolist()


def as_naive(orders: Orders, n_books: int) -> list[list[Instruction]]:
    """Per book: the instructions, from the columns of `orders`."""
    books: list[list[Instruction]] = []
    for book in range(n_books):
        said: list[Instruction] = []
        for i in np.flatnonzero(orders.book == book):
            if orders.is_cancel[i]:
                part = None if np.isnan(orders.size[i]) else round(orders.size[i] * 1e4)
                if said and said[-1][0] == "cancel":
                    said[-1][1][int(orders.order_id[i])] = part
                else:
                    said.append(("cancel", {int(orders.order_id[i]): part}))
            else:
                ticks, lots = round(orders.price[i] * 100), round(orders.size[i] * 1e4)
                kind = "take" if orders.time_in_force[i] == TimeInForce.IOC else "place"
                said.append((kind, int(orders.side[i]), ticks, lots))
        books.append(said)
    return books


def touch_without_own(state: MarketState, book: int, side: int) -> int | None:
    """Ticks of the best level that is not ours alone."""
    own = state.open_orders
    ours: dict[int, int] = {}
    for i in range(*own.rows(book).indices(len(own))):
        if own.side[i] == side:
            tick = round(own.price[i] * 100)
            ours[tick] = ours.get(tick, 0) + round(own.size[i] * 1e4)
    prices = (state.bid_price, state.ask_price)[side][book]
    sizes = (state.bid_size, state.ask_size)[side][book]
    for price, size in zip(prices, sizes, strict=True):
        if not np.isnan(price) and round(size * 1e4) > ours.get(round(price * 100), 0):
            return round(price * 100)
    return None


def _one_book(
    state: MarketState,
    quotes: Quotes,
    limits: Limits,
    book: int,
    tolerance: int,
    size_tolerance: float,
    max_age_s: float,
    post_only: bool,
    take: bool,
) -> tuple[list[Instruction], list[int]]:
    own, venue = state.open_orders, state.venue
    rows = range(*own.rows(book).indices(len(own)))
    reasons = [0, 0]
    wanted = [_legal(state, quotes, limits, book, side, post_only and not take, reasons) for side in (0, 1)]
    if wanted[0] and wanted[1] and wanted[0][0][0] >= wanted[1][0][0]:
        reasons = [reason or int(Reason.WOULD_CROSS) for reason in reasons]
        wanted = [[], []]
    rooms = [room_of(state, limits, book, side) for side in (0, 1)]
    wanted = [_bounded(state, book, rooms[side], side, wanted[side], reasons) for side in (0, 1)]
    wanted = [_paid(state, book, side, wanted[side], reasons) for side in (0, 1)]

    reach = [_reach(levels, tolerance) for levels in wanted]
    if wanted[0] and wanted[1]:
        reach = [min(r, wanted[1][0][0] - wanted[0][0][0] - 1) for r in reach]
    serves: dict[tuple[int, int], list[int]] = {}
    for i in rows:
        side, tick, lots = int(own.side[i]), round(own.price[i] * 100), round(own.size[i] * 1e4)
        for level, (price, size) in enumerate(wanted[side]):
            if take and _reaches(state, book, side, price):
                continue
            near = abs(price - tick) <= reach[side]
            young = (state.time_ns - own.time_ns[i]) / 1e9 < max_age_s
            if near and young and lots >= (1.0 - size_tolerance) * size:
                serves.setdefault((side, level), []).append(i)
    cancel: dict[int, int | None] = {int(own.order_id[i]): None for i in rows}
    urgent = False
    stays = {
        (side, level): min(
            found,
            key=lambda i: (
                abs(round(own.price[i] * 100) - wanted[side][level][0]),
                own.time_ns[i],
                own.order_id[i],
            ),
        )
        for (side, level), found in serves.items()
    }
    tight = [bool(limits.reduce_only[book])] * 2
    for side in (0, 1):
        total = sum(size for level, (_, size) in enumerate(wanted[side]) if (side, level) not in stays)
        total += sum(round(own.size[i] * 1e4) for (s, _), i in stays.items() if s == side)
        tight[side] = tight[side] or total > rooms[side]
    for (side, level), best in stays.items():
        _, size = wanted[side][level]
        lots = round(own.size[best] * 1e4)
        del cancel[int(own.order_id[best])]
        if lots > (1.0 + (0.0 if tight[side] else size_tolerance)) * size:
            cancel[int(own.order_id[best])] = lots - size
            urgent = True
    for i in rows:
        if int(own.order_id[i]) in cancel:
            side, tick = int(own.side[i]), round(own.price[i] * 100)
            sign = 1 if side == 0 else -1
            ahead = not wanted[side] or sign * tick > sign * wanted[side][0][0]
            urgent = urgent or ahead or bool(limits.reduce_only[book])

    placements: list[Instruction] = []
    free = [exact(state.accounts.quote_free[book]), exact(state.accounts.base_free[book])]
    room = venue.max_open_orders - len(rows)
    slots = venue.max_instructions - bool(cancel)
    first = 1 if state.accounts.position[book] > 0 else 0
    broke = [False, False]
    paid: list[tuple[tuple[float, ...], int, int]] = []
    for level in range(quotes.n_levels):
        for side in (first, 1 - first):
            if level >= len(wanted[side]) or (side, level) in serves:
                continue
            price, size = wanted[side][level]
            free[side] -= _cost(side, price, size)
            if free[side] < 0:
                broke[side] = True
            else:
                taking = take and _reaches(state, book, side, price)
                paid.append((_turn(state, book, side, level, wanted[side], taking), side, level))
    sent = sorted(paid, key=lambda one: one[0])[: max(min(room, slots), 0)]
    for one in paid:
        _, side, level = one
        price, size = wanted[side][level]
        if one in sent:
            kind = "take" if take and _reaches(state, book, side, price) else "place"
            placements.append((kind, side, price, size))
        elif not broke[side]:
            cap = Reason.OPEN_ORDER_CAP if room <= slots else Reason.INSTRUCTION_CAP
            reasons[side] = reasons[side] or int(cap)
    # Want of money explains a side before any cap does.
    for side in (0, 1):
        if broke[side] and reasons[side] in (0, Reason.OPEN_ORDER_CAP, Reason.INSTRUCTION_CAP):
            reasons[side] = int(Reason.NO_FUNDS)
    for side in (0, 1):
        resting = [i for i in rows if own.side[i] == side]
        total = sum(round(own.size[i] * 1e4) for i in resting)
        total += sum(lots for _, s, _, lots in placements if s == side)
        if total > rooms[side] and any(int(own.order_id[i]) in cancel for i in resting):
            urgent = True
    cancels: list[Instruction] = [("cancel", cancel)] if cancel else []
    return (cancels + placements if urgent else placements + cancels), reasons


def _turn(
    state: MarketState, book: int, side: int, level: int, wanted: list[tuple[int, int]], taking: bool
) -> tuple[float, ...]:
    """What decides whether an order is among those that are sent where not all can be; less goes first."""
    position, mid = float(state.accounts.position[book]), float(state.mid[book])
    before = sum(lots for _, lots in wanted[:level])
    reduces = before < (-position if side == 0 else position) * 10_000
    price, size = wanted[level][0] / 100, wanted[level][1] / 10_000
    away = mid - price if side == 0 else price - mid
    worth = size * (away - float(state.accounts.maker_rate[book]) * price)
    return (not taking, not reduces, level, 0.0 if np.isnan(worth) else -worth)


def _reaches(state: MarketState, book: int, side: int, ticks: int) -> bool:
    """Whether somebody else's touch on the other side is reached."""
    other = touch_without_own(state, book, 1 - side)
    return other is not None and (ticks >= other if side == 0 else ticks <= other)


def _legal(
    state: MarketState,
    quotes: Quotes,
    limits: Limits,
    book: int,
    side: int,
    post_only: bool,
    reasons: list[int],
) -> list[tuple[int, int]]:
    """(ticks, lots) that are allowed, large enough and behind the others' touch, best first."""
    if not (limits.bid_allowed, limits.ask_allowed)[side][book]:
        return []
    found: list[tuple[int, int]] = []
    prices, sizes = ((quotes.bid_price, quotes.bid_size), (quotes.ask_price, quotes.ask_size))[side]
    for price, size in zip(prices[book], sizes[book], strict=True):
        if np.isnan(price) or size <= 0.0:
            continue
        rounding = ROUND_FLOOR if side == 0 else ROUND_CEILING
        ticks = int((exact(price) * 100).to_integral_value(rounding))
        lots = int((exact(size) * 10_000).to_integral_value(ROUND_FLOOR))
        if lots < state.venue.min_lots[book]:
            reasons[side] = int(Reason.SIZE_TOO_SMALL)
        else:
            found.append((ticks, lots))
    found.sort(key=lambda level: -level[0] if side == 0 else level[0])
    distinct = [level for i, level in enumerate(found) if i == 0 or level[0] != found[i - 1][0]]
    other = touch_without_own(state, book, 1 - side)
    if not distinct or other is None or not post_only:
        return distinct
    over = max(distinct[0][0] - (other - 1), 0) if side == 0 else min(distinct[0][0] - (other + 1), 0)
    return [(ticks - over, lots) for ticks, lots in distinct]


def _cost(side: int, ticks: int, lots: int) -> Decimal:
    return Decimal(lots) / 10_000 * (Decimal(ticks) / 100 if side == 0 else 1)


def room_of(state: MarketState, limits: Limits, book: int, side: int) -> float:
    """Lots that a side may trade before the position passes its bound or, if only reducing, zero."""
    lean = round(exact(state.accounts.position[book]), 8) * (1 if side == 0 else -1)
    most = exact(limits.position_bound[book]) - lean
    if limits.reduce_only[book]:
        most = min(most, -lean)
    return float("inf") if most.is_infinite() else int(max(most, Decimal(0)) * 10_000)


def _bounded(
    state: MarketState,
    book: int,
    room: float,
    side: int,
    levels: list[tuple[int, int]],
    reasons: list[int],
) -> list[tuple[int, int]]:
    """Levels cut, from the far end, to the lots that fit into `room`."""
    kept: list[tuple[int, int]] = []
    for ticks, lots in levels:
        fits = min(lots, max(room, 0))
        room -= lots
        if fits >= state.venue.min_lots[book]:
            kept.append((ticks, int(fits)))
        else:
            reasons[side] = reasons[side] or int(Reason.POSITION_LIMIT)
    return kept


def _paid(
    state: MarketState, book: int, side: int, levels: list[tuple[int, int]], reasons: list[int]
) -> list[tuple[int, int]]:
    """Levels cut to what is free and what own orders of the side bind."""
    own: OpenOrders = state.open_orders
    funds = exact((state.accounts.quote_free, state.accounts.base_free)[side][book])
    for i in range(*own.rows(book).indices(len(own))):
        if own.side[i] == side:
            funds += _cost(side, round(own.price[i] * 100), round(own.size[i] * 1e4))
    total = sum((_cost(side, *level) for level in levels), Decimal(0))
    if total <= funds:
        return levels
    kept: list[tuple[int, int]] = []
    for ticks, lots in levels:
        room = int(max(funds, Decimal(0)) / _cost(side, ticks, 1))
        funds -= _cost(side, ticks, lots)
        if min(lots, room) >= state.venue.min_lots[book]:
            kept.append((ticks, min(lots, room)))
        else:
            reasons[side] = reasons[side] or int(Reason.NO_FUNDS)
    return kept


def _reach(levels: list[tuple[int, int]], tolerance: int) -> int:
    gaps = [abs(b[0] - a[0]) for a, b in itertools.pairwise(levels)]
    return min([tolerance, *((gap - 1) // 2 for gap in gaps)])

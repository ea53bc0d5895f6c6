"""Synthetic miners: passive quoters and takers.

They see what a miner sees (the book at the end of a publish interval), answer it with one delay on all books,
hold a miner's account and therefore move the maker share.
"""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim._random import integer_below, seed_stream, uniform, uniform_between
from obmm.sim.background._agent_orders import send_market
from obmm.sim.background._layout import (
    COMMON_BOOK,
    EV_RIVAL_PLACE,
    EV_RIVALS_ANSWER,
    SECOND,
    STREAM_RIVAL_MAKERS,
    STREAM_RIVAL_TAKERS,
)
from obmm.sim.background._wealth import open_miner
from obmm.sim.exchange._layout import BUY, EV_CANCEL, LOTS_PER_BASE, SELL, VALID
from obmm.sim.exchange._orders import place_limit
from obmm.sim.exchange._queue import schedule

_MS = 1_000_000
# A further instruction on a book of the same answer waits this much longer, in milliseconds.
_EXTRA_MIN_MS, _EXTRA_MAX_MS = 5, 25


@kernel
def start_rivals(b: Record, g: Record) -> None:
    """Draw the population of this book; it begins to act with the first published state."""
    p = g.p.rivals
    makers, takers = int(p.makers), int(p.takers)
    price = 0.01 * g.initial_tick
    rng = b.rng[STREAM_RIVAL_MAKERS]
    for i in range(makers):
        rival = g.rivals[i]
        open_miner(b, rng, g.slot_rivals + i, g.miner_wealth_quote, price)
        widest = max(1, int(p.half_spread_max_bps * 1e-4 * g.initial_tick))
        rival.half_spread_ticks = 1 + integer_below(rng, widest)
        rival.lots = int(b.min_lots * uniform_between(rng, p.quote_size_min, p.quote_size_max))
    rng = b.rng[STREAM_RIVAL_TAKERS]
    for i in range(makers, makers + takers):
        rival = g.rivals[i]
        open_miner(b, rng, g.slot_rivals + i, g.miner_wealth_quote, price)
        per_minute = uniform_between(rng, p.take_min_per_minute, p.take_max_per_minute)
        rival.take_chance = 1.0 - math.exp(-per_minute / 60.0 * g.publish_ns / SECOND)
        rival.highest_rate = 1e-4 * uniform_between(rng, p.take_fee_min_bps, p.take_fee_max_bps)
    seed_stream(g.rival_rng, b.seed, COMMON_BOOK, STREAM_RIVAL_MAKERS)
    if makers + takers > 0:
        schedule(b, g.first_state_ns, EV_RIVALS_ANSWER, 0, 0, 0, 0, 0)


@kernel
def rivals_answer(b: Record, g: Record) -> None:
    """A state was published: every rival answers it after a delay of its own, the same on all books."""
    p = g.p.rivals
    schedule(b, b.now_ns + g.publish_ns, EV_RIVALS_ANSWER, 0, 0, 0, 0, 0)
    for i in range(int(p.makers + p.takers)):
        delay_ns = int(_MS * uniform_between(g.rival_rng, p.delay_min_ms, p.delay_max_ms))
        if i < int(p.makers):
            rival_quote(b, g, i, delay_ns)
        else:
            rival_take(b, g, i, delay_ns)


@kernel
def rival_quote(b: Record, g: Record, i: int, delay_ns: int) -> None:
    """A quoter moves what no longer stands at mid plus or minus its half-spread.

    It stays away while the maker fee exceeds that half-spread. The cancels of a book are one instruction and
    come first; the first instruction of the book waits no longer than the answer.
    """
    rival = g.rivals[i]
    if b.touch[BUY] == 0 or b.touch[SELL] == 0:
        return
    mid2 = b.touch[BUY] + b.touch[SELL]
    pays = 2.0 * rival.half_spread_ticks >= b.maker_rate * mid2
    agent = g.slot_rivals + i
    sent = 0
    for side in (BUY, SELL):
        slot = rival.resting_slot[side]
        stands = slot > 0 and b.orders[slot].id == rival.resting_id[side]
        if stands and not (pays and b.orders[slot].tick == _quote_tick(rival, side, mid2)):
            schedule(b, b.now_ns + delay_ns, EV_CANCEL, agent, 0, slot, 0, rival.resting_id[side])
            rival.resting_slot[side] = 0
            sent = 1
    if not pays:
        return
    for side in (BUY, SELL):
        slot = rival.resting_slot[side]
        if slot > 0 and b.orders[slot].id == rival.resting_id[side]:
            continue
        extra_ns = _further_ns(b) if sent else 0
        tick = _quote_tick(rival, side, mid2)
        schedule(b, b.now_ns + delay_ns + extra_ns, EV_RIVAL_PLACE, i, side, tick, rival.lots, 0)
        sent += 1


@kernel
def _quote_tick(rival: Record, side: int, mid2: int) -> int:
    # Half a tick of mid is given to the outside.
    away = rival.half_spread_ticks if side == SELL else -rival.half_spread_ticks
    return int((mid2 + (1 if side == SELL else 0)) // 2 + away)


@kernel
def _further_ns(b: Record) -> int:
    rng = b.rng[STREAM_RIVAL_MAKERS]
    return int(_MS * (_EXTRA_MIN_MS + integer_below(rng, _EXTRA_MAX_MS - _EXTRA_MIN_MS + 1)))


@kernel
def rival_place(b: Record, g: Record, i: int, side: int, tick: int, lots: int) -> None:
    """A quoter's new order arrives, post-only."""
    rival = g.rivals[i]
    rival.resting_slot[side] = 0
    if place_limit(b, g.slot_rivals + i, side, tick, lots, True) == VALID:
        rival.resting_slot[side] = b.placed_slot
        rival.resting_id[side] = b.placed_id


@kernel
def rival_take(b: Record, g: Record, i: int, delay_ns: int) -> None:
    """A taker now and then sends a market order to a random side, unless the fee is too high for it."""
    p = g.p.rivals
    rival = g.rivals[i]
    rng = b.rng[STREAM_RIVAL_TAKERS]
    if uniform(rng) >= rival.take_chance:
        return
    side = BUY if uniform(rng) < 0.5 else SELL
    size = uniform_between(rng, p.take_size_min, p.take_size_max) * b.min_lots / LOTS_PER_BASE
    if b.taker_rate <= rival.highest_rate:
        send_market(b, g.slot_rivals + i, side, size, delay_ns)

"""Fee policies: zero, tiered, and the dynamic one that moves with the miners' maker ratio."""

from __future__ import annotations

import math

from obmm.sim._jit import Record, kernel
from obmm.sim.exchange._layout import (
    FEES_DYNAMIC,
    FEES_TIERED,
    TIER_SLOTS,
)

MAKER = 0
TAKER = 1

_E16 = 10**16


@kernel
def rate_e16(rate: float) -> int:
    """A rate in whole 1e-16, so that fees are products of integers."""
    return math.floor(rate * _E16 + 0.5)


@kernel
def fee_units(rate: int, units: int) -> int:
    """`rate` (1e-16) x `units`, truncated toward zero, exact although the product exceeds 64 bits.

    The double quotient is off by a few at most; the remainder, small again, tells by how much, and it comes
    out right in arithmetic modulo 2**64.
    """
    size = abs(rate)
    quotient = int(float(size) * float(units) / _E16)
    rest = size * units - quotient * _E16
    while rest < 0:
        rest += _E16
        quotient -= 1
    while rest >= _E16:
        rest -= _E16
        quotient += 1
    return quotient if rate >= 0 else -quotient


@kernel
def dynamic_part(b: Record, maker_ratio: float) -> float:
    """What the dynamic policy adds to the maker rate and takes off the taker rate."""
    gap = b.target_mtr - maker_ratio
    # The venue cuts the gap to three decimals before it asks whether it is zero, and pays nothing at x = 0.
    if maker_ratio == 0.0 or abs(gap) < 1e-3 - 1e-12:
        return 0.0
    if gap > 0.0:
        return float(-b.max_maker_rate * (gap / b.target_mtr) ** b.shape_maker_fee)
    return float(b.max_taker_rate * (-gap / (1.0 - b.target_mtr)) ** b.shape_maker_rebate)


@kernel
def set_maker_ratio(b: Record, maker_ratio: float) -> None:
    """Publish a maker ratio and the rates that follow from it."""
    b.mtr = maker_ratio
    moved = dynamic_part(b, maker_ratio) if b.fee_kind == FEES_DYNAMIC else 0.0
    b.maker_rate = b.maker_fee + moved
    b.taker_rate = b.taker_fee - moved
    b.rates_e16[MAKER] = rate_e16(b.maker_rate)
    b.rates_e16[TAKER] = rate_e16(b.taker_rate)


@kernel
def fee_rate(b: Record, agent: int, role: int) -> int:
    """The rate of an agent as `MAKER` or `TAKER`, in 1e-16."""
    if b.fee_kind == FEES_TIERED:
        return int(b.tier_rates_e16[b.accounts[agent].tier, role])
    return int(b.rates_e16[role])


@kernel
def _refresh_maker_ratio(b: Record) -> None:
    total = b.fee_frozen[MAKER] + b.fee_frozen[TAKER]
    if b.fee_has_frozen == 0 or b.fee_count < b.fee_slots or total == 0:
        set_maker_ratio(b, b.target_mtr)
    else:
        set_maker_ratio(b, b.fee_frozen[MAKER] / total)


@kernel
def record_volume(b: Record, agent: int, role: int, units: int) -> None:
    """Count one side of a trade.

    Under the dynamic policy only miners' volume counts, in slots of one instant each; the ratio is that of
    the last full slots before the present instant. All books of a block share the clock: where another one
    has had its share of this instant, no slot is opened, the volume goes to the newest there is, nothing
    leaves the window and the ratio stays.
    """
    if b.fee_kind == FEES_TIERED:
        b.tier_volume[agent, b.tier_newest] += units
    if b.fee_kind != FEES_DYNAMIC or b.fees_exogenous or agent >= b.n_miners:
        return
    if b.now_ns in (b.fee_last_ns, b.fee_block_ns):
        b.fee_last_ns = b.now_ns
        b.fee_total[role] += units
        if b.fee_count:
            b.fee_ring[b.fee_newest, role] += units
        return
    if b.fee_last_ns != 0:
        b.fee_frozen[MAKER] = b.fee_total[MAKER]
        b.fee_frozen[TAKER] = b.fee_total[TAKER]
        b.fee_has_frozen = 1
    b.fee_newest = (b.fee_newest + 1) % b.fee_slots
    if b.fee_count == b.fee_slots:
        b.fee_total[MAKER] -= b.fee_ring[b.fee_newest, MAKER]
        b.fee_total[TAKER] -= b.fee_ring[b.fee_newest, TAKER]
    else:
        b.fee_count += 1
    b.fee_ring[b.fee_newest, MAKER] = 0
    b.fee_ring[b.fee_newest, TAKER] = 0
    b.fee_ring[b.fee_newest, role] = units
    b.fee_total[role] += units
    b.fee_last_ns = b.now_ns
    _refresh_maker_ratio(b)


@kernel
def forget_fee_history(b: Record) -> None:
    """Start the dynamic policy's history anew."""
    b.fee_has_frozen = 0
    b.fee_count = 0
    b.fee_total[:] = 0
    b.fee_frozen[:] = 0
    b.fee_last_ns = 0
    _refresh_maker_ratio(b)


@kernel
def roll_tiers(b: Record) -> None:
    """At the end of a slot: every account's tier by its recorded volume, then an empty slot."""
    for agent in range(b.accounts.size):
        total = 0
        for slot in range(b.tier_slots):
            total += b.tier_volume[agent, slot]
        tier = 0
        while tier + 1 < b.tier_count and b.tier_required[tier + 1] <= total:
            tier += 1
        b.accounts[agent].tier = tier
    b.tier_newest = (b.tier_newest + 1) % b.tier_slots
    for agent in range(b.accounts.size):
        b.tier_volume[agent, b.tier_newest] = 0


@kernel
def forget_tier(b: Record, agent: int) -> None:
    """Back to the first tier, without history."""
    b.accounts[agent].tier = 0
    for slot in range(TIER_SLOTS):
        b.tier_volume[agent, slot] = 0

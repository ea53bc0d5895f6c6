"""Writing the rules of a venue into an empty book."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from obmm.market import FeePolicy
from obmm.sim._random import seed_stream
from obmm.sim.exchange._fees import rate_e16, set_maker_ratio
from obmm.sim.exchange._layout import (
    ACCOUNT_SLOTS,
    BOOK,
    FEE_SLOTS,
    FEES_DYNAMIC,
    FEES_TIERED,
    FEES_ZERO,
    STREAMS,
    TIER_SLOTS,
    UNITS_PER_QUOTE,
)

_FEE_KINDS = {"zero": FEES_ZERO, "dynamic": FEES_DYNAMIC, "tiered": FEES_TIERED}
_FOR_EVER_NS = 1 << 60

#: Quote volume required, maker rate, taker rate.
Tier = tuple[float, float, float]


def make_book(
    *,
    index: int = 0,
    seed: int = 0,
    n_miners: int = 264,
    min_lots: int = 2500,
    max_open_orders: int = 100,
    keeps_ghosts: bool = True,
    shows_ghosts: bool = False,
    ghosts_hold_a_side: bool = True,
    self_trade_notices: bool = False,
    price_band: float = 0.0,
    duration_ns: int = _FOR_EVER_NS,
    fees: FeePolicy | None = None,
    exogenous_fees: bool = False,
    tiers: Sequence[Tier] = (),
    tier_slots: int = 1,
    tier_period_ns: int = 0,
    into: npt.NDArray[np.void] | None = None,
) -> npt.NDArray[np.void]:
    """An empty book with its rules, its random streams at their start and no accounts.

    The one-element array is what Python holds and passes on: a kernel called with the record itself spends
    half a millisecond on finding out its type, with the array a quarter of a microsecond. `into` is a
    zeroed array of one record to write to; None makes one.

    Raises:
        ValueError: A count exceeds what a book has room for.
    """
    policy = fees or FeePolicy(kind="zero")
    if not 0 < n_miners < ACCOUNT_SLOTS:
        raise ValueError(f"n_miners must lie in 1…{ACCOUNT_SLOTS - 1}, got {n_miners}")
    if not 0 < policy.history_slots <= FEE_SLOTS:
        raise ValueError(f"history_slots must lie in 1…{FEE_SLOTS}, got {policy.history_slots}")
    if not 0 < tier_slots <= TIER_SLOTS or len(tiers) > 8:
        raise ValueError(f"at most 8 tiers over 1…{TIER_SLOTS} slots, got {len(tiers)} over {tier_slots}")
    books = np.zeros(1, dtype=BOOK) if into is None else into
    book = books[0]
    book["index"], book["seed"], book["n_miners"] = index, seed, n_miners
    book["min_lots"], book["max_open_orders"] = max(min_lots, 1), max_open_orders
    book["keeps_ghosts"], book["shows_ghosts"] = keeps_ghosts, keeps_ghosts and shows_ghosts
    book["ghosts_hold_a_side"] = ghosts_hold_a_side
    book["self_trade_notices"] = self_trade_notices
    book["band"], book["duration_ns"] = price_band, duration_ns
    book["next_process_ns"] = _FOR_EVER_NS
    for stream in range(STREAMS):
        seed_stream(book["rng"][stream], seed, index, stream)

    book["fee_kind"], book["fees_exogenous"] = _FEE_KINDS[policy.kind], exogenous_fees
    if policy.kind == "dynamic":
        for name in ("maker_fee", "taker_fee", "max_maker_rate", "max_taker_rate", "target_mtr"):
            book[name] = getattr(policy, name)
        book["shape_maker_fee"] = policy.shape_maker_fee
        book["shape_maker_rebate"] = policy.shape_maker_rebate
    book["fee_slots"] = policy.history_slots
    set_maker_ratio(book, policy.target_mtr)
    book["tier_count"], book["tier_slots"] = len(tiers), tier_slots
    book["tier_period_ns"] = book["tier_next_ns"] = tier_period_ns
    for i, (required, maker, taker) in enumerate(tiers):
        book["tier_required"][i] = round(required * UNITS_PER_QUOTE)
        book["tier_rates_e16"][i] = rate_e16(maker), rate_e16(taker)
    return books

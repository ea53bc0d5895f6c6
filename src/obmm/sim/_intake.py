"""A miner's answer at the venue's gate: what passes, when it acts, in whole ticks and lots."""

from __future__ import annotations

from collections import Counter
from functools import partial

import numpy as np
import numpy.typing as npt

from obmm.market import BoolArray, FloatArray, InstructionKind, IntArray, Orders, Venue
from obmm.market.grid import floor_units, truncated_units
from obmm.market.rules import QUOTE_DECIMALS, instruction_rank, message_rules, sorted_out
from obmm.sim._delays import delays_ns
from obmm.sim._parameters import Delay
from obmm.sim._random import Stream
from obmm.sim.exchange._layout import INSTRUCTION, MAX_LOTS, MAX_TICK, STP_OLDEST, UNITS_PER_QUOTE

#: Reasons for which the gate drops instructions before the exchange sees them.
LATE_ANSWER = "LATE_ANSWER"
TURNOVER_CAP = "TURNOVER_CAP"
INSTRUCTION_LIMIT = "INSTRUCTION_LIMIT"

Rows = npt.NDArray[np.void]

_WIDEST_SLIPPAGE = 1e6
_MOST_QUOTE = 10**16
_LONGEST_NS = 2**62


def sendable(orders: Orders, n_books: int, dropped: Counter[str]) -> Orders:
    """The orders that may be sent; those that the wire would not send either are counted in `dropped`."""
    if orders.sound and orders.n_books == n_books:
        return orders
    passed, refused = sorted_out(orders, partial(message_rules, n_books=n_books))
    for drop in refused:
        dropped[f"{drop.field}: {drop.reason}"] += 1
    return passed


def admit(orders: Orders, venue: Venue, capped: BoolArray, dropped: Counter[str]) -> tuple[Orders, IntArray]:
    """The rows that pass, book by book, and the number of the instruction of each within its book.

    On books where the turnover cap is reached (`capped`, (B,)) only cancels pass; of the rest of each book
    the first few instructions do. What is dropped is counted in `dropped`.
    """
    over = capped[orders.book] & ~orders.is_cancel
    if over.any():
        dropped[TURNOVER_CAP] += int(over.sum())
        orders = orders.take(~over)
    number = instruction_rank(orders)
    kept = number < venue.max_instructions
    if not kept.all():
        dropped[INSTRUCTION_LIMIT] += int((~kept).sum())
        orders, number = orders.take(kept), number[kept]
    arranged = np.lexsort((number, orders.book))
    if (arranged[1:] > arranged[:-1]).all():
        return orders, number
    return orders.take(arranged), number[arranged]


def rows_of(
    orders: Orders,
    number: IntArray,
    *,
    uid: int,
    venue: Venue,
    keeps_self_trade: bool,
    response_s: float,
    rules: Delay,
    streams: Stream,
) -> Rows:
    """Instructions for the exchange, one per row, in order.

    Prices and sizes are cut to the grid as the wire does it: a value on the grid stays, whatever its double.
    Where the venue loses the self-trade mode on the way (`keeps_self_trade` false) it is cancel-oldest.
    """
    rows = np.zeros(len(orders), dtype=INSTRUCTION)
    rows["kind"] = orders.kind
    rows["agent"] = uid
    rows["side"] = np.maximum(orders.side, 0)
    rows["time_in_force"] = orders.time_in_force
    rows["post_only"] = orders.post_only
    rows["self_trade"] = orders.self_trade if keeps_self_trade else STP_OLDEST
    # Only market orders may name an amount of quote.
    rows["in_quote"] = orders.in_quote & (orders.kind == int(InstructionKind.MARKET))
    price, volume = venue.price_decimals[orders.book], venue.volume_decimals[orders.book]
    rows["tick"] = _units(orders.price, price, MAX_TICK + 1)
    lots = _units(orders.size, volume, MAX_LOTS + 1)
    rows["amount"] = lots
    if rows["in_quote"].any():
        quote = _units(orders.size, np.full_like(volume, QUOTE_DECIMALS), _MOST_QUOTE)
        rows["amount"] = np.where(rows["in_quote"], quote * (UNITS_PER_QUOTE // 10**QUOTE_DECIMALS), lots)
    # Whatever the time is then, adding it does not overflow.
    rows["expiry_ns"] = np.minimum(orders.expiry_ns, _LONGEST_NS)
    rows["order_id"] = orders.order_id
    rows["client_id"] = orders.client_id
    rows["delay_ns"] = delays_ns(orders, number, response_s, rules, streams, venue.groups)
    bound = _zero_if_missing(orders.max_slippage)
    if bound.any():
        rows["slippage_e8"] = truncated_units(np.minimum(bound, _WIDEST_SLIPPAGE), 8)
    rows["leverage"] = orders.leverage
    return rows


def _units(values: FloatArray, decimals: IntArray, most: int) -> IntArray:
    """Whole grid units, 0 for a missing value, at most `most`."""
    return floor_units(np.minimum(_zero_if_missing(values), most / 10.0**decimals), decimals)


def _zero_if_missing(values: FloatArray) -> FloatArray:
    return np.where(np.isnan(values), 0.0, values)

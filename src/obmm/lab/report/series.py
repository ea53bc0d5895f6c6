"""What happened over time, thinned so that a report of any run stays small."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.lab.recorded import Run
from obmm.lab.summary import filled_forward, limit_share
from obmm.market import FloatArray, IntArray

#: Numbers that one chart of lines, the heat map and the price charts may hold, all books of all accounts
#: of a report together.
LINE_NUMBERS, HEAT_NUMBERS, PRICE_NUMBERS = 40_000, 40_000, 64_000
#: Edges of the histogram of quote distances, basis points behind the touch; the first bin is the touch.
DISTANCE_BPS = (0.0, 0.005, 1.0, 2.0, 5.0, 10.0, 20.0, np.inf)

_BPS = 1e4


@attrs.frozen(kw_only=True, eq=False)
class Lines:
    """Values at the last state of each stretch of equal length; the final state is always there.

    Attributes:
        time_s: (T,) simulated seconds since the first state.
        pnl: (T, B) P&L of trading, quote: against holding what the account began with.
        value: (T, B) change of the inventory's value since the first state, quote.
        position: (T, B) base held beyond the starting endowment.
        maker_ratio: (T,) share of makers in the traded volume that fees follow, mean over books.
        maker_bps: (T,) maker fee, mean over books, basis points; negative for a rebate.
        taker_bps: (T,) taker fee.
    """

    time_s: FloatArray
    pnl: FloatArray
    value: FloatArray
    position: FloatArray
    maker_ratio: FloatArray
    maker_bps: FloatArray
    taker_bps: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Heat:
    """Inventory, the largest of each stretch by size.

    Attributes:
        time_s: (H,) end of each stretch, simulated seconds since the first state.
        share: (H, B) position, positive for long, per cent of the limit; base where no gate sets a limit.
        of_limit: Whether `share` is per cent of a limit.
    """

    time_s: FloatArray
    share: FloatArray
    of_limit: bool


@attrs.frozen(kw_only=True, eq=False)
class Prices:
    """The touch of every book: the lowest bid and the highest ask of each stretch.

    Attributes:
        time_s: (P,) middle of each stretch, simulated seconds since the first state.
        low_bid: (P, B) quote.
        high_ask: (P, B) quote.
    """

    time_s: FloatArray
    low_bid: FloatArray
    high_ask: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class QuoteDistance:
    """How far own best quotes stood behind the touch; bins are those of `DISTANCE_BPS`.

    Attributes:
        time_s: (Q,) end of each stretch, simulated seconds since the first state.
        median_bps: (Q,) of both sides of all books and states, basis points; NaN without quotes.
        over_time: (Q, D) share of all sides, quoted or not, whose quote was in each bin.
        share: (2, D) share of a side's quotes in each bin; bids, asks.
    """

    time_s: FloatArray
    median_bps: FloatArray
    over_time: FloatArray
    share: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Series:
    """Everything that was recorded state by state, and the share of time each book was at its limit (B,)."""

    lines: Lines
    heat: Heat
    prices: Prices
    distance: QuoteDistance
    at_limit: FloatArray


def stretches(states: int, points: int) -> IntArray:
    """First state of each of at most `points` equal stretches.

    >>> stretches(10, 4).tolist()
    [0, 3, 6, 9]
    """
    return np.arange(0, states, -(-states // points))


def series_of(run: Run, uid: int, of: int = 1) -> Series:
    """Read an account's states once and thin them, as one of so many accounts of a report."""
    names = ("bid", "ask", "own_bid", "own_ask", "base", "quote", "position", "position_limit")
    times, grids = run.grid(uid, *names, "maker_ratio", "maker_rate", "taker_rate")
    bid, ask, own_bid, own_ask, base, quote, position, limit, maker_ratio, maker_rate, taker_rate = grids
    time_s, (n, books) = (times - times[0]) / 1e9, bid.shape
    mid = filled_forward((bid + ask) / 2.0)
    value = quote + base * mid
    share = limit_share(position, limit)
    starts = stretches(n, _points(LINE_NUMBERS, books * of, most=600))
    last = _ends(starts, n)
    lines = Lines(
        time_s=time_s[last],
        pnl=(value - (quote[0] + base[0] * mid))[last],
        value=(value - value[0])[last],
        position=position[last],
        maker_ratio=_mean(maker_ratio[last]),
        maker_bps=_BPS * _mean(maker_rate[last]),
        taker_bps=_BPS * _mean(taker_rate[last]),
    )
    return Series(
        lines=lines,
        heat=_heat(time_s, position, share, of),
        prices=_prices(time_s, bid, ask, of),
        distance=_distance(time_s, _BPS * (bid - own_bid) / mid, _BPS * (own_ask - ask) / mid),
        at_limit=np.where(np.isfinite(share).any(axis=0), (np.abs(share) >= 1.0).mean(axis=0), np.nan),
    )


def _heat(time_s: FloatArray, position: FloatArray, share: FloatArray, of: int) -> Heat:
    of_limit = bool(np.isfinite(share).any())
    shown = 100.0 * share if of_limit else position
    starts = stretches(time_s.size, _points(HEAT_NUMBERS, position.shape[1] * of, most=360))
    high, low = np.fmax.reduceat(shown, starts), np.fmin.reduceat(shown, starts)
    return Heat(
        time_s=time_s[_ends(starts, time_s.size)],
        share=np.where(-low > high, low, high),
        of_limit=of_limit,
    )


def _prices(time_s: FloatArray, bid: FloatArray, ask: FloatArray, of: int) -> Prices:
    starts = stretches(time_s.size, _points(PRICE_NUMBERS, bid.shape[1] * of, most=1200))
    return Prices(
        time_s=(time_s[starts] + time_s[_ends(starts, time_s.size)]) / 2.0,
        low_bid=np.fmin.reduceat(bid, starts),
        high_ask=np.fmax.reduceat(ask, starts),
    )


def _distance(time_s: FloatArray, bid_bps: FloatArray, ask_bps: FloatArray) -> QuoteDistance:
    starts = stretches(time_s.size, 180)
    both = np.concatenate([bid_bps, ask_bps], axis=1)
    medians, rows = [], []
    for start, end in zip(starts, _ends(starts, time_s.size), strict=True):
        sides = both[start : end + 1]
        known = _known(sides)
        medians.append(float(np.median(known)) if known.size else np.nan)
        rows.append(np.histogram(known, DISTANCE_BPS)[0] / sides.size)
    counts = [np.histogram(_known(side), DISTANCE_BPS)[0] for side in (bid_bps, ask_bps)]
    return QuoteDistance(
        time_s=time_s[_ends(starts, time_s.size)],
        median_bps=np.array(medians),
        over_time=np.array(rows),
        share=np.array([count / max(int(count.sum()), 1) for count in counts]),
    )


def _points(numbers: int, books: int, most: int) -> int:
    return int(np.clip(numbers // books, 60, most))


def _ends(starts: IntArray, states: int) -> IntArray:
    return np.append(starts[1:], states) - 1


def _known(values: FloatArray) -> FloatArray:
    # A quote that stood at the touch of a book whose prices moved since is at the touch, not before it.
    known: FloatArray = np.maximum(values[np.isfinite(values)], 0.0)
    return known


def _mean(values: FloatArray) -> FloatArray:
    """(T,) mean over books of what is known."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    mean: FloatArray = np.where(known, values, 0.0).sum(axis=1) / np.where(count > 0, count, np.nan)
    return mean

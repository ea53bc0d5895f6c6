"""What counterfactual scores are made from: value series, fills and prints of one account."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.lab.recorded import Run
from obmm.lab.summary import Fills
from obmm.market import BUY, BoolArray, FloatArray, IntArray
from obmm.scoring import EraConstants, midquote, midquote_value

#: Counterfactual values are exact to so many decimals of quote.
NOISE_DECIMALS = 8


@attrs.frozen(kw_only=True, eq=False)
class Record:
    """One account of a run, up to the last scoring.

    Attributes:
        run: Where it comes from.
        uid: The account.
        times_ns: (T,) times of the states.
        mid: (T, B) middle of the touch, quote; 0 where a side was empty, as scoring has it.
        value: (T, B) inventory value, quote.
        base_start: (B,) base at the first state.
        fills: Own fills, in order of time.
        state: (N,) state with which each fill was told; T and more for those after the last scoring.
    """

    run: Run
    uid: int
    times_ns: IntArray
    mid: FloatArray
    value: FloatArray
    base_start: FloatArray
    fills: Fills
    state: IntArray

    @classmethod
    def of(cls, run: Run, uid: int, fills: Fills, era: EraConstants) -> Record:
        """Read an account; states after the last scoring are left out."""
        times, (bid, ask, base, quote) = run.grid(uid, "bid", "ask", "base", "quote")
        (scored,) = np.nonzero(times % era.scoring_interval_ns == 0)
        n = int(scored[-1]) + 1 if scored.size else 0
        return cls(
            run=run,
            uid=uid,
            times_ns=times[:n],
            mid=midquote(bid[:n], ask[:n]),
            value=midquote_value(quote[:n], base[:n], bid[:n], ask[:n]),
            base_start=base[0],
            fills=fills,
            state=np.searchsorted(times, fills.time_ns, side="right"),
        )

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return int(self.value.shape[1])

    @property
    def sign(self) -> FloatArray:
        """(N,) 1 for a buy, -1 for a sell."""
        return np.where(self.fills.side == BUY, 1.0, -1.0)


@attrs.frozen(kw_only=True, eq=False)
class Altered:
    """What a counterfactual changes about a record; what is None stays as it was.

    Attributes:
        keep: (N,) fills that happen.
        price: (N,) prices of the fills, quote.
        fee: (N,) fees of the fills, quote.
        still_endowment: The base an account started with gains and loses nothing.
        typical: (B,) books that count like the median of the others.
        busy: (B,) books that trade as much as counts in full.
        least_ratio: (B,) lower bounds of the books' ratios, -inf for none.
    """

    keep: BoolArray | None = None
    price: FloatArray | None = None
    fee: FloatArray | None = None
    still_endowment: bool = False
    typical: BoolArray | None = None
    busy: BoolArray | None = None
    least_ratio: FloatArray | None = None


AS_IT_WAS = Altered()


@attrs.frozen(kw_only=True, eq=False)
class Rescored:
    """A score with the parts that findings look at.

    Attributes:
        score: Raw score of the era; under 0.6 the share of the emission within the field of the run.
        ratio: (B,) Sharpe, Kappa or alpha (quote) of each book, NaN for none.
        factor: (B,) activity factor; 1 where the era has none.
        outliers: (B,) books that lie far below the others.
        complete: Whether the history was long enough for ratios.
    """

    score: float
    ratio: FloatArray
    factor: FloatArray
    outliers: BoolArray
    complete: bool


def altered_value(record: Record, altered: Altered) -> FloatArray:
    """(T, B) inventory value had the fills been others: exact, since each fill's part in it is known."""
    value, fills = record.value, record.fills
    if altered.keep is not None or altered.price is not None or altered.fee is not None:
        keep = np.ones(fills.size.size, dtype=np.bool_) if altered.keep is None else altered.keep
        price = fills.price if altered.price is None else altered.price
        fee = fills.fee if altered.fee is None else altered.fee
        was, would_be = _settled(record, fills.price, fills.fee), _settled(record, price, fee)
        base, quote = (np.where(keep, new, 0.0) - old for new, old in zip(would_be, was, strict=True))
        value = value + _cumulated(record, quote) + _cumulated(record, base) * record.mid
    if altered.still_endowment:
        value = value - record.base_start * (record.mid - record.mid[0])
    # A Sharpe ratio tells no rounding noise from a move.
    return value if value is record.value else np.round(value, NOISE_DECIMALS)


def _settled(record: Record, price: FloatArray, fee: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(N,) base and quote that each fill brings.

    A buyer who owes a fee pays it in base, rounded up to a lot, and has what is too much back in quote.
    """
    size = record.fills.size
    lot = 10.0 ** -np.array(record.run.about["venue"]["volume_decimals"])[record.fills.book]
    in_base = (record.fills.side == BUY) & (fee > 0.0)
    fee_base = np.where(in_base, np.ceil(fee / price / lot - 1e-6) * lot, 0.0)
    return record.sign * size - fee_base, -record.sign * size * price - fee + fee_base * price


def _cumulated(record: Record, amounts: FloatArray) -> FloatArray:
    """(T, B) amounts of the fills summed from the state with which each was told."""
    steps = np.zeros_like(record.value)
    inside = record.state < record.times_ns.size
    np.add.at(steps, (record.state[inside], record.fills.book[inside]), amounts[inside])
    total: FloatArray = np.cumsum(steps, axis=0)
    return total


def like_the_others(values: FloatArray, typical: BoolArray | None) -> FloatArray:
    """`values` (B,) with the median of the other books on the `typical` ones.

    >>> like_the_others(np.array([1.0, 2.0, 3.0, -9.0]), np.array([False, False, False, True]))
    array([1., 2., 3., 2.])
    """
    if typical is None or not typical.any():
        return values
    others = values[~typical & ~np.isnan(values)]
    return np.where(typical, np.median(others), values) if others.size else values


def within_limit(fills: Fills, limit_base: FloatArray) -> BoolArray:
    """(N,) fills that are left if those that would carry a position past a smaller limit do not happen.

    Args:
        fills: Own fills in order of time.
        limit_base: (B,) largest position, base.

    >>> one = np.zeros(3, dtype=np.int64)
    >>> fills = Fills(book=one, side=one, maker=one == 0, price=one + 9.0, size=one + 1.0, fee=one * 0.0,
    ...               time_ns=one, markout_bps=np.zeros((3, 8)))
    >>> within_limit(fills, np.array([2.0]))
    array([ True,  True, False])
    """
    position = np.zeros(limit_base.size).tolist()
    limit = limit_base.tolist()
    keep = []
    for book, side, size in zip(fills.book.tolist(), fills.side.tolist(), fills.size.tolist(), strict=True):
        after = position[book] + (size if side == BUY else -size)
        happens = abs(after) <= limit[book] or abs(after) < abs(position[book])
        if happens:
            position[book] = after
        keep.append(happens)
    return np.array(keep, dtype=np.bool_)

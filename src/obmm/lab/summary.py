"""A run in figures: P&L, fills, markouts, inventory, fees, rejects, response times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.lab.attribution import attribute
from obmm.lab.first_hour import LATER, first_hour_row, hourly_after
from obmm.lab.pipelines import told_by_pipeline
from obmm.lab.recorded import Run
from obmm.market import BUY, FloatArray, InstructionKind, IntArray, Reason

#: Horizons of the markout curve, seconds after the fill.
MARKOUT_S = (0, 1, 5, 10, 30, 60, 120, 300)
#: The horizon at which a fill counts as won or lost.
WIN_S = 60


@attrs.frozen
class Fills:
    """Own fills of a run with their markouts.

    Attributes:
        book: (N,) position of the book.
        side: (N,) 0 bought, 1 sold.
        maker: (N,) whether our order rested.
        price: (N,) quote.
        size: (N,) base.
        fee: (N,) quote paid, negative for a rebate.
        time_ns: (N,) simulated time.
        markout_bps: (N, H) signed move of the mid from the fill's price to each of `MARKOUT_S` later, in
            basis points of the price; NaN where the run ended before.
    """

    book: IntArray
    side: IntArray
    maker: npt.NDArray[np.bool_]
    price: FloatArray
    size: FloatArray
    fee: FloatArray
    time_ns: IntArray
    markout_bps: FloatArray

    @property
    def fee_bps(self) -> FloatArray:
        """(N,) fee in basis points of notional."""
        return 1e4 * self.fee / (self.price * self.size)


def markouts(
    time_ns: IntArray, book: IntArray, side: IntArray, price: FloatArray, state_ns: IntArray, mid: FloatArray
) -> FloatArray:
    """(N, H) markouts of fills in basis points of their price; s (M_{t+h} - p), s = +1 for a buy.

    The mid h seconds later is that of the first state at or after that instant; a state without a mid counts
    as the last one known. Source: Huang and Stoll (1996), realised spread.

    >>> t = np.array([0, 1, 2]) * 10**9
    >>> mid = np.array([[100.0], [100.2], [99.9]])
    >>> one = np.array([0])
    >>> markouts(one, one, one, np.array([100.0]), t, mid)[0, :2].round(6).tolist()
    [0.0, 20.0]
    """
    known = filled_forward(mid)
    out = np.full((time_ns.size, len(MARKOUT_S)), np.nan)
    sign = np.where(side == BUY, 1.0, -1.0)
    for h, seconds in enumerate(MARKOUT_S):
        row = np.searchsorted(state_ns, time_ns + seconds * 1_000_000_000)
        inside = row < state_ns.size
        later = known[np.minimum(row, state_ns.size - 1), book]
        out[:, h] = np.where(inside, 1e4 * sign * (later - price) / price, np.nan)
    return out


def fills_of(run: Run, uid: int) -> Fills:
    """The fills of one account with their markouts."""
    table = run.of("fills", uid)
    times, (bid, ask) = run.grid(uid, "bid", "ask")
    position = {book_id: i for i, book_id in enumerate(run.about["venue"]["book_ids"])}
    book = np.array([position[int(b)] for b in table["book"]], dtype=np.int64)
    side = table["side"].astype(np.int64)
    mid = (bid + ask) / 2.0
    return Fills(
        book=book,
        side=side,
        maker=table["maker"].astype(np.bool_),
        price=table["price"],
        size=table["size"],
        fee=table["fee"],
        time_ns=table["time_ns"],
        markout_bps=markouts(table["time_ns"], book, side, table["price"], times, mid),
    )


def summarise(run: Run, uid: int = 0) -> dict[str, Any]:
    """Everything `obmm simulate` prints about one account of a run, as plain values.

    P&L is told in two parts: `pnl` is what trading earned against holding the starting endowment, fees
    included; `pnl_endowment` is what the endowment itself gained or lost by the move of the price. Of `pnl`,
    `pnl_first_hour` came in the first hour, and `pnl_after_first_hour` per book and hour after it. Where
    `pnl` comes from is `attribution`, by the parts of `obmm.lab.attribution.PARTS`, also of each class of
    books where there are several, by the price that their asset began at.
    """
    times, (bid, ask, base, quote, position, limit, bid_why, ask_why, maker_ratio) = run.grid(
        uid,
        "bid",
        "ask",
        "base",
        "quote",
        "position",
        "position_limit",
        "bid_reason",
        "ask_reason",
        "maker_ratio",
    )
    mid = filled_forward((bid + ask) / 2.0)
    fills = fills_of(run, uid)
    orders = run.of("orders", uid)
    rejects = Counter(run.of("rejects", uid)["reason"].tolist())
    answers = run.of("answers", uid)["respond_ms"]
    held = quote[0] + base[0] * mid
    value = quote + base * mid
    hour = first_hour_row(times)
    trading = value[-1] - held[-1]
    first_hour = value[hour] - held[hour]
    endowment = held[-1] - value[0]
    share = np.abs(limit_share(position, limit))
    parts = attribute(fills, times, mid, trading)
    per_book = [
        {part: float(values[b]) for part, values in parts.items()}
        | {"pnl_first_hour": float(first_hour[b])}
        | _book_row(b, book_id, fills, trading[b], endowment[b], position[:, b], share[:, b])
        for b, book_id in enumerate(run.about["venue"]["book_ids"])
    ]
    placed = orders["kind"] == InstructionKind.LIMIT
    posted = int(placed.sum()) - sum(rejects.values())
    table = run.of("fills", uid)
    traded = len(set(zip(table["book"].tolist(), table["order_id"].tolist(), strict=True)))
    hours = (times[-1] - times[0]) / 3.6e12 if times.size > 1 else 0.0
    quiet = float(np.mean([_closed(bid_why), _closed(ask_why)]))
    return {
        "seconds": int(times.size),
        "hours": hours,
        "fills": int(fills.size.size),
        "traded_quote": float((fills.price * fills.size).sum()),
        "pnl": float(trading.sum()),
        "pnl_endowment": float(endowment.sum()),
        "pnl_per_book_hour": float(trading.mean() / hours) if hours else None,
        "pnl_first_hour": float(first_hour.sum()),
        LATER: _mean(hourly_after(trading, first_hour, hours)),
        "fees": float(fills.fee.sum()),
        "attribution": {part: float(values.sum()) for part, values in parts.items()},
        "attribution_by_class": _by_class(parts, run.about["venue"]["initial_price"]),
        "orders_posted": posted,
        "fill_rate": traded / posted if posted > 0 else None,
        "win_rate": win_rate(fills),
        "maker_share": _share(fills.maker, fills.price * fills.size),
        "maker_ratio_mean": _mean(maker_ratio),
        "markout_bps": {f"{s}s": _mean(fills.markout_bps[:, h]) for h, s in enumerate(MARKOUT_S)},
        "inventory": {
            "mean_abs_base": float(np.abs(position).mean()),
            "mean_limit_share": _mean(share),
            "max_limit_share": float(np.nanmax(share)) if np.isfinite(share).any() else None,
        },
        "quiet": quiet,
        "quiet_because": _reasons(np.stack([bid_why, ask_why])),
        "drawdown_stops": run.about.get("drawdown_stops", {}).get(str(uid), 0),
        "lifted_share": run.about.get("lifted", {}).get(str(uid), 0) / max(times.size * bid.shape[1], 1),
        "rejects": dict(rejects),
        "respond_ms": _percentiles(answers),
        "per_book": per_book,
        "pipelines": told_by_pipeline(
            run.about["accounts"].get(str(uid), {}),
            np.array(run.about["venue"]["book_ids"]),
            np.array(run.about["venue"]["initial_price"]),
            per_book,
            hours,
        ),
    }


def _by_class(parts: Mapping[str, FloatArray], initial_price: Sequence[float]) -> dict[str, dict[str, float]]:
    """Attribution by the price that a book's asset began at; empty where all began at the same."""
    prices = np.array(initial_price)
    classes = list(dict.fromkeys(prices.tolist()))
    if len(classes) < 2:
        return {}
    return {
        f"{price:g}": {part: float(values[prices == price].sum()) for part, values in parts.items()}
        for price in classes
    }


def win_rate(fills: Fills) -> float | None:
    """Share of fills whose markout at `WIN_S` is above 0; None before any is old enough."""
    at = fills.markout_bps[:, MARKOUT_S.index(WIN_S)]
    known = at[np.isfinite(at)]
    return float((known > 0.0).mean()) if known.size else None


def _book_row(
    b: int,
    book_id: int,
    fills: Fills,
    trading: float,
    endowment: float,
    position: FloatArray,
    share: FloatArray,
) -> dict[str, Any]:
    rows = fills.book == b
    win = fills.markout_bps[rows, MARKOUT_S.index(WIN_S)]
    known = win[np.isfinite(win)]
    return {
        "book": int(book_id),
        "pnl": float(trading),
        "pnl_endowment": float(endowment),
        "fills": int(rows.sum()),
        "traded_quote": float((fills.price[rows] * fills.size[rows]).sum()),
        "fees": float(fills.fee[rows].sum()),
        "win_rate": float((known > 0.0).mean()) if known.size else None,
        "markout_60s_bps": float(known.mean()) if known.size else None,
        "max_abs_position": float(np.abs(position).max()),
        "max_limit_share": float(np.nanmax(share)) if np.isfinite(share).any() else None,
    }


def filled_forward(mid: FloatArray) -> FloatArray:
    """(T, B) `mid` with gaps filled by the last value known, and leading gaps by the first."""
    known = np.isfinite(mid)
    row = np.where(known, np.arange(mid.shape[0])[:, None], 0)
    row = np.maximum.accumulate(row, axis=0)
    filled = mid[row, np.arange(mid.shape[1])]
    first = mid[known.argmax(axis=0), np.arange(mid.shape[1])]
    return np.where(np.isfinite(filled), filled, first)


def limit_share(position: FloatArray, limit: FloatArray) -> FloatArray:
    """Signed `position` as a share of the risk gates' `limit`, NaN where no gate sets one.

    >>> limit_share(np.array([-5.0, 1.0]), np.array([10.0, np.inf])).tolist()
    [-0.5, nan]
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(np.isfinite(limit) & (limit > 0), position / limit, np.nan)


def _closed(reason: FloatArray) -> npt.NDArray[np.bool_]:
    return (reason > Reason.OPEN) & (reason < Reason.NARROWED)


def _reasons(reason: FloatArray) -> dict[str, float]:
    """Reason → share of all entries that it closes, most frequent first."""
    codes, counts = np.unique(reason[_closed(reason)].astype(np.int64), return_counts=True)
    shares = {
        Reason(code).name.lower(): float(n) / reason.size for code, n in zip(codes, counts, strict=True)
    }
    return dict(sorted(shares.items(), key=lambda item: -item[1]))


def _share(flag: npt.NDArray[np.bool_], weight: FloatArray) -> float | None:
    total = weight.sum()
    return float(weight[flag].sum() / total) if total > 0 else None


def _mean(values: FloatArray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None


def _percentiles(values: FloatArray) -> dict[str, float | None]:
    if not values.size:
        return {"p50": None, "p99": None, "max": None}
    p50, p99, top = np.percentile(values, (50, 99, 100))
    return {"p50": float(p50), "p99": float(p99), "max": float(top)}

"""One account's side of a run as it goes by, kept in memory, and the outcome it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.lab.attribution import PARTS, attribute
from obmm.lab.first_hour import LATER, first_hour_row, hourly_after
from obmm.lab.summary import MARKOUT_S, WIN_S, Fills, filled_forward, markouts
from obmm.lab.trials.metrics import figures_of_era
from obmm.lab.trials.others import Other
from obmm.lab.trials.outcome import Outcome
from obmm.market import FloatArray, IntArray, MarketState, NoticeKind
from obmm.market.arrays import as_ints

#: Parts of the P&L that are metrics; what fees cost is one already.
_EARNED = tuple(part for part in PARTS if part != "fees_and_rebates")
_FILL = ("book", "side", "price", "size", "fee", "time_ns")


@attrs.define
class Gather:
    """Takes in the states of one account and tells what became of it.

    A state costs five small copies, and what was filled.
    """

    _times: list[int] = attrs.field(init=False, factory=list)
    _grids: dict[str, list[FloatArray]] = attrs.field(
        init=False, factory=lambda: {name: [] for name in ("mid", "base", "quote", "position")}
    )
    _fills: list[dict[str, npt.NDArray[Any]]] = attrs.field(init=False, factory=list)

    @property
    def states(self) -> int:
        """States taken in."""
        return len(self._times)

    def add(self, state: MarketState) -> None:
        """Take in one state."""
        self._times.append(state.time_ns)
        accounts, grids = state.accounts, self._grids
        grids["mid"].append(state.mid.copy())
        grids["base"].append(accounts.base_own.copy())
        grids["quote"].append(accounts.quote_own.copy())
        grids["position"].append(accounts.position.copy())
        notices = state.notices
        if not len(notices):
            return
        rows = np.flatnonzero((notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0))
        if rows.size:
            told = {name: getattr(notices, name)[rows] for name in _FILL}
            self._fills.append(told | {"maker": notices.maker_id[rows] == state.uid})

    def outcome(
        self,
        *,
        seed: int,
        config_hash: str,
        digest: str,
        asset: IntArray,
        books: IntArray | None = None,
        pipeline: IntArray | None = None,
        scores: Mapping[str, Mapping[str, float]] | None = None,
        failed: int = 0,
        fault: str = "",
        others: Callable[[FloatArray, FloatArray], tuple[Other, ...]] | None = None,
    ) -> Outcome:
        """What became of the account.

        Args:
            seed: Seed of its market.
            config_hash: Its configuration.
            digest: Fingerprint of its market.
            asset: (B,) index of each book's asset class.
            books: (B,) positions of its books in the states taken in; all of them if not given.
            pipeline: (B,) which pipeline ran the book; the main one if not given.
            scores: Era → newest figures.
            failed: States on which a pipeline failed.
            fault: What was wrong first.
            others: Tells what other miners of its books came to, at mids (B,) of the end and of the end of
                the first hour.
        """
        scores = scores or {}
        times = np.array(self._times, dtype=np.int64)
        mid, base, quote, position = (
            self._grid(name, books) for name in ("mid", "base", "quote", "position")
        )
        mid = filled_forward(mid)
        fills = self._joined(times, mid, books)
        pnl = (quote - quote[0]) + (base - base[0]) * mid
        traded = fills.price * fills.size
        total, hours = pnl.sum(axis=1), float(times[-1] - times[0]) / 3.6e12
        n_books, hour = mid.shape[1], first_hour_row(times)

        def by_book(values: FloatArray | None = None) -> FloatArray:
            return np.bincount(fills.book, weights=values, minlength=n_books).astype(np.float64)

        by_name = {
            "pnl": pnl[-1],
            "pnl_first_hour": pnl[hour],
            "turnover": by_book(traded),
            "fees": by_book(fills.fee),
            "fills": by_book(),
            "max_drawdown": drawdown(pnl),
            "asset": asset.astype(np.float64),
            "pipeline": (np.zeros(n_books) if pipeline is None else pipeline.astype(np.float64)),
            **attribute(fills, times, mid, pnl[-1]),
        }
        exposure = np.abs(position * mid).mean(axis=1)
        per_book_hour = 1.0 / (n_books * hours) if hours else np.nan
        turnover = float(traded.sum())
        win = fills.markout_bps[:, MARKOUT_S.index(WIN_S)]
        win = win[np.isfinite(win)]
        metrics = {
            "pnl_per_book_hour": float(total[-1]) * per_book_hour,
            LATER: float(hourly_after(pnl[-1], pnl[hour], hours).mean()),
            "pnl_bps": 1e4 * float(total[-1]) / turnover if turnover else np.nan,
            "max_drawdown": float(drawdown(total[:, None])[0]),
            "turnover_per_book_hour": turnover * per_book_hour,
            "fees_per_book_hour": float(fills.fee.sum()) * per_book_hour,
            "fills_per_book_hour": fills.size.size * per_book_hour,
            "win_rate": float((win > 0.0).mean()) if win.size else np.nan,
            "maker_share": float(traded[fills.maker].sum()) / turnover if turnover else np.nan,
            "inventory_quote": float(exposure.mean()),
            **{f"{part}_per_book_hour": float(by_name[part].sum()) * per_book_hour for part in _EARNED},
        }
        for era, figures in scores.items():
            metrics |= figures_of_era(era, figures, hours * 60.0)
        known = np.isfinite(fills.markout_bps)
        minutes = _minutes(times)
        return Outcome(
            seed=seed,
            config_hash=config_hash,
            digest=digest,
            hours=hours,
            states=times.size,
            failed=failed,
            fault=fault,
            metrics=metrics,
            books=by_name,
            curves={
                "time_s": (times[minutes] - times[0]) / 1e9,
                "pnl": total[minutes],
                "inventory_quote": exposure[minutes],
            },
            markouts={
                "sum": np.where(known, fills.markout_bps, 0.0).sum(axis=0),
                "count": known.sum(axis=0).astype(np.float64),
            },
            scores=scores,
            others=() if others is None else others(mid[-1], mid[hour]),
        )

    def _grid(self, name: str, books: IntArray | None) -> FloatArray:
        """(T, B) one of the grids; sums over books want each state's in a row, as they were taken in."""
        grid = np.array(self._grids[name])
        return grid if books is None else np.ascontiguousarray(grid[:, books])

    def _joined(self, times: IntArray, mid: FloatArray, books: IntArray | None) -> Fills:
        columns: dict[str, npt.NDArray[Any]] = {
            "book": np.empty(0, np.int64),
            "side": np.empty(0, np.int64),
            "maker": np.empty(0, np.bool_),
            **{name: np.empty(0) for name in ("price", "size", "fee")},
            "time_ns": np.empty(0, np.int64),
        }
        if self._fills:
            columns = {name: np.concatenate([rows[name] for rows in self._fills]) for name in columns}
        if books is not None:
            here = np.isin(columns["book"], books)
            columns = {name: values[here] for name, values in columns.items()}
            columns["book"] = np.searchsorted(books, columns["book"])
        marked = markouts(columns["time_ns"], columns["book"], columns["side"], columns["price"], times, mid)
        return Fills(**columns, markout_bps=marked)


def drawdown(curve: FloatArray) -> FloatArray:
    """Largest fall of each column of (T, B) below what it had reached, at least 0.

    >>> drawdown(np.array([[0.0], [3.0], [1.0], [4.0], [3.5]])).tolist()
    [2.0]
    """
    return np.asarray((np.maximum.accumulate(curve, axis=0) - curve).max(axis=0))


def _minutes(times: IntArray) -> IntArray:
    """Rows of the first state of each full minute since the first state, and of the last."""
    minute = (times - times[0]) // 60_000_000_000
    first = np.flatnonzero(np.diff(minute, prepend=-1) > 0)
    return as_ints(np.unique(np.append(first, times.size - 1)))

"""What the other miners of the books came to, kind by kind: whoever is tried is held against them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from obmm.agent import Config
from obmm.lab.first_hour import LATER, hourly_after
from obmm.lab.trials.metrics import figures_of_era
from obmm.market import BoolArray, FloatArray, IntArray
from obmm.sim import Miners, Rivals

#: Names of the synthetic miners; configurations go by their own.
QUOTERS, TAKERS = "quoters", "takers"


@attrs.frozen(kw_only=True, eq=False)
class Other:
    """Miners of one kind: the synthetic quoters, the takers, or those that run one configuration.

    Attributes:
        name: Quoters, takers, or the name of the configuration.
        config_hash: The configuration; empty for synthetic miners.
        pnl: (M,) what each of them earned by trading on all books, quote.
        books: `pnl`, `pnl_first_hour`, `turnover` and `fees` per book (B,), the mean of the kind, quote.
        scores: Metric of an era → its mean over those of the kind that have a score; synthetic miners have
            one only where the era reads no more than the tape.
    """

    name: str
    config_hash: str = ""
    pnl: FloatArray
    books: Mapping[str, FloatArray]
    scores: Mapping[str, float] = attrs.field(factory=dict)

    def metric(self, name: str, hours: float, rows: BoolArray | None = None) -> float:
        """A figure of the kind's mean member; NaN where it is not known.

        Args:
            name: Key of `obmm.lab.trials.METRICS`, or a figure of an era such as `score_0.6.3`.
            hours: How long they traded.
            rows: (B,) true for the books that count; all of them if not given.
        """
        rows = np.ones(self.books["pnl"].size, dtype=np.bool_) if rows is None else rows
        if name == LATER and "pnl_first_hour" in self.books:
            pnl, first = self.books["pnl"][rows], self.books["pnl_first_hour"][rows]
            return float(hourly_after(pnl, first, hours).mean())
        column, _, per = name.partition("_per_")
        if per == "book_hour" and column in self.books:
            return float(self.books[column][rows].mean()) / hours if hours else math.nan
        if name == "pnl_bps":
            turnover = float(self.books["turnover"][rows].sum())
            return 1e4 * float(self.books["pnl"][rows].sum()) / turnover if turnover else math.nan
        return self.scores.get(name, math.nan)


def kinds_of(configs: Sequence[Config], rivals: Rivals) -> dict[tuple[str, str], IntArray]:
    """(name, configuration hash) of each kind of others → uids of its members.

    Args:
        configs: The configurations that compete, uids 1, 2, …; uid 0 is tried.
        rivals: The synthetic miners, whose uids follow.

    >>> from obmm.agent import resolve
    >>> from obmm.sim import Scenario
    >>> kinds = kinds_of([resolve("touch")] * 2, Scenario.load("taos-0.5.4").rivals)
    >>> [(name, uids.tolist()) for (name, _), uids in kinds.items()]
    [('touch', [1, 2]), ('quoters', [3, 4]), ('takers', [5, 6, 7, 8, 9])]
    """
    synthetic = [(QUOTERS, "")] * rivals.makers + [(TAKERS, "")] * rivals.takers
    # A configuration is called what it is called on a command line.
    names = [(config.name.removeprefix("preset ").removeprefix("rival "), config.hash) for config in configs]
    uids: dict[tuple[str, str], list[int]] = {}
    for uid, kind in enumerate([*names, *synthetic], start=1):
        uids.setdefault(kind, []).append(uid)
    return {kind: np.array(members) for kind, members in uids.items()}


def others_of(
    kinds: Mapping[tuple[str, str], IntArray],
    miners: Miners,
    after_hour: Miners,
    scores: Mapping[str, Mapping[int, Mapping[str, float]]],
    minutes: float,
    mid: FloatArray,
    mid_after_hour: FloatArray,
) -> tuple[Other, ...]:
    """What each kind came to.

    Args:
        kinds: The kinds by their uids.
        miners: Everybody's accounts at the end, on B books.
        after_hour: The same after the first hour, or at the end of a shorter run.
        scores: Era → uid → newest figures, of those it scores.
        minutes: Simulated minutes that were scored.
        mid: (B,) mids at the end.
        mid_after_hour: (B,) mids where `after_hour` is taken.
    """
    columns = {
        "pnl": miners.pnl(mid),
        "pnl_first_hour": after_hour.pnl(mid_after_hour),
        "turnover": miners.turnover,
        "fees": miners.fees,
    }

    def scored(uids: IntArray) -> dict[str, float]:
        told: dict[str, float] = {}
        for era, of in scores.items():
            rows = [figures_of_era(era, of[uid], minutes) for uid in uids.tolist() if uid in of]
            for name in rows[0] if rows else ():
                known = [row[name] for row in rows if not math.isnan(row[name])]
                if known:
                    told[name] = float(np.mean(known))
        return told

    return tuple(
        Other(
            name=name,
            config_hash=config_hash,
            pnl=columns["pnl"][uids].sum(axis=1),
            books={column: values[uids].mean(axis=0) for column, values in columns.items()},
            scores=scored(uids),
        )
        for (name, config_hash), uids in kinds.items()
    )

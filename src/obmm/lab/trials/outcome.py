"""What became of a trial on one seed: small enough to be sent, kept and compared."""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from obmm.lab.first_hour import LATER, TOO_SHORT
from obmm.lab.trials.others import Other
from obmm.market import FloatArray
from obmm.scoring import ERAS
from obmm.scoring.unscored import why_unscored


@attrs.frozen(kw_only=True, eq=False)
class Outcome:
    """What became of a trial on one seed.

    Attributes:
        seed: The seed.
        config_hash: The configuration.
        digest: Fingerprint of every trade and balance of its market.
        hours: Simulated hours between its first and its last state.
        states: States answered.
        failed: States on which a pipeline failed.
        fault: What was wrong first; empty if nothing was.
        metrics: Name → figure, NaN where it is not known; the names are those of `METRICS`, and of
            `era_metrics` for each era that was followed.
        books: Name → figure per book (B,): `pnl`, `pnl_first_hour`, `turnover`, `fees`, `fills`,
            `max_drawdown`, `asset` (index of the asset class), `pipeline` (0 for the main one, i for the i-th
            `[[assign]]`), and the parts of `obmm.lab.attribution.PARTS`.
        curves: Name → value at every full minute and at the end (M,): `time_s` since the first state, `pnl`
            of trading summed over books, `inventory_quote` the mean size of the position over books.
        markouts: `sum` and `count` (H,) over fills of the markout in bp at the horizons
            `obmm.lab.summary.MARKOUT_S`.
        scores: Era → newest figures, NaN where one does not exist.
        others: What the other miners came to, by kind.
    """

    seed: int
    config_hash: str
    digest: str
    hours: float
    states: int
    failed: int = 0
    fault: str = ""
    metrics: Mapping[str, float]
    books: Mapping[str, FloatArray]
    curves: Mapping[str, FloatArray]
    markouts: Mapping[str, FloatArray]
    scores: Mapping[str, Mapping[str, float]]
    others: tuple[Other, ...] = ()

    def metric(self, name: str) -> float:
        """A figure by name; NaN where it is not known."""
        return self.metrics.get(name, math.nan)

    def why_unknown(self, name: str) -> str:
        """Why a figure is not known, in words."""
        if name == LATER:
            return TOO_SHORT
        era = name.rpartition("_")[2]
        if era in ERAS:
            minutes = self.states * self.hours * 60.0 / max(self.states - 1, 1)
            figures = self.scores.get(era)
            if figures is None:
                return f"{era} was not followed, or the run is too short for any scoring"
            return why_unscored(ERAS[era], figures, minutes)
        return (
            "nothing was traded"
            if self.metrics.get("fills_per_book_hour") == 0.0
            else "no fill is old enough"
        )

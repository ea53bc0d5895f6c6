"""One account of a run laid out for diagnosis."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from obmm.agent import Config
from obmm.lab.diagnose.configuration import config_of
from obmm.lab.diagnose.record import AS_IT_WAS, Altered, Record, Rescored
from obmm.lab.diagnose.rescore_debeta import DebetaRescorer
from obmm.lab.diagnose.rescore_kappa import KappaRescorer
from obmm.lab.diagnose.rescore_sharpe import SharpeRescorer
from obmm.lab.diagnose.thresholds import Thresholds
from obmm.lab.recorded import Run
from obmm.lab.recorded_states import venue_of
from obmm.lab.summary import MARKOUT_S, WIN_S, Fills, fills_of, summarise
from obmm.market import BoolArray, FloatArray, IntArray
from obmm.scoring import ERAS, EraConstants
from obmm.scoring.scorer import era_at

Rescorer = SharpeRescorer | KappaRescorer | DebetaRescorer


@attrs.frozen(kw_only=True, eq=False)
class Case:
    """Everything that findings look at.

    Attributes:
        run: The run.
        uid: The account.
        era: Constants of the era with the venue's own.
        thresholds: Where findings begin.
        config: The account's configuration.
        fills: Own fills with their markouts.
        rescorer: Scores the record as it was or altered.
        base: The score as it was.
        summary: What `obmm simulate` prints.
        times_ns: (T,) times of the states.
        states: Columns of `states` (T, B) by name.
    """

    run: Run
    uid: int
    era: EraConstants
    thresholds: Thresholds
    config: Config
    fills: Fills
    rescorer: Rescorer
    base: Rescored
    summary: dict[str, Any]
    times_ns: IntArray
    states: dict[str, FloatArray]

    @classmethod
    def of(cls, run: Run, era: str, uid: int, thresholds: Thresholds) -> Case:
        """Read an account.

        Raises:
            ConfigError: Its configuration cannot be rebuilt.
        """
        venue = venue_of(run.about)
        constants = era_at(venue, ERAS[era])
        fills = fills_of(run, uid)
        record = Record.of(run, uid, fills, constants)
        rescorer: Rescorer
        if constants.mechanism == "sharpe":
            rescorer = SharpeRescorer(record, constants)
        elif constants.mechanism == "kappa":
            rescorer = KappaRescorer(record, constants)
        else:
            rescorer = DebetaRescorer(record, constants, venue)
        names = ("bid", "ask", "position", "position_limit", "bid_reason", "ask_reason", "maker_rate")
        times, columns = run.grid(uid, *names)
        return cls(
            run=run,
            uid=uid,
            era=constants,
            thresholds=thresholds,
            config=config_of(run, uid),
            fills=fills,
            rescorer=rescorer,
            base=rescorer.rescored(AS_IT_WAS),
            summary=summarise(run, uid),
            times_ns=times,
            states=dict(zip(names, columns, strict=True)),
        )

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.base.ratio.size

    @property
    def hours(self) -> float:
        """Length of the run."""
        return float(self.summary["hours"])

    @property
    def ratio_name(self) -> str:
        """What the era calls the figure of a book."""
        return {"sharpe": "Sharpe", "kappa": "Kappa", "debeta": "alpha"}[self.era.mechanism]

    @property
    def everywhere(self) -> BoolArray:
        """(B,) all books."""
        return np.ones(self.n_books, dtype=np.bool_)

    @property
    def gained(self) -> FloatArray:
        """(N,) quote that each fill had gained after 60 s, fees not counted; NaN for the last minute."""
        return self.markout_bps / 1e4 * self.fills.price * self.fills.size

    @property
    def markout_bps(self) -> FloatArray:
        """(N,) markouts after 60 s."""
        return self.fills.markout_bps[:, MARKOUT_S.index(WIN_S)]

    def score(self, altered: Altered) -> float | None:
        """Score had things been as `altered` says; None where the run is too short for the era."""
        if not self.base.complete:
            return None
        return self.rescorer.rescored(altered).score

    def cost(self, altered: Altered) -> float | None:
        """Score lost against `altered`, None where the run is too short for the era."""
        score = self.score(altered)
        return None if score is None else score - self.base.score

    def ids(self, books: BoolArray) -> tuple[int, ...]:
        """Ids of the books chosen."""
        ids = self.run.about["venue"]["book_ids"]
        return tuple(int(ids[b]) for b in np.flatnonzero(books))

    def local(self, books: BoolArray) -> tuple[int, ...]:
        """Ids of the books to be changed one by one; none where they are too many for that."""
        few = np.count_nonzero(books) <= max(1.0, self.thresholds.few_books * self.n_books)
        return self.ids(books) if few and not books.all() else ()

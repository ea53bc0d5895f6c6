"""Counterfactual scores of the Kappa eras."""

from __future__ import annotations

import attrs
import numpy as np

from obmm.lab.diagnose.record import AS_IT_WAS, Altered, Record, Rescored, like_the_others
from obmm.market import BUY, FloatArray
from obmm.scoring import (
    EraConstants,
    RealisedLedger,
    Role,
    activity_window_start_ns,
    kappa_ratios,
    pnl_since_ns,
    sample_time_ns,
    score_uid,
)


@attrs.define(eq=False)
class KappaRescorer:
    """Scores a record under 0.3.5 to 0.5.5, as it was or altered.

    Round trips are matched anew from the fills. That a record without changes keeps its Kappa (0.3.5, 0.4.5)
    is left out, so scores of these two eras may differ a little from those of the run.

    Attributes:
        record: The account.
        era: Constants, wealth included.
    """

    record: Record
    era: EraConstants

    def rescored(self, altered: Altered = AS_IT_WAS) -> Rescored:
        """The last scoring, had things been as `altered` says."""
        era, n_books = self.era, self.record.n_books
        ledger, history = self._ledger(altered), None
        history = ledger.history()
        time_ns = int(self.record.times_ns[-1])
        pnl = history.since(pnl_since_ns(time_ns, era)).by_book(n_books)
        kappa = kappa_ratios(history, n_books, era)
        factor = self._factors(ledger)
        if kappa is not None:
            books = kappa.books
            if altered.least_ratio is not None:
                books = np.where(np.isnan(books), np.nan, np.fmax(books, altered.least_ratio))
            typical = altered.typical
            if altered.busy is not None:
                idle = altered.busy & np.isnan(books)
                typical = idle if typical is None else typical | idle
                factor = np.where(altered.busy, np.maximum(factor, 1.0), factor)
            kappa = attrs.evolve(kappa, books=like_the_others(books, typical))
            pnl, factor = like_the_others(pnl, typical), like_the_others(factor, typical)
        score = score_uid(
            kappa,
            factor,
            pnl=pnl,
            roundtrip_volume=ledger.roundtrip_volume(activity_window_start_ns(time_ns, era)),
            last_roundtrip_ns=ledger.last_roundtrip_ns,
            time_ns=time_ns,
            era=era,
        )
        weights = score.weights
        return Rescored(
            score=score.total,
            ratio=np.full(n_books, np.nan) if kappa is None else kappa.books,
            factor=score.activity_factors,
            outliers=np.zeros(n_books, dtype=np.bool_) if weights is None else weights.outliers,
            complete=kappa is not None,
        )

    def _ledger(self, altered: Altered) -> RealisedLedger:
        record, fills = self.record, self.record.fills
        price = fills.price if altered.price is None else altered.price
        fee = fills.fee if altered.fee is None else altered.fee
        rows = np.arange(fills.size.size) if altered.keep is None else np.flatnonzero(altered.keep)
        rows = rows[np.argsort(record.state[rows], kind="stable")]
        cuts = np.searchsorted(record.state[rows], np.arange(record.times_ns.size + 1))
        columns = (fills.book, fills.side, fills.size, price, fee, fills.maker)
        told = list(zip(*(column[rows].tolist() for column in columns), strict=True))
        ledger = RealisedLedger(n_books=record.n_books, era=self.era)
        for i, time_ns in enumerate(record.times_ns.tolist()):
            ledger.begin(time_ns)
            for book, side, size, at, paid, maker in told[cuts[i] : cuts[i + 1]]:
                role = Role.MAKER if maker else Role.TAKER
                ledger.fill(book, side == BUY, size, at, fee=paid, role=role)
            ledger.finish()
        return ledger

    def _factors(self, ledger: RealisedLedger) -> FloatArray:
        """(B,) factors before the last scoring: on for books with a round trip since Kappa could exist."""
        first_ns = int(self.record.times_ns[0]) + self.era.kappa_min_lookback_ns
        width = self.era.volume_sample_ns
        oldest = sample_time_ns(first_ns, width, end=False) - width
        return (ledger.roundtrip_volume(oldest) > 0.0).astype(np.float64)

"""Figures of the table of targets after the Sharpe eras: Kappa from 0.3.5, making and skill from 0.6."""

from __future__ import annotations

import numpy as np

from obmm.lab.report.eras import EraScore
from obmm.lab.report.measure import Figure, Measure, Read, of_books, of_score, scored_of
from obmm.lab.report.run import RunData
from obmm.lab.report.targets import Threshold


def _kappa_detail(scored: EraScore, threshold: Threshold) -> str:
    mean, total = scored.figures["kappa_average"], scored.figures["kappa_total"]
    return f"mean {_plain(mean)}, of the summed P&L {_plain(total)}"


def _kappa_books_detail(scored: EraScore, threshold: Threshold) -> str:
    kappa = scored.books["kappa"]
    known = kappa[np.isfinite(kappa)]
    return f"of {kappa.size} books {np.count_nonzero(known < 0.0)} below 0, {kappa.size - known.size} without"


def _score_detail(scored: EraScore, threshold: Threshold) -> str:
    return scored.equation + ("" if scored.flat is None else f"; flat is {scored.flat:.3f}")


def _penalty_detail(scored: EraScore, threshold: Threshold) -> str:
    score = scored.books["score"]
    return f"weakest book scores {np.nanmin(score):.3f}, median book {np.nanmedian(score):.3f}"


def _pnl_detail(scored: EraScore, threshold: Threshold) -> str:
    pnl = scored.books["realised_pnl_quote"]
    return f"realised {float(np.nansum(pnl)):,.1f} quote on all books".replace("-", "−")


def _making_detail(scored: EraScore, threshold: Threshold) -> str:
    figures = scored.figures
    captured, kept = _plain(figures["making_captured"]), _plain(figures["making_realised"])
    return f"{captured} captured, {kept} there after 20 s; rank {_plain(figures['making_rank'])}"


def _skill_detail(scored: EraScore, threshold: Threshold) -> str:
    books, bar = scored.figures["skill_books"], scored.figures["bar"]
    return f"on {books:.0f} books, {bar:.0f} are needed for any skill"


def _quality(run: RunData, threshold: Threshold) -> Figure:
    scored, missing = scored_of(run)
    if scored is None:
        return Figure(value=None, missing=missing)
    quality = scored.figures["quality"]
    if not np.isfinite(quality):
        return Figure(value=None, missing="nothing was captured")
    return Figure(value=100.0 * float(quality))


def _share(run: RunData, threshold: Threshold) -> Figure:
    """The share of the emission in units of an even one, so that fields of any size compare."""
    scored, missing = scored_of(run)
    if scored is None:
        return Figure(value=None, missing=missing)
    emission, field = float(scored.figures["emission"]), max(scored.field, 1)
    return Figure(value=emission * field, detail=f"{100.0 * emission:.1f} % among {field} accounts")


def _plain(value: float) -> str:
    return "–" if not np.isfinite(value) else f"{value:.2f}".replace("-", "−")


def _kappa(key: str, label: str, digits: int, definition: str, read: Read) -> Measure:
    return Measure(
        key=key, label=label, unit="", digits=digits, mechanism="kappa", definition=definition, read=read
    )


def _debeta(key: str, label: str, unit: str, digits: int, definition: str, read: Read) -> Measure:
    return Measure(
        key=key, label=label, unit=unit, digits=digits, mechanism="debeta", definition=definition, read=read
    )


LATER = (
    _kappa(
        "kappa",
        "Kappa, median book",
        2,
        "Mean of a book's realised P&L per state over the cube root of its downside in the third power, over "
        "three hours; of the median book. 0 is flat; the score counts nothing beyond the era's clips.",
        of_books("kappa", 50.0, _kappa_detail),
    ),
    _kappa(
        "kappa_books",
        "Kappa, weaker books",
        2,
        "The same ratio at the lower quartile: three books of four are above it.",
        of_books("kappa", 25.0, _kappa_books_detail),
    ),
    _kappa(
        "kappa_score",
        "Score",
        3,
        "Kappa score and P&L score, weighted, before ranks: what the median book makes of it, less the "
        "outlier penalty.",
        of_score("score", _score_detail),
    ),
    _kappa(
        "kappa_penalty",
        "Outlier penalty",
        3,
        "Taken off the median book's normalised Kappa for books far below the others.",
        of_score("penalty", _penalty_detail),
    ),
    _kappa(
        "pnl_score",
        "P&L score",
        4,
        "Half the median book's realised return of a day, within the era's clips: above 0 if it earns.",
        of_score("pnl_score", _pnl_detail),
    ),
    _debeta(
        "making",
        "Making",
        "",
        1,
        "Spread captured on both sides and still there after 20 seconds, quote, before the factors for flow "
        "taken by few miners.",
        of_score("making", _making_detail),
    ),
    _debeta(
        "making_quality_pct",
        "Making kept",
        "%",
        1,
        "Share of the spread captured that is still there after 20 seconds.",
        _quality,
    ),
    _debeta(
        "net_alpha",
        "Alpha",
        "",
        1,
        "What positions gained against the market's own moves, summed over the books, quote.",
        of_score("net_alpha", _skill_detail),
    ),
    _debeta(
        "emission_share",
        "Share of the emission",
        "",
        2,
        "Share of what is paid, in units of an even share among the accounts of the run: 1 is an even share.",
        _share,
    ),
)

"""The score of one account under one era's rules, with words for its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from obmm.market import FloatArray
from obmm.scoring import ERAS
from obmm.scoring.debeta import DIALS_0_6_3
from obmm.scoring.eras import EraConstants
from obmm.scoring.unscored import why_unscored

TITLES = {
    "sharpe": "Sharpe of inventory value",
    "kappa": "Kappa of realised P&L",
    "debeta": "Making and skill",
}

#: Mechanism → figure → what it is.
PARTS: dict[str, dict[str, str]] = {
    "sharpe": {
        "median": "median over the books of normalised Sharpe × activity",
        "penalty": "outlier penalty, taken off the median",
        "sharpe_median": "Sharpe of the median book",
        "sharpe_average": "Sharpe, mean over the books",
        "sharpe_total": "Sharpe of the summed value, reported only",
        "reward": "moving average of what the rank in the field pays",
        "weight": "share of the field's rewards",
    },
    "kappa": {
        "kappa_score": "Kappa score: the median book less the penalty",
        "pnl_score": "P&L score: half the median book's daily return",
        "median": "median over the books of normalised Kappa × activity",
        "penalty": "outlier penalty, taken off the median",
        "kappa_median": "Kappa of the median book",
        "kappa_average": "Kappa, mean over the books",
        "kappa_total": "Kappa of the summed P&L, reported only",
        "reward": "moving average of what the rank in the field pays",
        "weight": "share of the field's rewards",
    },
    "debeta": {
        "making": "making: spread captured on both sides and kept, quote",
        "making_captured": "captured, quote",
        "making_realised": "still there after 20 s, quote",
        "quality": "realised over captured",
        "making_concentration_factor": "factor for flow taken by few miners",
        "making_tether_factor": "factor for flow with miners beyond that with the background",
        "making_rank": "rank of making in the field",
        "skill": "skill: evenness of alpha over the books",
        "net_alpha": "alpha, summed over the books, quote",
        "skill_books": "books whose alpha counts",
        "bar": "books needed for any skill",
        "skill_coverage_factor": "factor for books covered",
        "skill_rank": "rank of skill in the field",
        "making_share": "share of the making half, smoothed",
        "skill_share": "share of the skill half",
        "emission": "share of the emission",
        "field_size": "accounts in the field, synthetic miners included",
    },
}


@attrs.frozen(kw_only=True, eq=False)
class EraScore:
    """The newest score of one account under one era.

    Attributes:
        era: Version of the rules.
        mechanism: What they pay: "sharpe", "kappa" or "debeta".
        total: Raw score, before any ranking; NaN where there is none.
        flat: Score of a miner that neither wins nor loses, None where that depends on the field.
        best: Largest score there can be.
        figures: Its parts by name, NaN for one that does not exist yet.
        books: Figures per book (B,) by name.
        field: Accounts that ranks are ranks among.
        scorings: How often it was scored.
        missing: Why there is no score yet; empty if there is one.
        equation: How its main parts make it up.
    """

    era: str
    mechanism: str
    total: float
    flat: float | None
    best: float
    figures: Mapping[str, float]
    books: Mapping[str, FloatArray]
    field: int
    scorings: int
    missing: str
    equation: str

    @property
    def title(self) -> str:
        """What the rules look at, in a few words."""
        return TITLES[self.mechanism]

    def parts(self) -> list[tuple[str, str, float]]:
        """(name, meaning, value) of every part that exists."""
        known = PARTS[self.mechanism].items()
        return [(name, words, self.figures[name]) for name, words in known if _there(self.figures, name)]


def era_scores(about: Mapping[str, Any], uid: int, states: int) -> dict[str, EraScore]:
    """Scores of one account as its run tells them, by era.

    Args:
        about: The content of `run.json`.
        uid: The account.
        states: States of the run.
    """
    told: Mapping[str, Mapping[str, Any]] = about.get("scores", {}).get(str(uid), {})
    scores = {}
    for name, scored in told.items():
        era, figures = constants_at(name, about["venue"]), scored["figures"]
        debeta = era.mechanism == "debeta"
        missing = why_unscored(era, figures, states * about["venue"]["publish_interval_ns"] / 6e10)
        scores[name] = EraScore(
            era=name,
            mechanism=era.mechanism,
            total=math.nan if missing else float(figures["score"]),
            flat=None if debeta else 0.5 * (era.sharpe_weight if _sharpe(era) else era.kappa_weight),
            best=2.0 * era.sharpe_weight if _sharpe(era) else 1.0,
            figures=figures,
            books={key: np.array(values, dtype=np.float64) for key, values in scored["books"].items()},
            field=int(figures["field_size"]) if debeta else int(scored["field"]),
            scorings=int(scored["scorings"]),
            missing=missing,
            equation="" if missing else _equation(era, figures),
        )
    return scores


def constants_at(name: str, venue: Mapping[str, Any]) -> EraConstants:
    """Constants of an era with what a validator reads from its simulation."""
    return attrs.evolve(
        ERAS[name],
        wealth_quote=float(venue["wealth_quote"][0]),
        volume_decimals=int(venue["volume_decimals"][0]),
        grace_period_ns=int(venue["grace_period_ns"]),
    )


def _equation(era: EraConstants, figures: Mapping[str, float]) -> str:
    if _sharpe(era):
        return f"median {figures['median']:.3f} − penalty {figures['penalty']:.3f}"
    if era.mechanism == "kappa":
        kappa, pnl = figures["kappa_score"], round(figures["pnl_score"], 4) + 0.0  # no minus before a zero
        words = f"{era.kappa_weight:g} × Kappa {kappa:.4f} + {era.pnl_weight:g} × P&L {pnl:.4f}"
        return words.replace("-", "−")
    make, skill = DIALS_0_6_3.w_make, 1.0 - DIALS_0_6_3.w_make
    making_rank, skill_rank = figures["making_rank"], figures["skill_rank"]
    if not math.isclose(make * making_rank + skill * skill_rank, figures["score"], abs_tol=1e-9):
        return ""  # two asset classes, or a verdict carried over
    return f"{make:g} × making rank {making_rank:.3f} + {skill:g} × skill rank {skill_rank:.3f}"


def _sharpe(era: EraConstants) -> bool:
    return era.mechanism == "sharpe"


def _there(figures: Mapping[str, float], name: str) -> bool:
    return name in figures and not math.isnan(figures[name])

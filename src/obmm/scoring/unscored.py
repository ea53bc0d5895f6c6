"""Why a run has no score under an era yet: the one place that says what is too short to be scored.

What this says has no score is told as "–" with the reason, and as null in JSON, everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from obmm.scoring.debeta import DIALS_0_6_3
from obmm.scoring.eras import EraConstants


def why_unscored(era: EraConstants, figures: Mapping[str, float], minutes: float) -> str:
    """Why an account has no score, in words; empty if it has one.

    Args:
        era: Constants of the era.
        figures: The newest figures of the account under it, NaN for what does not exist.
        minutes: Simulated minutes that were scored.

    >>> from obmm.scoring import ERAS
    >>> why_unscored(ERAS["0.1.51"], {}, 12.0)
    '0.1.51 scores runs of more than 30 minutes; this one lasted 12'
    """
    if era.mechanism == "debeta":
        if _there(figures, "making"):
            return ""
        return (
            f"{era.version} gives no score while fewer than {DIALS_0_6_3.min_books} of the field's "
            f"{figures['field_size']:.0f} accounts score above 0"
        )
    if _there(figures, "median"):
        return ""
    if era.mechanism == "sharpe":
        need = era.sharpe_min_observations * era.publish_interval_ns / 6e10
        return f"{era.version} scores runs of more than {need:g} minutes; this one lasted {minutes:.3g}"
    need = era.kappa_min_lookback_ns / 6e10
    if minutes > need:
        return f"no book has enough round trips for a Kappa of {era.version}"
    return (
        f"{era.version} gives a Kappa to runs of more than {need:g} minutes; this one lasted {minutes:.3g}, "
        "and only its P&L score counts"
    )


def _there(figures: Mapping[str, float], name: str) -> bool:
    return not math.isnan(figures.get(name, math.nan))

"""The formula people quote for the first eras."""

from __future__ import annotations


def summary_score(sharpe: float, activity_factor: float, outlier_penalty: float) -> float:
    """`sharpe × activity_factor − outlier_penalty`, as summaries of the subnet give it.

    No validator ever computed this; `docs/scoring/summary-formula.md` lists what 0.1.51 does instead. It is
    here so that quoted figures can be compared with real ones.

    >>> summary_score(2.5, 1.5, 0.25)
    3.5
    """
    return sharpe * activity_factor - outlier_penalty

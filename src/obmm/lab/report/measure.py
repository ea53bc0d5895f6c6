"""What a figure of the table of targets is, and how it is read from a run."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs
import numpy as np

from obmm.lab.report.eras import EraScore
from obmm.lab.report.run import RunData
from obmm.lab.report.targets import Threshold


@attrs.frozen(kw_only=True)
class Figure:
    """A measure's value in one run.

    Attributes:
        value: In the measure's unit; None where there is none.
        detail: Figures beside it.
        missing: Why there is no value.
    """

    value: float | None
    detail: str = ""
    missing: str = ""


Read: TypeAlias = Callable[[RunData, Threshold], Figure]
Detail: TypeAlias = Callable[[EraScore, Threshold], str]


@attrs.frozen(kw_only=True)
class Measure:
    """One row of the table of targets.

    Attributes:
        key: Its name in the file of targets.
        label: Its name in a report.
        unit: "" for a ratio, "%" or "ms".
        digits: Decimals shown.
        mechanism: What the rules pay that it comes from, "sharpe", "kappa" or "debeta"; empty for what the
            records say under any rules.
        definition: What it is, in full.
        read: Takes the figure from a run; its detail may name the threshold.
    """

    key: str
    label: str
    unit: str
    digits: int
    mechanism: str = ""
    definition: str
    read: Read


def of_books(name: str, percentile: float, detail: Detail) -> Read:
    """A percentile over the books that have the figure."""

    def read(run: RunData, threshold: Threshold) -> Figure:
        scored, missing = scored_of(run)
        if scored is None:
            return Figure(value=None, missing=missing)
        known = scored.books[name][np.isfinite(scored.books[name])]
        if not known.size:
            return Figure(value=None, missing=f"no book has such a figure under {run.era}")
        return Figure(value=float(np.percentile(known, percentile)), detail=detail(scored, threshold))

    return read


def of_score(name: str, detail: Detail) -> Read:
    """A part of the score."""

    def read(run: RunData, threshold: Threshold) -> Figure:
        scored, missing = scored_of(run)
        if scored is None:
            return Figure(value=None, missing=missing)
        return Figure(value=float(scored.figures[name]), detail=detail(scored, threshold))

    return read


def scored_of(run: RunData) -> tuple[EraScore | None, str]:
    """The score of a run under its own era, or why there is none."""
    scored = run.eras.get(run.era)
    if scored is None:
        return None, f"the run was not scored under {run.era}"
    return (None, scored.missing) if scored.missing else (scored, "")

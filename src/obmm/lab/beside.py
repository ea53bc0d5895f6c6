"""What a run earned, with its uncertainty, beside another configuration on the same seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config
from obmm.lab.first_hour import hourly_after
from obmm.lab.simulate import Plan
from obmm.lab.trials import Outcome, Trial
from obmm.lab.trials.worker import Worker
from obmm.market import FloatArray


@attrs.define
class Beside:
    """Another configuration on the seed of a run, in a process of its own; leave it as a context.

    Attributes:
        config: The other configuration.
        plan: The run.
    """

    config: Config
    plan: Plan
    _worker: Worker = attrs.field(init=False)
    _outcome: Outcome | None = attrs.field(init=False, default=None)

    def __enter__(self) -> Beside:
        plan = self.plan
        self._worker = Worker(threads=1)
        self._worker.begin(
            0,
            [
                Trial(
                    config=self.config,
                    rivals=plan.rivals,
                    scenario=plan.scenario,
                    books=plan.books,
                    hours=plan.hours,
                    seeds=(plan.seed,),
                    response_ms=plan.response_ms,
                )
            ],
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._worker.close()

    def look(self) -> None:
        """Hear how far it is, so that it never waits for somebody to listen."""
        while self._outcome is None and self._worker.ready():
            self._hear()

    def outcome(self) -> Outcome:
        """What became of it, once it is done.

        Raises:
            ChildProcessError: Its process was killed.
        """
        while self._outcome is None:
            self._hear()
        return self._outcome

    def _hear(self) -> None:
        said = self._worker.told()
        if said is None:
            raise ChildProcessError(f"the process that played {self.config.name} beside it was killed")
        if not isinstance(said, float):
            ((self._outcome,),) = said


def of_one_seed(told: Mapping[str, Any], beside: Mapping[str, Outcome] | None = None) -> dict[str, Any]:
    """P&L per book and hour of a run with its interval over books, and of another on the same seed.

    The books of one seed share an outside price and its luck: the interval says how far books of this seed
    spread, and nothing of other seeds.

    Args:
        told: The summary of a run.
        beside: Name → outcome of another configuration on the same books.

    Returns:
        `mean`, `low`, `high` (95 %, Student's over books), and of a run longer than an hour the same of
        `first_hour` and of the hours after it, `after_first_hour`, else None; `books`, `seed`; and under
        `beside` the same of the other with its `name`, and `difference`, book by book.
    """
    pnl, first = (np.array([book[name] for book in told["per_book"]]) for name in ("pnl", "pnl_first_hour"))
    mine = _rates(pnl, first, told["hours"])
    found = _spans(mine) | {"books": int(pnl.size), "seed": told["seed"]}
    for name, outcome in (beside or {}).items():
        theirs = _rates(outcome.books["pnl"], outcome.books["pnl_first_hour"], outcome.hours)
        difference = [of - other for of, other in zip(mine, theirs, strict=True)]
        found["beside"] = {"name": name, **_spans(theirs), "difference": _spans(difference)}
    return found


def of_one_seed_words(name: str, found: Mapping[str, Any]) -> str:
    """The same in a line.

    >>> span = {"mean": 31.3, "low": 20.1, "high": 42.5}
    >>> one = {**span, "first_hour": span, "after_first_hour": span, "books": 16, "seed": 1}
    >>> print(of_one_seed_words("money", one).partition(":")[2].partition(". ")[0])
     +31.3 ± 11.2 in the first hour, +31.3 ± 11.2 in each after it
    """
    line = f"{name} earned {_span(found)} quote per book and hour"
    if found["after_first_hour"]:
        first, later = _span(found["first_hour"]), _span(found["after_first_hour"])
        line += f": {first} in the first hour, {later} in each after it"
    if "beside" in found:
        other = found["beside"]
        line += f"; {other['name']} on the same seed {_of_all(other)}"
        line += f"; difference book by book {_of_all(other['difference'])}"
    sure = f"± is 95% over the {found['books']} books of seed {found['seed']}: one"
    if found["books"] == 1:
        sure = f"It is one book of seed {found['seed']}: one"
    return f"{line}. {sure} seed is one draw of the market and no result."


def _rates(pnl: FloatArray, first: FloatArray, hours: float) -> list[FloatArray]:
    """(B,) quote per hour: of the whole run, of its first hour, and after it."""
    return [pnl / hours if hours else np.full(pnl.size, np.nan), first, hourly_after(pnl, first, hours)]


def _spans(rates: Sequence[FloatArray]) -> dict[str, Any]:
    whole, first, later = map(_over_books, rates)
    long = math.isfinite(later["mean"])
    return {
        **whole,
        "first_hour": first if long else None,
        "after_first_hour": later if long else None,
    }


def _of_all(found: Mapping[str, Any]) -> str:
    """Mean of the whole run, then of the first hour and of those after it where there are any."""
    if not found["after_first_hour"]:
        return _span(found)
    return f"{_span(found)}: {_span(found['first_hour'])} and {_span(found['after_first_hour'])}"


def _over_books(values: FloatArray) -> dict[str, float]:
    from scipy.special import stdtrit

    n = values.size
    mean = float(values.mean()) if n else math.nan
    half = float(stdtrit(n - 1, 0.975)) * float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return {"mean": mean, "low": mean - half, "high": mean + half}


def _span(found: Mapping[str, float]) -> str:
    half = (found["high"] - found["low"]) / 2.0
    sign = "+" if found["mean"] > 0.0 else ""
    return f"{sign}{_figure(found['mean'])}{f' ± {_figure(half)}' if math.isfinite(half) else ''}"


def _figure(value: float) -> str:
    size = abs(value)
    return f"{value:,.{0 if size >= 1000.0 else 1 if size >= 10.0 else 2}f}".replace("-", "−")

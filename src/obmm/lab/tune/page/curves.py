"""What was chosen beside what was there before, on held-out seeds: the picture of a comparison of the two."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from obmm.lab.compare import Arm, Comparison, Market, Question
from obmm.lab.compare.page.charts import pnl
from obmm.lab.report.charts.chart import Chart
from obmm.lab.trials import Outcome
from obmm.lab.tune.folder import Played
from obmm.lab.tune.result import Result, config_of
from obmm.lab.tune.study import Study

#: The one market of a study.
_MARKET = "held-out seeds"


def curves(study: Study, result: Result) -> Chart:
    """Cumulative P&L on held-out seeds: of what was there before the search, and of what was chosen."""
    trial, verdict = study.design.trial, result.verdict
    chosen = [*verdict.found[:1], *(check.config_hash for check in verdict.checks)][:1]
    rows = {row.config_hash: row for row in result.rows if row.toml}
    arms = [Arm("before the search", trial.config)]
    arms += [Arm(f"trial {rows[one].number}", config_of(study, rows[one])) for one in chosen]
    market = Market(name=_MARKET, scenario=trial.scenario, rivals=trial.rivals)
    hours = float(trial.hours)
    known: Mapping[tuple[str, str, int], Played] = {
        (arm.name, _MARKET, seed): study.folder.played[arm.config.hash, seed, hours]
        for arm in arms
        for seed in result.held_out
    }
    return pnl(
        Comparison(
            question=Question(arms=tuple(arms), markets=(market,), books=trial.books, hours=trial.hours),
            seeds=result.held_out,
            outcomes={key: _outcome(key[2], hours, played) for key, played in known.items() if played.curves},
        )
    )


def _outcome(seed: int, hours: float, played: Played) -> Outcome:
    """As much of an outcome as the picture shows."""
    return Outcome(
        seed=seed,
        config_hash="",
        digest=played.digest,
        hours=hours,
        states=0,
        metrics=played.metrics,
        books={},
        curves={name: np.array(values) for name, values in played.curves.items()},
        markouts={},
        scores={},
    )

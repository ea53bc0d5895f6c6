"""What a study comes to: the held-out check, the verdict, and the files that say so."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config
from obmm.lab.trials import Ledger, Trial, confirming_seeds
from obmm.lab.tune.folder import BEST, JOURNAL, RESULT
from obmm.lab.tune.search import Search
from obmm.lab.tune.study import Row, Study, called, row_table, signed
from obmm.lab.tune.verdict import Verdict, checked, judged, luck_of
from obmm.market import FloatArray
from obmm.settings.modules import own_sources
from obmm.settings.travel import pack, write_sources

#: Of a front of several metrics so many are played on held-out seeds.
MOST_CHECKED = 5
#: What was best in the search and was not found better on held-out seeds.
CANDIDATE = "candidate.toml"


@attrs.frozen(kw_only=True)
class Result:
    """What a study came to.

    Attributes:
        rows: Every candidate.
        front: The best of those that were played in full.
        held_out: Seeds of the check; none if nothing was worth one.
        verdict: Whether to believe it.
        importances: Metric → place → share of the differences that it explains.
        used_before: Tuning seeds that somebody had looked at before, by the ledger.
        differences: Configuration → (S, M) differences on the held-out seeds, more is better.
    """

    rows: Sequence[Row]
    front: Sequence[Row]
    held_out: tuple[int, ...]
    verdict: Verdict
    importances: Mapping[str, Mapping[str, float]]
    used_before: tuple[int, ...]
    differences: Mapping[str, FloatArray]


def finished(study: Study, ledger: Ledger) -> Result:
    """Run a study to its end, check what it found, and write the files of its folder.

    Raises:
        Stopped: Somebody asked to end; what was done is written down.
        ConfigError: A metric is not known of the configuration before the search.
    """
    design, folder = study.design, study.folder
    scenario = design.trial.scenario.name
    about = folder.about()
    if "used_before" not in about:
        seeds = set(design.trial.seeds)
        used = sorted(seeds & ledger.seeds_used(scenario))
        base = design.trial.config.hash
        ledger.note("tune", scenario=scenario, seeds=design.trial.seeds, configs=(base,), folder=folder.path)
        folder.note(used_before=used)
    used_before = tuple(folder.about()["used_before"])
    study.run()
    front = study.front()
    full = study.complete()
    differences = {row.config_hash: _difference(study, row.config_hash) for row in full}
    wanted = [row for row in front if row.number and (differences[row.config_hash].mean(axis=0) > 0.0).any()]
    wanted = wanted[:MOST_CHECKED]
    held_out, fresh, looks = _played(study, ledger, wanted) if wanted else ((), {}, 0)
    names = [metric.name for metric in design.metrics]
    checks = checked(
        [row.config_hash for row in wanted],
        names,
        [fresh[row.config_hash] for row in wanted],
        [differences[row.config_hash] for row in wanted],
        looks,
    )
    others = [values[:, 0] for name, values in differences.items() if name != design.trial.config.hash]
    best = differences[front[0].config_hash][:, 0]
    tried = len({row.config_hash for row in study.rows if row.seeds}) - 1
    everything = np.column_stack(others) if others else np.zeros((best.size, 0))
    verdict = judged(checks, luck_of(best, everything, tried), promising=bool(wanted))
    less = [metric.less_is_better for metric in design.metrics]
    search = Search(folder.path / JOURNAL, design.space, less, design.seed)
    result = Result(
        rows=study.rows,
        front=front,
        held_out=held_out,
        verdict=verdict,
        importances={name: search.importances(study.first_looks(i)) for i, name in enumerate(names)},
        used_before=used_before,
        differences=fresh,
    )
    _write(study, result)
    return result


def _difference(study: Study, config_hash: str) -> FloatArray:
    """(S, M) differences from the configuration before the search on all tuning seeds, more is better."""
    last = study.design.rungs[-1]
    base = study.design.trial.config.hash
    return study.figures(config_hash, last) - study.figures(base, last)


def _played(
    study: Study, ledger: Ledger, rows: Sequence[Row]
) -> tuple[tuple[int, ...], dict[str, FloatArray], int]:
    """Held-out seeds, what they show, and the number of this check among those of the study.

    What they show are (S, M) differences from the configuration before the search, more is better.
    """
    design, folder = study.design, study.folder
    base = design.trial.config
    configs = {base.hash: base} | {row.config_hash: config_of(study, row) for row in rows}
    about = folder.about()
    uses = about.get("held_out", [])
    looks = next((i for i, use in enumerate(uses, start=1) if set(configs) == set(use["configs"])), None)
    if looks is not None:
        seeds = tuple(uses[looks - 1]["seeds"])
    else:
        scenario = design.trial.scenario.name
        seeds = confirming_seeds(design.confirm, ledger.seeds_used(scenario))
        # First noted, then looked at: whatever happens, they are fresh for nobody else.
        ledger.note("confirm", scenario=scenario, seeds=seeds, configs=tuple(configs), folder=folder.path)
        folder.note(held_out=[*uses, {"configs": list(configs), "seeds": list(seeds)}])
        looks = len(uses) + 1
    trials = {
        name: attrs.evolve(design.trial, config=config, seeds=seeds) for name, config in configs.items()
    }
    study.play(trials.values(), f"{len(seeds)} held-out seeds")
    figures = {name: _figures(study, trial) for name, trial in trials.items()}
    return seeds, {row.config_hash: figures[row.config_hash] - figures[base.hash] for row in rows}, looks


def _figures(study: Study, trial: Trial) -> FloatArray:
    return signed(study.folder.of(trial), study.design)


def config_of(study: Study, row: Row) -> Config:
    """The configuration of a row."""
    if not row.number:
        return study.design.trial.config
    return study.design.space.candidate(row.values, called(row.number))


def _write(study: Study, result: Result) -> None:
    """Write the configurations and `result.json`."""
    verdict, folder = result.verdict, study.folder
    (folder.path / CANDIDATE).unlink(missing_ok=True)
    rows = {row.config_hash: row for row in result.rows if row.toml}
    head = "".join(f"# {line}\n" for line in (verdict.sentence, *verdict.trust))
    best = rows[verdict.found[0]] if verdict.found else result.rows[0]
    folder.write_text(BEST, head + best.toml)
    if not verdict.found and result.held_out:
        folder.write_text(CANDIDATE, head + rows[verdict.checks[0].config_hash].toml)
    for spec in config_of(study, best).all_specs:
        if own_sources(spec.cls) is not None:
            write_sources(pack(spec.cls).files, folder.path)
    folder.write_json(RESULT, as_table(study, result))


def as_table(study: Study, result: Result) -> dict[str, Any]:
    """A result as plain values; what is not known is None."""
    design, verdict = study.design, result.verdict
    base = design.trial.config
    states = [row.state for row in result.rows[1:]]
    found = next((row for row in result.rows if row.config_hash in verdict.found[:1]), None)
    told: dict[str, Any] = _plain(
        {
            "folder": str(study.folder.path),
            "config": base.name,
            "config_hash": base.hash,
            "scenario": design.trial.scenario.name,
            "books": design.trial.books,
            "hours": design.trial.hours,
            "metrics": [metric.name for metric in design.metrics],
            "seeds": list(design.trial.seeds),
            "seeds_used_before": list(result.used_before),
            "held_out": list(result.held_out),
            "trials": len(states),
            "states": {state: states.count(state) for state in dict.fromkeys(states)},
            "space": {d.place: str(d.within) for d in design.space.dimensions},
            "found": None if found is None else _row(found),
            "verdict": verdict.sentence,
            "trust": list(verdict.trust),
            "checks": [
                {
                    "config_hash": check.config_hash,
                    "metric": check.metric,
                    "mean": check.difference.mean,
                    "low": check.difference.low,
                    "high": check.difference.high,
                    "p": check.p,
                    "searched": check.searched,
                    "seeds": check.seeds,
                    "could_show": check.could_show,
                }
                for check in verdict.checks
            ],
            "luck": attrs.asdict(verdict.luck),
            "importances": result.importances,
            "front": [row.number for row in result.front],
            "rows": [_row(row) for row in result.rows],
        }
    )
    return told


def _row(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row_table(row).items() if name != "toml"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value

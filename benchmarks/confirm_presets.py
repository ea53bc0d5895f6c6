"""Confirms what a search found, on seeds it has not seen: `confirm_presets.py --help`.

Reads the files of studies that `search_presets.py` read, and the results it wrote. Of each study the best
candidate of the furthest rung, and the presets that its tables `[[study.confirm]]` name beside it, are played
in their fields:

    [[study.confirm]]
    fields = ["default", "crowd"]
    beside = ["money", "touch"]
    seeds = 6
    books = 12
    hours = 4.0

Every result is a line of JSON in `--out` with each figure of each seed, written as soon as it is known. Seeds
are those from `--first-seed` on, all above a million.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures import TimeoutError as Late
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from search_presets import Study

from obmm.agent import Config, resolve
from obmm.lab.trials import Outcome, Trial, play
from obmm.lab.trials.metrics import LATER
from obmm.lab.trials.worker import silent
from obmm.settings.toml import file_layer

#: Figures that are printed.
WANTED = (
    "pnl_per_book_hour",
    LATER,
    "pnl_bps",
    "turnover_per_book_hour",
    "books_positive",
    "worst_drawdown",
    "worst_drawdown_pct",
    "best_other",
    *(f"{name}@{asset}" for asset in (0, 1) for name in ("pnl", "later")),
)


@attrs.frozen
class Job:
    """One configuration in one field."""

    study: str
    arm: str
    field: str
    values: dict[str, Any]
    trial: Trial

    @property
    def cost(self) -> float:
        """How long it takes, roughly: scores take as long as the agent, and rivals of ours some of it."""
        trial = self.trial
        return trial.book_seconds * (2.0 if trial.eras else 1.0) * (1.0 + 0.3 * len(trial.rivals))


def best_of(results: Sequence[dict[str, Any]], study: str) -> dict[str, Any] | None:
    """The line of the best candidate of a study: by value among those that went furthest."""
    mine = [line for line in results if line["study"] == study and not line["fault"]]
    return max(mine, key=lambda line: (line["rung"], line["value"]), default=None)


def jobs_of(path: Path, results: Sequence[dict[str, Any]], first_seed: int) -> Iterator[Job]:
    """What a file of studies wants confirmed."""
    for table in file_layer(path).table["study"]:
        for plan in table.get("confirm", ()):
            changed = {"rung": [{"fields": plan["fields"]}]}
            if "scenario" in plan:
                changed["scenario"] = plan["scenario"]
            study = Study.of({**table, **changed}, path.resolve().parent)
            found = best_of(results, study.name)
            arms: list[tuple[str, dict[str, Any], Config]] = []
            if found is not None:
                values = study.space.filled(found["values"])
                arms.append(("found", values, study.space.candidate(values, study.name)))
            arms += [(name, {}, resolve(name)) for name in plan.get("beside", ())]
            rung = attrs.evolve(study.rungs[0], hours=plan["hours"])
            seeds = tuple(range(first_seed, first_seed + plan["seeds"]))
            for field in plan["fields"]:
                for arm, values, config in arms:
                    trial = attrs.evolve(study.trial(config, rung, field), books=plan["books"], seeds=seeds)
                    yield Job(study.name, arm, field, values, trial)


def played(job: Job) -> dict[str, Any]:
    """Every figure of every seed."""
    began = time.monotonic()
    with silent():
        outcomes = play(job.trial, threads=1)
        # The same run again, to the end of its first hour: what each class of assets had earned by then.
        several = len(job.trial.scenario.assets) > 1 and job.trial.hours > 1.0
        first = play(attrs.evolve(job.trial, hours=1.0), threads=1) if several else ()
    opening = {one.seed: one for one in first}
    figures: dict[str, list[float]] = {}
    for one in outcomes:
        told = dict(one.metrics)
        told |= {f"{era}:{name}": value for era, of in one.scores.items() for name, value in of.items()}
        told["books_positive"] = float((one.books["pnl"] > 0.0).mean())
        wealth = np.array([asset.miner_wealth_quote for asset in job.trial.scenario.assets])
        told["worst_drawdown"] = float(one.books["max_drawdown"].max())
        told["worst_drawdown_pct"] = 100.0 * float(
            (one.books["max_drawdown"] / wealth[one.books["asset"].astype(int)]).max()
        )
        earned = [other.metric("pnl_per_book_hour", one.hours) for other in one.others]
        told["best_other"] = max(earned, default=float("nan"))
        told |= by_asset(one, opening.get(one.seed))
        for name, value in told.items():
            figures.setdefault(name, []).append(value)
    return {
        "study": job.study,
        "arm": job.arm,
        "field": job.field,
        "values": job.values,
        "hash": job.trial.config.hash,
        "scenario": job.trial.scenario.name,
        "seeds": list(job.trial.seeds),
        "books": job.trial.books,
        "hours": job.trial.hours,
        "seconds": round(time.monotonic() - began, 1),
        "fault": next((one.fault for one in outcomes if one.fault), ""),
        "figures": figures,
    }


def by_asset(one: Outcome, opening: Outcome | None) -> dict[str, float]:
    """P&L per book and hour of each class of assets, and of the hours after the first."""
    told = {}
    for asset in np.unique(one.books["asset"]).astype(int).tolist() if opening is not None else ():
        of = one.books["asset"] == asset
        told[f"pnl@{asset}"] = float(one.books["pnl"][of].mean() / one.hours)
        later = one.books["pnl"][of] - opening.books["pnl"][of]
        told[f"later@{asset}"] = float(later.mean() / (one.hours - opening.hours))
    return told


def confirm(jobs: Sequence[Job], processes: int, seconds: float, out: Path) -> None:
    """Play the jobs, until the time is up."""
    pool = ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn"))
    try:
        # The longest first, so that nothing long is left for the end.
        waiting = [pool.submit(played, job) for job in sorted(jobs, key=lambda job: -job.cost)]
        with out.open("a", encoding="utf-8") as file:
            for future in as_completed(waiting, timeout=seconds):
                file.write(json.dumps(future.result()) + "\n")
                file.flush()
                os.fsync(file.fileno())
    except Late:
        print(f"{sum(not future.done() for future in waiting)} of {len(jobs)} are not done")
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


def shown(path: Path) -> None:
    """Print means with 95 % intervals, Student's t over seeds, and what was found gains on the others."""
    from scipy.stats import t as student

    def interval(values: Sequence[float]) -> str:
        known = np.array(values, dtype=np.float64)
        if known.size < 2:
            return f"{known.mean():.3f}"
        half = student.ppf(0.975, known.size - 1) * known.std(ddof=1) / np.sqrt(known.size)
        return f"{known.mean():.3f} ± {half:.3f}"

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        of = line["figures"]
        where = (
            f"{line['scenario']}, {line['field']}: {len(line['seeds'])} × {line['books']} × {line['hours']}"
        )
        print(f"{line['study']}, {line['arm']}, {where} h")
        wanted = [name for name in WANTED if name in of]
        scores = [name for name in of if name.startswith("score_") or name.endswith(":kappa_score")]
        print("   ", ", ".join(f"{name} {interval(of[name])}" for name in (*wanted, *scores)))
        same = ("study", "field", "scenario", "hours")
        rival = [o for o in lines if all(o[name] == line[name] for name in same)]
        if "found" in line["arm"] or line["arm"] == line["study"]:
            for other in (o for o in rival if o is not line):
                for name in ("pnl_per_book_hour", *scores):
                    gain = np.subtract(of[name], other["figures"][name])
                    print(f"        {name} against {other['arm']}: {interval(gain.tolist())}")


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("studies", nargs="*", type=Path, help="TOML files with [[study]]")
    parser.add_argument("--results", type=Path, nargs="*", default=[], help="what the search wrote")
    parser.add_argument("--out", type=Path, default=Path("confirm.jsonl"), help="where lines are added")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--seconds", type=float, default=240.0, help="real time until all ends")
    parser.add_argument("--first-seed", type=int, default=1_000_201)
    parser.add_argument("--fields", nargs="+", help="only plans of these fields")
    parser.add_argument("--show", type=Path, help="print the results in this file, and play nothing")
    told = parser.parse_args(words)
    if told.show:
        shown(told.show)
        return
    results = [json.loads(line) for path in told.results for line in path.read_text().splitlines()]
    jobs = [job for path in told.studies for job in jobs_of(path, results, told.first_seed)]
    jobs = [job for job in jobs if not told.fields or job.field in told.fields]
    confirm(jobs, told.processes, told.seconds, told.out)


if __name__ == "__main__":
    main()

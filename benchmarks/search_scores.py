"""Searches presets of 0.6 for making, skill and money: `python benchmarks/search_scores.py --help`.

What the others in the field get is told too: making and skill pay shares, and a preset is worth what it takes
from the others. Candidates are drawn from `SPACE` around a base and played in the default field; the best go
on to the other fields. A line of JSON for each result, written as soon as it is known. With `--confirm`
presets or files are played instead, on the seeds given.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, MarketMaker, resolve
from obmm.lab.fields import field_named
from obmm.lab.score import UID_SHIFT
from obmm.lab.summary import filled_forward
from obmm.lab.trials.gather import Gather
from obmm.lab.trials.worker import silent
from obmm.market import Feed, IntArray
from obmm.scoring.debeta import DebetaScorer
from obmm.settings.toml import Layer
from obmm.sim import Scenario, SimulatedMarket

#: Option of a candidate → what is drawn from.
SPACE: dict[str, tuple[Any, ...]] = {
    "tau_s": (80, 100, 150, 200, 300),
    "gain": (1.5, 2.0, 3.0),
    "band": (0.25, 0.35, 0.5, 0.65),
    "share": (0.6, 0.8, 1.0),
    "limit": (0.12, 0.2, 0.3, 0.45),
    "take": (2.0, 4.0, 8.0),
    "cost": (2.5, 3.5, 5.0),
    "edge": (0.8, 1.5, 3.0),
    "join": (False, True, True),
    "half": (6.0, 8.0, 10.0, 12.0, 15.0),
    "size": (1.0, 3.0, 6.0, 12.0),
    "shift": (0.2, 0.4, 0.7, 1.0),
    "skew": (0.2, 0.5, 0.8, 1.2),
    "burst": (0.03, 0.06, 0.12),
    "limit_1": (0.1, 0.2, 0.3, 0.45),
    "band_1": (0.35, 0.5, 0.7),
    "gain_1": (1.5, 2.0, 3.0),
    "cost_1": (0.0, 5.0, 8.0),
    "half_1": (3.0, 5.0, 8.0, 12.0),
    "size_1": (2.6, 10.0, 30.0, 80.0),
    "shift_1": (0.2, 0.5, 0.9),
    "skew_1": (0.3, 0.7, 1.2),
}
BASE: dict[str, Any] = {
    "tau_s": 150, "gain": 2.0, "band": 0.4, "share": 0.8, "limit": 0.3, "take": 4.0, "cost": 3.5, "edge": 1.5,
    "join": True, "half": 10.0, "size": 4.0, "shift": 0.5, "skew": 0.5, "burst": 0.05, "limit_1": 0.25,
    "band_1": 0.5, "gain_1": 2.0, "cost_1": 5.0, "half_1": 5.0, "size_1": 20.0, "shift_1": 0.5, "skew_1": 0.7,
}  # fmt: skip
#: Figures of the field that are told, with `best_` those of the best of all others.
FIGURES = (
    "making",
    "making_captured",
    "quality",
    "making_rank",
    "making_concentration_factor",
    "making_tether_factor",
    "skill",
    "skill_rank",
    "skill_coverage_factor",
    "skill_concentration_factor",
    "net_alpha",
    "skill_books",
    "score",
)
#: Figure of a result → what counts as 1 in its value.
GOALS = {"pnl@0": 25.0, "pnl@1": 8.0, "making_share": 0.5, "quality": 0.6, "skill": 4.0, "skill_share": 0.5}


def table(o: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration of a candidate."""
    return {
        "signals": [
            {"kind": "mid", "name": "fair", "own": False},
            {"kind": "trade_flow", "name": "flow", "tau_s": o["tau_s"], "balance_base": 5},
        ],
        "gates": [
            {"kind": "data_quality"},
            {"kind": "warmup"},
            {"kind": "inventory", "max_inventory_pct": o["limit"], "soft_share": 1.0},
            {"kind": "turnover", "burst_share": o["burst"]},
            {"kind": "ending"},
        ],
        "builder": {
            "kind": "following",
            "signal": "flow",
            "gain": o["gain"],
            "target_share": o["share"],
            "band_share": o["band"],
            "size_base": o["take"],
            "edge_bps": o["edge"],
            "flat_cost_bps": o["cost"],
            "join": o["join"],
            "around": {
                "kind": "skewed",
                "fair": "fair",
                "volatility": "",
                "signal": "flow",
                "target_spread_bps": 2 * o["half"],
                "size_base": o["size"],
                "min_edge_bps": 2,
                "signal_shift": o["shift"],
                "skew_shift": o["skew"],
                "inventory_skew_factor": 1,
                "signal_size": 0,
                "skew_size": 0,
            },
        },
        "placer": {"kind": "amend", "expiry_s": 30, "max_age_s": 30, "tolerance_ticks": 2, "take": True},
        "books": {
            "class-1": {
                "gates": {"inventory": {"max_inventory_pct": o["limit_1"]}},
                "builder": {
                    "size_base": 10 * o["take"],
                    "flat_from_base": 2.6,
                    "gain": o["gain_1"],
                    "band_share": o["band_1"],
                    "flat_cost_bps": o["cost_1"],
                    "around": {
                        "size_base": o["size_1"],
                        "target_spread_bps": 2 * o["half_1"],
                        "signal_shift": o["shift_1"],
                        "skew_shift": o["skew_1"],
                    },
                },
            }
        },
    }


def configured(source: Any) -> Config:
    """A preset, a file, or the options of a candidate."""
    return resolve(Layer("candidate", table(source))) if isinstance(source, Mapping) else resolve(source)


def play(
    source: Any, field: str, scenario: str, books: int, hours: float, seeds: Sequence[int]
) -> list[dict[str, Any]]:
    """Figures of each seed; uid 0 is the agent, and figures with `best_` are the best of all others."""
    market = Scenario.load(scenario)
    others = field_named(field)
    market = attrs.evolve(market, rivals=attrs.evolve(market.rivals, **others.population))
    config = configured(source)
    makers = {
        uid: MarketMaker(c) for uid, c in enumerate((config, *others.pipelines(), *[config] * others.copies))
    }
    scored = "0.6" in scenario
    n = len(makers)
    scorer = DebetaScorer(uids=range(UID_SHIFT, n + UID_SHIFT), uid_shift=UID_SHIFT) if scored else None
    feeds = frozenset[Feed]().union(*(m.feeds for m in makers.values()), {Feed.TAPE} if scored else ())
    gathers = {uid: Gather() for uid in makers}
    faults = 0
    with SimulatedMarket(market, books=books, seed=tuple(seeds), miners=n, feeds=feeds, threads=1) as running:
        for seen in running.states(hours * 3600.0):
            if scorer is not None:
                scorer.follow(seen[0])
            for uid, maker in makers.items():
                decision = maker.decide(seen[uid])
                faults += bool(decision.faults)
                running.submit(uid, decision.orders, 0.1)
                gathers[uid].add(seen[uid])
        asset, rows = market.asset_of_book(books), running.venue.group_rows
    told = []
    for group, seed in enumerate(seeds):
        mine, *rest = (
            g.outcome(seed=seed, config_hash=config.hash, digest="", asset=asset, books=rows[group])
            for g in gathers.values()
        )
        one: dict[str, Any] = {"seed": seed, "faults": faults, **mine.metrics}
        one["books_positive"] = float((mine.books["pnl"] > 0).mean())
        one["worst_drawdown"] = float(mine.books["max_drawdown"].max())
        one["best_pnl"] = max((r.metrics["pnl_per_book_hour"] for r in rest), default=float("nan"))
        for name in ("pnl", "turnover", "fees", "fills"):
            for number in np.unique(asset).tolist():
                one[f"{name}@{number}"] = float(mine.books[name][asset == number].mean() / mine.hours)
        one |= later(gathers[0], rows[group], asset)
        if scorer is not None:
            one |= scores(scorer, group, asset)
        told.append(one)
    return told


def later(gather: Gather, books: IntArray, asset: IntArray) -> dict[str, float]:
    """Per class: quote per book in the first hour, and per book and hour after it."""
    base, quote, mid = (gather._grid(name, books) for name in ("base", "quote", "mid"))
    mid = filled_forward(mid)
    pnl = (quote - quote[0]) + (base - base[0]) * mid
    hour = min(3600, len(pnl) - 1)
    hours = (len(pnl) - 1 - hour) / 3600.0
    told = {}
    for number in np.unique(asset).tolist():
        first, whole = (float(pnl[at, asset == number].mean()) for at in (hour, -1))
        told[f"first@{number}"] = first
        told[f"later@{number}"] = (whole - first) / hours if hours else float("nan")
    return told


def scores(scorer: DebetaScorer, group: int, asset: IntArray) -> dict[str, Any]:
    """Making and skill of uid 0 beside the best of the others, and its shares of both halves."""
    verdict = scorer.verdict(group)
    field = verdict.field
    me = field.uids == UID_SHIFT
    told: dict[str, Any] = {"uids": int(me.size), "bar": field.bar}
    for name in FIGURES:
        values = getattr(field, name)
        told[name] = float(values[me][0])
        told[f"best_{name}"] = float(values[~me].max()) if (~me).any() else float("nan")
    told["bar_met"] = float(told["skill_books"] >= field.bar)
    told["first_in_both"] = float(
        all(told[name] > np.fmax(told[f"best_{name}"], 0.0) for name in ("making", "skill"))
    )
    parts = scorer.parts(UID_SHIFT, group)
    captured, kept = parts.captured_buy + parts.captured_sell, parts.realised_buy + parts.realised_sell
    for number in np.unique(asset).tolist():
        told[f"captured@{number}"] = float(captured[asset == number].sum())
        told[f"kept@{number}"] = float(kept[asset == number].sum())
    for name, credits in (("making", verdict.making_credits), ("skill", verdict.skill_credits)):
        for number, credit in enumerate(credits):
            total = float(credit.sum())
            told[f"{name}_share@{number}"] = float(credit[me][0]) / total if total > 0 else 0.0
            told[f"best_{name}_share@{number}"] = float(credit[~me].max()) / total if total > 0 else 0.0
    newest = scorer.latest_of(group)
    if newest is not None:
        place = newest.uids == UID_SHIFT
        told["making_share"] = float(newest.making_share[place][0])
        told["skill_share"] = float(newest.skill_share[place][0])
    return told


def mean(told: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Mean of every figure over the seeds."""
    return {name: float(np.mean([one[name] for one in told])) for name in told[0]}


def value(figures: Mapping[str, float]) -> float:
    """How near to the goals."""
    return float(np.mean([np.clip(figures.get(name, 0.0) / goal, -1.0, 1.5) for name, goal in GOALS.items()]))


def work(
    source: Any, field: str, scenario: str, books: int, hours: float, seeds: tuple[int, ...]
) -> dict[str, Any]:
    """What a process does."""
    began = time.monotonic()
    with silent():
        told = play(source, field, scenario, books, hours, seeds)
    figures = mean(told)
    took = round(time.monotonic() - began, 1)
    plan = {
        "source": source,
        "field": field,
        "scenario": scenario,
        "books": books,
        "hours": hours,
        "seconds": took,
    }
    return plan | {"value": value(figures), "mean": figures, "seeds": told}


def drawn(number: int, draws: np.random.Generator, best: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A candidate: the base, then some anew, then near one of the best."""
    if number == 0:
        return dict(BASE)
    near = best[int(draws.integers(len(best)))] if best and draws.random() < 0.6 else BASE
    moves = 0.25 if near is not BASE else 0.45
    return {
        name: values[int(draws.integers(len(values)))] if draws.random() < moves else near[name]
        for name, values in SPACE.items()
    }


def main(words: Sequence[str] | None = None) -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("search_scores.jsonl"))
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=240.0, help="real time until all ends")
    parser.add_argument("--scenario", default="taos-0.6.2")
    parser.add_argument("--books", type=int, default=16)
    parser.add_argument("--hours", type=float, default=3.1)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12])
    parser.add_argument("--later", nargs="*", default=["crowd", "random"], help="fields the best go on to")
    parser.add_argument(
        "--confirm", nargs="*", help="presets or files to play, in all fields, instead of a search"
    )
    parser.add_argument("--fields", nargs="*", default=["default"], help="fields of --confirm")
    parser.add_argument("--group", type=int, default=2, help="seeds of one process, with --confirm")
    told = parser.parse_args(words)
    one = functools.partial(work, scenario=told.scenario, books=told.books, hours=told.hours)
    seeds = tuple(told.seeds)
    queue: list[tuple[Any, str, tuple[int, ...]]] = []
    if told.confirm:
        groups = [seeds[i : i + told.group] for i in range(0, len(seeds), told.group)]
        queue = [(c, field, group) for group in groups for field in told.fields for c in told.confirm]
    ends, draws = time.monotonic() + told.seconds, np.random.default_rng(6)
    results: list[dict[str, Any]] = []
    sent = 0
    gone: set[str] = set()
    waiting: set[Future[Any]] = set()
    pool = ProcessPoolExecutor(told.processes, mp_context=multiprocessing.get_context("spawn"))
    told.out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with told.out.open("a", encoding="utf-8") as out:
            while time.monotonic() < ends:
                while len(waiting) < told.processes:
                    if told.confirm:
                        if not queue:
                            break
                        waiting.add(pool.submit(one, queue[0][0], queue[0][1], seeds=queue[0][2]))
                        del queue[0]
                        continue
                    first = sorted((r for r in results if r["field"] == "default"), key=lambda r: -r["value"])
                    ready = [r for r in first[: len(first) // 5] if json.dumps(r["source"]) not in gone]
                    if ready:
                        gone.add(json.dumps(ready[0]["source"]))
                        waiting |= {
                            pool.submit(one, ready[0]["source"], field, seeds=seeds) for field in told.later
                        }
                        continue
                    candidate = drawn(sent, draws, [r["source"] for r in first[:5]])
                    sent += 1
                    waiting.add(pool.submit(one, candidate, "default", seeds=seeds))
                if not waiting:
                    break
                over, waiting = wait(
                    waiting, timeout=max(ends - time.monotonic(), 0), return_when=FIRST_COMPLETED
                )
                for future in over:
                    try:
                        result = future.result()
                    except Exception as error:  # One that cannot be played must not end the others.
                        out.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
                        continue
                    results.append(result)
                    out.write(json.dumps(result) + "\n")
                    out.flush()
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(wait=False, cancel_futures=True)


if __name__ == "__main__":
    main()

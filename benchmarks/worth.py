"""What each option and each part of a preset is worth, field by field: plays, and keeps the figures as JSON.

    python benchmarks/worth.py money --fields default crowd --seeds 12 --books 8 --hours 3 --out money.json
    python benchmarks/worth_tables.py money.json > docs/strategy/worth.md

Every variant (each option half as large and twice as large, or off and on; each part away) plays the seeds
that the preset itself plays, so that differences are paired. Seeds are those for confirming, fresh ones
beside those in the file `seeds.jsonl` where `--out` lies, unless `--seeds 1..8` names them. What was played
is kept in a file beside `--out`: the same command goes on where it was ended.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import attrs
from worth_variants import Variant, variants

import obmm
from obmm.agent import resolve
from obmm.lab.compare.arms import Arm
from obmm.lab.compare.keep import Keep
from obmm.lab.compare.markets import markets_of
from obmm.lab.compare.question import Question
from obmm.lab.compare.run import Runner
from obmm.lab.trials import Ledger, LocalExecutor, confirming_seeds
from obmm.sim import Scenario

#: Real seconds between two words on how far it is.
LINE_S = 10.0


def main() -> None:
    """Play all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("preset", help="preset, or TOML file")
    parser.add_argument("--scenario", nargs="+", default=["taos-0.6.2", "taos-0.5.4"])
    parser.add_argument("--fields", nargs="+", default=["default", "crowd", "random"])
    parser.add_argument("--what", choices=("options", "parts", "all"), default="all")
    parser.add_argument("--places", nargs="+", default=[""], help="how the places of options and parts begin")
    parser.add_argument("--seeds", default="8", help="how many fresh ones, or which: 1..8")
    parser.add_argument("--books", type=int, default=8)
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument(
        "--eras", nargs="*", default=["none"], help="scores to follow; each scenario's own if none is named"
    )
    parser.add_argument("--jobs", type=int, default=None, help="processes; one per core if not given")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()

    base = resolve(asked.preset)
    found = [
        one
        for one in variants(base)
        if asked.what in ("all", f"{one.kind}s") and one.place.startswith(tuple(asked.places))
    ]
    scenarios = [Scenario.load(name) for name in asked.scenario]
    question = Question(
        arms=(Arm("base", base), *(Arm(one.name, one.config) for one in found)),
        markets=markets_of(scenarios, asked.fields, asked.eras),
        books=asked.books,
        hours=asked.hours,
    )
    seeds = _seeds(asked.seeds, asked.out, asked.scenario)
    began = said = time.monotonic()

    def begin(work: float, fresh: object) -> None:
        print(f"{work / 1e6:.1f} million book-seconds: {len(found)} variants", file=sys.stderr)

    def progress(done: float) -> None:
        nonlocal said
        if time.monotonic() - said > LINE_S:
            said = time.monotonic()
            print(f"{done / 1e6:.1f} million in {said - began:.0f} s", file=sys.stderr, flush=True)

    player = LocalExecutor(asked.jobs, progress)
    runner = Runner(
        question, player, player.at_once, Keep(asked.out.with_suffix(".outcomes.jsonl")), begin=begin
    )
    comparison = runner.on(seeds)
    ledger = Ledger.beside(asked.out)
    for scenario in asked.scenario:
        if not set(seeds) <= ledger.seeds_used(scenario):
            ledger.note("worth", scenario=scenario, seeds=seeds, configs=[base.hash], folder=asked.out)
    told = {
        "obmm": obmm.__version__,
        "preset": asked.preset,
        "scenarios": list(asked.scenario),
        "hash": base.hash,
        "books": asked.books,
        "hours": asked.hours,
        "seeds": list(seeds),
        "ended": comparison.ended,
        "variants": [_plain(one) for one in found],
        # market → arm → metric → a figure per seed
        "figures": {
            market.name: {
                arm.name: {
                    str(seed): dict(outcome.metrics)
                    for seed in seeds
                    if (outcome := comparison.outcomes.get((arm.name, market.name, seed))) is not None
                }
                for arm in question.arms
            }
            for market in question.markets
        },
    }
    asked.out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(f"written: {asked.out}", file=sys.stderr)
    if comparison.ended:
        sys.exit(130)


def _plain(one: Variant) -> dict[str, object]:
    told = attrs.asdict(one, filter=lambda field, value: field.name != "config")
    return {"name": one.name, "hash": one.config.hash, **told}


def _seeds(word: str, out: Path, scenarios: list[str]) -> tuple[int, ...]:
    """Those that are named; or fresh ones, the same again for what was played already."""
    first, dots, last = word.partition("..")
    if dots:
        return tuple(range(int(first), int(last) + 1))
    uses = [use for use in Ledger.beside(out).uses() if use.scenario in scenarios]
    mine = [use.seeds for use in uses if use.folder == str(out) and len(use.seeds) == int(word)]
    return mine[-1] if mine else confirming_seeds(int(word), {seed for use in uses for seed in use.seeds})


if __name__ == "__main__":
    main()

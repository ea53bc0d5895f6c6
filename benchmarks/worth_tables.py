"""The tables of `benchmarks/worth.py`, in Markdown: `python benchmarks/worth_tables.py money.json`.

What the configuration earns in each field, what it earns without each part, and with each option lower and
higher. Differences are paired by seed, with 95 % intervals (bootstrap over seeds); bold ones exclude zero.
With `--metric pnl_bps` or other names of `obmm.lab.trials.METRICS` they are of these; `--only parts` or
`--only options` leaves one table. `--effects docs/strategy/effects.json` writes down what options did for the
page of parameters, in the place of what was known of the same preset in the same fields.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from obmm.agent import resolve
from obmm.lab.compare.statistics import bootstrap
from obmm.lab.compare.words import plain, signed
from obmm.lab.trials import metric_named
from obmm.market import FloatArray

Told = Mapping[str, Any]


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("played", type=Path)
    parser.add_argument("--metric", nargs="+", default=["pnl_per_book_hour"])
    parser.add_argument("--only", choices=("parts", "options"))
    parser.add_argument("--effects", type=Path, default=None, help="file for the page of parameters")
    parser.add_argument("--title", default=None, help="heading of the page")
    asked = parser.parse_args()
    told = json.loads(asked.played.read_text(encoding="utf-8"))
    if asked.effects:
        for metric in asked.metric:
            write_effects(told, metric, asked.effects)
        return
    for line in page(told, asked.metric, asked.only, asked.title):
        print(line)


def write_effects(told: Told, metric: str, path: Path) -> None:
    """Put what options did into a file, a line each: difference per field, with its interval."""
    base = resolve(told["preset"])
    kinds = {spec.path: spec.kind for spec in base.all_specs}
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    mine = []
    for one in told["variants"]:
        at, _, option = one["place"].rpartition(".")
        if one["kind"] != "option" or at not in kinds:
            continue
        for field in told["figures"]:
            d = _differences(told, field, one["name"], metric)
            found = bootstrap(d) if d.size else None
            if found is not None:
                # Fields of a single scenario do not say which.
                where = f"{told['scenarios'][0]}, {field}" if len(told["scenarios"]) == 1 else field
                about = {"preset": told["preset"], "hash": told["hash"], "field": where, "metric": metric}
                about |= {"kind": kinds[at], "option": option, "from": one["start"], "to": one["value"]}
                mine.append(
                    about | {name: float(f"{getattr(found, name):.3g}") for name in ("mean", "low", "high")}
                )
    keys = ("preset", "field", "metric", "kind", "option")
    fresh = {tuple(row[key] for key in keys) for row in mine}
    rows = [row for row in known if tuple(row[key] for key in keys) not in fresh] + mine
    rows.sort(key=lambda row: [str(row[key]) for key in (*keys, "to")])
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n", encoding="utf-8")


def page(told: Told, metrics: Sequence[str], only: str | None, title: str | None) -> Iterator[str]:
    """All of it, line by line."""
    fields = list(told["figures"])
    columns = [(field, metric) for metric in metrics for field in fields]
    # A column is called what tells it from the others.
    if len(metrics) == 1:
        heads = fields
    else:
        heads = [f"{field}, {metric}" if len(fields) > 1 else metric for field, metric in columns]
    title = title or f"What each part and option of `{told['preset']}` is worth"
    eras = tuple(
        name.removeprefix("score_")
        for name in next(iter(told["figures"][fields[0]]["base"].values()))
        if name.startswith("score_")
    )
    words = "; ".join(metric_named(metric, eras).words for metric in metrics)
    seeds = told["seeds"]
    yield f"# {title}"
    yield ""
    yield (
        f"{words[:1].upper()}{words[1:]}: {told['books']} books, {told['hours']:g} hours, {len(seeds)} seeds "
        f"({seeds[0]} to {seeds[-1]}), configuration {told['hash']}. Differences are paired by seed, with "
        "95 % intervals over seeds; **bold** where they exclude zero. One in twenty bold figures is luck: "
        "each is a reason to look, and `obmm compare --confirm` decides."
    )
    yield from table(
        "As it is",
        ("", *heads),
        [
            (
                f"`{told['preset']}`",
                *(_mean(_values(told, field, "base", metric)) for field, metric in columns),
            )
        ],
    )
    if only != "options":
        yield from table(
            "Without each part",
            ("without", "what that is", *heads),
            [
                (f"`{_off(one)}`", _short(one["words"]), *_cells(told, columns, one["name"]))
                for one in told["variants"]
                if one["kind"] == "part"
            ],
        )
    if only != "parts":
        yield from table(
            "With each option lower and higher",
            ("option", "from", "to", *heads),
            [
                (
                    f"`{one['place']}`",
                    _value(one["start"]),
                    _value(one["value"]),
                    *_cells(told, columns, one["name"]),
                )
                for one in told["variants"]
                if one["kind"] == "option"
            ],
        )


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """A table in Markdown."""
    if not rows:
        return
    yield from ("", f"## {title}", "", _row(head), _row(["---"] * len(head)))
    yield from map(_row, rows)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _values(told: Told, field: str, arm: str, metric: str) -> dict[str, float]:
    found = {seed: figures.get(metric) for seed, figures in told["figures"][field][arm].items()}
    return {seed: value for seed, value in found.items() if value is not None and np.isfinite(value)}


def _mean(values: Mapping[str, float]) -> str:
    found = bootstrap(np.array(list(values.values()), dtype=np.float64))
    return f"{plain(found.mean)} ({plain(found.low)} to {plain(found.high)})"


def _cells(told: Told, columns: Sequence[tuple[str, str]], name: str) -> Iterator[str]:
    for field, metric in columns:
        d = _differences(told, field, name, metric)
        if not d.size:
            yield "–"
        elif not d.any():
            yield "nothing"
        else:
            found = bootstrap(d)
            text = f"{signed(found.mean)} ({signed(found.low)} to {signed(found.high)})"
            yield f"**{text}**" if found.settled else text


def _differences(told: Told, field: str, name: str, metric: str) -> FloatArray:
    """(S,) what a variant has more than the preset itself, seed by seed."""
    with_it, without = _values(told, field, "base", metric), _values(told, field, name, metric)
    return np.array([without[seed] - with_it[seed] for seed in with_it if seed in without], dtype=np.float64)


def _off(one: Told) -> str:
    return one["place"] if one["value"] is None else f"{one['place']} = {_value(one['value'])}"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _short(words: str) -> str:
    """Up to the first colon or full stop."""
    return words.partition(":")[0].partition(". ")[0].rstrip(".").replace("|", "\\|")


if __name__ == "__main__":
    main()

"""`obmm fidelity`."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import scenario_of
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Count, Counts, Flag, Positive

if TYPE_CHECKING:
    from obmm.lab.fidelity import FactRow, Fidelity, Kind
    from obmm.sim import Scenario

_TITLES: dict[Kind, str] = {
    "first order": "First-order facts, within 10 %",
    "markout": "Markout of resting orders, bps, within 15 % or 0.1",
    "flow": "Base per minute, taker → maker, within 15 %",
    "noisy": "Correlations, within their noise",
}
_WORDS: dict[Kind, str] = {
    "first order": "of first order",
    "markout": "markouts",
    "flow": "flows",
    "noisy": "correlations",
}
#: With less the slowest facts cannot be told.
_LEAST_S = 60


def fidelity(
    facts: Path | None = None,
    /,
    *,
    scenario: str | None = None,
    asset: str | None = None,
    seeds: Counts = (1, 2, 3, 4),
    books: Count = 8,
    hours: Positive = 1.0,
    picture: Path | None = None,
    json: Flag = False,
) -> None:
    """Compare the embedded market with the real one, fact by fact and class of books by class.

    The background is simulated alone under each seed, its statistics are taken with the definitions of the
    recording's, and each is printed beside it.

        obmm fidelity --seeds 1 2
        obmm fidelity --scenario taos-0.6.2 --asset simulation_1
        obmm fidelity facts.json --scenario my-market.toml --picture market.html

    A first-order fact agrees within 10 %, a markout within 15 % or 0.1 basis points, the base per minute that
    one class of agents takes from another within 15 %, a correlation within the noise of the seeds.

    Args:
        facts: A JSON file of facts to compare with; those of the scenario's own recording if not given.
        scenario: Scenario to simulate: a name or a TOML file. If not given every one that was recorded, with
            a file of facts taos-0.5.4.
        asset: Class of books of the scenario; all of them if not given, with a file of facts the first.
        seeds: Seeds, one simulated stretch each.
        books: Number of books of each class.
        hours: Simulated hours under each seed.
        picture: Write a page with the charts of both, side by side.
        json: Print JSON for machines.
    """
    needs("numba", "scipy", *(["plotly"] if picture is not None else []))
    from obmm.lab.fidelity import fidelity as compare
    from obmm.lab.fidelity_picture import picture as draw

    seconds = round(hours * 3600) - 1
    if seconds < _LEAST_S:
        raise UsageError(f"facts need {_LEAST_S} simulated seconds, --hours {hours:g} is {seconds + 1}")
    if picture is not None and not picture.absolute().parent.is_dir():
        raise UsageError(f"{picture} cannot be written: there is no folder {picture.parent}")
    wanted = list(_wanted(facts, scenario, asset))
    results = []
    for market, name, reference in wanted:
        what = f"simulating {len(seeds)} x {hours:g} hours of {books} books of {market.name}, {name}"
        with console(stderr=True).status(what):
            results.append(compare(reference, market, asset=name, seeds=seeds, books=books, seconds=seconds))
    if picture is not None:
        picture.write_text(draw(results), encoding="utf-8")
    if json:
        print_json({"classes": [result.to_dict() for result in results]})
        return
    for result in results:
        _print(result)
    if picture is not None:
        console().print(f"charts in {picture}", markup=False, soft_wrap=True)


def _print(result: Fidelity) -> None:
    out = console()
    market = f"{result.scenario}, {result.asset}"
    for kind, title in _TITLES.items():
        rows = [
            (_name(row), row.reference, row.simulated, row.spread, row.ratio, _verdict(row.within))
            for row in result.rows
            if row.kind == kind
        ]
        head = ("fact", "recorded", "simulated", "± seeds", "ratio", "")
        if rows:
            out.print(table(f"{market}: {title}", head, rows), "")
    off = ", ".join(f"{len(result.outside(kind))} {word}" for kind, word in _WORDS.items())
    said = f"{market}: {len(result.rows)} facts; outside: {off}"
    out.print(said, markup=False, soft_wrap=True)


def _name(row: FactRow) -> str:
    """The name of a fact; a flow as from whom to whom."""
    if row.kind != "flow":
        return row.name
    _, taker, maker = row.name.split(".")
    return f"{taker} → {maker}"


def _wanted(
    facts: Path | None, scenario: str | None, asset: str | None
) -> Iterator[tuple[Scenario, str, dict[str, Any]]]:
    """Each market with a class of its books and the facts to compare it with."""
    from obmm.lab.fidelity import load_reference, recorded_scenarios

    if scenario is None and facts is not None:
        scenario = "taos-0.5.4"
    for name in recorded_scenarios() if scenario is None else [scenario]:
        market = scenario_of(name)
        names = [each.name for each in market.assets]
        if asset is not None and asset not in names:
            raise UsageError(f"{name} has no class of books {asset!r}; it has {', '.join(names)}")
        if facts is not None:
            yield market, asset or names[0], _facts_in(facts)
            continue
        try:
            shipped = {each: load_reference(name, each) for each in (names if asset is None else [asset])}
        except FileNotFoundError as error:
            raise UsageError(f"no recording of {name} ships with obmm; give a file of facts") from error
        for each, reference in shipped.items():
            yield market, each, reference


def _facts_in(file: Path) -> dict[str, Any]:
    """Facts to compare with, from a file."""
    try:
        reference = jsonlib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}") from error
    if not isinstance(reference, dict) or "pooled" not in reference:
        raise UsageError(f"{file} holds no facts: the key 'pooled' is missing")
    return reference


def _verdict(within: bool | None) -> Text:
    return Text("") if within is None else Text("within", "green") if within else Text("outside", "yellow")

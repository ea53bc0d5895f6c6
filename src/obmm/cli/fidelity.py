"""`obmm fidelity`."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Any

from rich.text import Text

from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import scenario_of
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Count, Counts, Flag, Positive

#: With less the slowest facts cannot be told.
_LEAST_S = 60


def fidelity(
    facts: Path | None = None,
    /,
    *,
    scenario: str = "taos-0.5.4",
    seeds: Counts = (1, 2, 3, 4),
    books: Count = 8,
    hours: Positive = 1.0,
    picture: Path | None = None,
    json: Flag = False,
) -> None:
    """Compare the embedded market with the real one, fact by fact.

    The background is simulated alone under each seed, its statistics are taken with the definitions of the
    recording's, and each is printed beside it.

        obmm fidelity --seeds 1 2
        obmm fidelity facts.json --scenario my-market.toml --picture market.html

    A first-order fact agrees within 10 %, a correlation within the noise of the seeds.

    Args:
        facts: A JSON file of facts to compare with; those of the scenario's own recording if not given.
        scenario: Scenario to simulate: a name or a TOML file.
        seeds: Seeds, one simulated stretch each.
        books: Number of books.
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
    market, reference = scenario_of(scenario), _reference(facts, scenario)
    with console(stderr=True).status(f"simulating {len(seeds)} x {hours:g} hours of {books} books"):
        result = compare(reference, market, seeds=seeds, books=books, seconds=seconds)
    if picture is not None:
        picture.write_text(draw(result), encoding="utf-8")
    if json:
        print_json(result.to_dict())
        return
    out = console()
    for kind, title in (
        ("first order", "First-order facts, within 10 %"),
        ("noisy", "Correlations, within their noise"),
    ):
        rows = [
            (row.name, row.reference, row.simulated, row.spread, row.ratio, _verdict(row.within))
            for row in result.rows
            if row.kind == kind
        ]
        out.print(table(title, ("fact", "recorded", "simulated", "± seeds", "ratio", ""), rows), "")
    first, noisy = (len(result.outside(kind)) for kind in ("first order", "noisy"))
    out.print(f"{len(result.rows)} facts; outside: {first} of first order, {noisy} correlations")
    if picture is not None:
        out.print(f"charts in {picture}", markup=False, soft_wrap=True)


def _reference(facts: Path | None, scenario: str) -> dict[str, Any]:
    """The facts to compare with."""
    from obmm.lab.fidelity import load_reference

    if facts is None:
        try:
            return load_reference(scenario)
        except FileNotFoundError as error:
            what = f"no recording of {scenario} ships with obmm; give a file of facts"
            raise UsageError(what) from error
    try:
        reference = jsonlib.loads(facts.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{facts} is not JSON: {error}") from error
    if not isinstance(reference, dict) or "pooled" not in reference:
        raise UsageError(f"{facts} holds no facts: the key 'pooled' is missing")
    return reference


def _verdict(within: bool | None) -> Text:
    return Text("") if within is None else Text("within", "green") if within else Text("outside", "yellow")

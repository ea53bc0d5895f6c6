"""`obmm fidelity`."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from obmm.cli._errors import UsageError
from obmm.cli._output import console, print_json, table


def fidelity(
    facts: Path | None = None,
    *,
    scenario: str = "taos-0.5.4",
    seeds: Annotated[list[int], Parameter(negative="", consume_multiple=True)] = [1, 2, 3, 4],  # noqa: B006
    books: int = 8,
    hours: float = 1.0,
    picture: Path | None = None,
    json: bool = False,
) -> None:
    """Compare the embedded market with the real one, fact by fact.

    The background is simulated alone under each seed, its statistics are taken with the definitions of the
    recording's, and each is printed beside it. A first-order fact agrees within 10 %, a correlation within
    the noise of the seeds.

    Parameters
    ----------
    facts
        A JSON file of facts to compare with; those of the scenario's own recording if not given.
    scenario
        Scenario to simulate.
    seeds
        Seeds, one simulated stretch each.
    books
        Number of books.
    hours
        Simulated hours under each seed.
    picture
        Write a page with the charts of both, side by side.
    json
        Print JSON for machines.
    """
    from obmm.lab.fidelity import fidelity as compare
    from obmm.lab.fidelity import load_reference
    from obmm.lab.fidelity_picture import picture as draw

    try:
        text = None if facts is None else facts.read_text(encoding="utf-8")
        reference = load_reference(scenario) if text is None else jsonlib.loads(text)
    except FileNotFoundError as error:
        known = "no recording of this scenario ships with obmm; give a file of facts"
        raise UsageError(known if facts is None else f"{facts} cannot be read: {error}") from error
    except ValueError as error:
        raise UsageError(f"{facts} is not JSON: {error}") from error
    if not isinstance(reference, dict) or "pooled" not in reference:
        raise UsageError(f"{facts} holds no facts: the key 'pooled' is missing")
    seconds = round(hours * 3600) - 1
    with console(stderr=True).status(f"simulating {len(seeds)} x {hours:g} hours of {books} books"):
        result = compare(reference, scenario, seeds=seeds, books=books, seconds=seconds)
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
        out.print(f"charts in {picture}", markup=False)


def _verdict(within: bool | None) -> str:
    return "" if within is None else "[green]within[/green]" if within else "[yellow]without[/yellow]"

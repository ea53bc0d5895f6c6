"""`obmm score`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import run_of
from obmm.cli._output import console, folded, print_json, table
from obmm.cli._parameters import Flag, Whole


def score(
    run: Path,
    /,
    *,
    era: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    uid: Whole = 0,
    json: Flag = False,
) -> None:
    """Score a finished run under the rules of one era or several.

    Steps that depend on rank (Pareto draws, shares of making and skill) take the run's own accounts as the
    field; on the subnet it is some 256 miners.

        obmm score runs/first
        obmm score runs/first --era 0.5.4 --era 0.6.3 --uid 1

    With an era named, every book's part in it follows.

    Args:
        run: Folder of the run, or a live recording of one simulation.
        era: `0.1.9`, `0.1.51`, `0.3.5`, `0.4.5`, `0.5.4`, `0.5.5` or `0.6.3`, as often as needed; the main
            ones if none is given.
        uid: Account: 0 is the agent, the others are its rivals.
        json: Print JSON for machines.
    """
    needs("pyarrow")
    from obmm.lab.recorded import Run
    from obmm.lab.score import MAIN_ERAS, score_run
    from obmm.scoring import ERAS
    from obmm.settings.errors import did_you_mean

    unknown = [name for name in era if name not in ERAS]
    if unknown:
        raise UsageError(f"no scoring era is called {unknown[0]!r}; {did_you_mean(unknown[0], ERAS)}")
    recorded = Run(run_of(run))
    if str(uid) not in recorded.about["accounts"]:
        raise UsageError(f"the run has no account {uid}; there are {', '.join(recorded.about['accounts'])}")
    told = score_run(recorded, era or MAIN_ERAS).told(uid)
    if json:
        print_json(told)
        return
    out = console()
    if recorded.early:
        out.print(f"the run {recorded.early}", style="yellow", markup=False)
    if not told:
        out.print("the run is too short for any scoring")
        return
    out.print(scores_table(told), "")
    for name, scored in told.items():
        if era:
            books = recorded.about["venue"]["book_ids"]
            columns = list(scored["books"])
            rows = list(zip(books, *scored["books"].values(), strict=True))
            for part in folded(f"Books under {name}", ("book", *columns), rows, out.width):
                out.print(part, "")
    field = next(iter(told.values()))["field"]
    out.print(f"ranks are ranks among the {field} account{'s' if field > 1 else ''} of this run")


def scores_table(told: dict[str, Any]) -> Any:
    """A row per era: the total and what it is made of."""
    rows = [
        (
            name,
            scored["total"],
            scored["missing"]
            or ", ".join(
                f"{figure} {value:.4g}"
                for figure, value in scored["figures"].items()
                if figure != "score" and value == value
            ),
        )
        for name, scored in told.items()
    ]
    shown = table("Scores", ("era", "score", "made of"), rows)
    shown.columns[2].justify = "left"
    return shown

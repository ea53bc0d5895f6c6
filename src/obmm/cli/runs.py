"""`obmm runs`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from obmm.cli._errors import needs
from obmm.cli._output import console, folded, print_json
from obmm.cli._parameters import Count, Flag, Whole

if TYPE_CHECKING:
    from obmm.lab.runs import RunRow


def runs(
    folder: Path = Path("runs"),
    /,
    *,
    where: Annotated[tuple[str, ...], Parameter(show_default=False)] = (),
    sort: str = "created",
    limit: Count | None = None,
    uid: Whole = 0,
    json: Flag = False,
) -> None:
    """List the runs below a folder: what each was, and what became of it.

        obmm runs
        obmm runs --where 'pnl>0' --where scenario=taos-0.6.2 --sort score
        obmm runs experiments --where config~touch --limit 10 --json

    Args:
        folder: Where to look, at any depth.
        where: A condition, as often as needed; all of them hold: a column, one of = != < <= > >= or ~ (is
            part of), and a value.
        sort: A column: texts from a to z, figures from the largest down; if not said, the newest first.
            Columns are run, config, hash, scenario, seed, books, hours, pnl, pnl_per_book_hour,
            pnl_after_first_hour, era, score, ended, completed, created, kind.
        limit: Show no more than so many.
        uid: Account: 0 is the agent, the others its rivals.
        json: Print JSON for machines.
    """
    needs("pyarrow")
    from obmm.lab.runs import by_column, kept, runs_in

    every = runs_in(folder, uid)
    found = kept(every, where)
    if sort != "created":
        found = by_column(found, sort)
    shown = found[:limit]
    if json:
        print_json(shown)
        return
    out = console()
    if not shown:
        out.print(f"no run of {len(every)} below {folder} is such a one", markup=False)
        return
    columns = ("run", "config", "hash", "scenario", "seed", "books", "hours")
    figures = ("P&L", "per book, h", "after 1st h", "score")
    rows = [
        (
            _below(row, folder),
            row.config,
            row.hash,
            row.scenario,
            "–" if row.seed is None else str(row.seed),
            row.books,
            row.hours,
            row.pnl,
            row.pnl_per_book_hour,
            row.pnl_after_first_hour,
            row.score,
            row.era,
            "" if row.completed else row.ended,
        )
        for row in shown
    ]
    less = "" if len(shown) == len(every) else f" of {len(every)}"
    for part in folded(
        f"{len(shown)}{less} runs below {folder}, money in quote",
        (*columns, *figures, "era", ""),
        rows,
        out.width,
    ):
        for column in part.columns[1:]:
            if column.header in ("config", "hash", "scenario", "era", ""):
                column.justify = "left"
        out.print(part, "")


def _below(row: RunRow, folder: Path) -> str:
    return Path(row.run).relative_to(folder).as_posix()

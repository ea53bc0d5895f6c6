"""`obmm report`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.markup import escape
from rich.text import Text

from obmm.cli._earned import earned, pipelines, sources
from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import run_of
from obmm.cli._output import console, number, print_json, table
from obmm.cli._parameters import Flag, Whole

if TYPE_CHECKING:
    from obmm.lab.report import ReportData, RunData

_STYLES = {"on target": "green", "below target": "yellow", "above target": "yellow", "alert": "bold red"}
#: Books printed at either end of a ranking.
_ENDS = 3
_NO_PLOTLY = "no report.html: plotly is not installed; run: pip install 'obmm[report]'"


def report(
    *runs: Path,
    out: Path | None = None,
    targets: Path | None = None,
    uid: Annotated[tuple[Whole, ...], Parameter(show_default=False)] = (0,),
    json: Flag = False,
) -> None:
    """Build the report of one run, or of several side by side.

    Prints the figures that miners track with their targets, the scores under every era and the best and worst
    books, and writes one HTML file with all of that and pictures. The file needs no network.

        obmm report runs/first
        obmm report runs/first runs/second --targets my-targets.toml
        obmm report runs/crowded --uid 0 --uid 1 --out crowded.html

    Args:
        runs: Folders of runs, or live recordings of one simulation each.
        out: The page; `report.html` in the run's folder if not given, and for several runs a file beside the
            first one's folder.
        targets: A TOML file with targets and alerts of your own.
        uid: Account, as often as needed: 0, the agent, if not given; the others are its rivals.
        json: Print everything as JSON for machines, and write no page unless `--out` names one.
    """
    needs("pyarrow")
    from obmm.lab.report import report_on

    if not runs:
        raise UsageError("name the folder of a run, such as runs/first")
    try:
        runs = tuple(map(run_of, runs))
        data = report_on(runs, uids=uid, targets=targets)
    except KeyError as error:
        raise UsageError(str(error.args[0])) from error
    if json:
        print_json(data.as_dict())
        if out is not None:
            needs("plotly")
            _write(data, out)
        return
    _print(data)
    # A path is never broken: it is there to be copied.
    console().print(_write(data, out or _beside(runs)), markup=False, soft_wrap=True)


def write_report(folder: Path, uids: Sequence[int] = (0,)) -> str:
    """Write the page of one finished run into its folder; say where it is, or why there is none."""
    from obmm.lab.report import report_on

    return _write(report_on([folder], uids=uids), _beside([folder])) if find_spec("plotly") else _NO_PLOTLY


def _beside(runs: Sequence[Path]) -> Path:
    if len(runs) == 1:
        return runs[0] / "report.html"
    return runs[0].parent / f"report-{'-'.join(run.name for run in runs)}.html"


def _write(data: ReportData, page: Path) -> str:
    if find_spec("plotly") is None:
        return _NO_PLOTLY
    from obmm.lab.report.page import write_page

    write_page(data, page)
    return f"report: {page}"


def _print(data: ReportData) -> None:
    out = console()
    out.print(data.title, style="bold", markup=False)
    out.print("")
    for run in data.runs:
        for line in _warnings(run):
            out.print(f"{run.name}: {line}" if len(data.runs) > 1 else line, style="yellow", markup=False)
    for run in data.runs:
        name = f"{run.name}: " if len(data.runs) > 1 else ""
        out.print(f"{name}{earned(run.summary)}", style="bold", markup=False)
    out.print("")
    out.print(_targets(data), "")
    for note in _notes(data):
        out.print(note, style="dim", markup=False)
    out.print("")
    out.print(_scores(data), "")
    for run in data.runs:
        out.print(sources(run.summary), "")
        if (several := pipelines(run.summary)) is not None:
            out.print(several, "")
        if (books := _books(run, _name(run, data, ""))) is not None:
            out.print(books, "")


def _warnings(run: RunData) -> list[str]:
    """What makes the figures below mean less."""
    lines = []
    if failed := run.about["stage_errors"]:
        on = "every state" if failed >= run.summary["seconds"] else f"{failed:,} states"
        lines.append(f"a stage of the agent failed on {on}; `obmm check` says where")
    if run.early:
        planned = run.about.get("hours_planned")
        of = f" after {run.summary['hours']:.2f} of {planned:.2f} hours" if planned else ""
        lines.append(f"the run {run.early}{of}")
    return lines


def _targets(data: ReportData) -> Any:
    from obmm.lab.report.words import alert_words, figure_words, target_words

    rows = []
    for row in data.targets:
        cells: list[object] = [row.measure.label, row.era or "any"]
        for reading in row.readings:
            status = Text(reading.status, style=_STYLES.get(reading.status, "dim"))
            cells += [figure_words(reading.figure.value, row.measure), status]
        cells += [target_words(row.threshold, row.measure.unit), alert_words(row.threshold, row.measure.unit)]
        rows.append(cells)
    names = [cell for run in data.runs for cell in (escape(_name(run, data, "value")), "status")]
    built = table("Targets", ("figure", "era", *names, "target", "alert"), rows, text_columns=2)
    for i in range(len(data.runs)):
        built.columns[3 + 2 * i].justify = "left"
    return built


def _notes(data: ReportData) -> list[str]:
    readings = [(row.measure.label, reading) for row in data.targets for reading in row.readings]
    notes = [f"{label}: target out of reach. {reading.note}" for label, reading in readings if reading.note]
    missing = [reading.figure.missing for _, reading in readings if reading.figure.missing]
    return list(dict.fromkeys([*notes, *missing]))


def _scores(data: ReportData) -> Any:
    alone = data.runs[0] if len(data.runs) == 1 else None
    rows = []
    for era in data.eras:
        scored = [run.eras.get(era) for run in data.runs]
        cells: list[object] = [None if s is None or s.missing else s.total for s in scored]
        if alone is not None:
            cells.append(alone.eras[era].missing or alone.eras[era].equation)
        rows.append((era, *cells))
    names = [escape(_name(run, data, "score")) for run in data.runs]
    built = table("Scores, before ranks", ("era", *names, *(["made of"] if alone else [])), rows)
    if alone is not None:
        built.columns[-1].justify = "left"
    return built


def _name(run: RunData, data: ReportData, alone: str) -> str:
    return run.name if len(data.runs) > 1 else alone


def _books(run: RunData, name: str) -> Any:
    if not run.analyses:
        return None
    era, analysis = next(iter(run.analyses.items()))
    ranks = list(range(run.n_books))
    if run.n_books > 2 * _ENDS:
        ranks = [*ranks[:_ENDS], *ranks[-_ENDS:]]
    rows = []
    for rank in ranks:
        b = int(analysis.order[rank])
        book = run.summary["per_book"][b]
        mark = Text("outlier", style="red") if analysis.outlier[b] else ""
        effect = number(float(analysis.effect[b]))
        rows.append((str(book["book"]), mark, float(analysis.score[b]), effect, book["pnl"], book["fills"]))
    title = f"Best and worst books under {era}" + (f", {name}" if name else "")
    return table(title, ("book", "", "score", "effect on total", "P&L", "fills"), rows, text_columns=2)

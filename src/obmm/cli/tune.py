"""`obmm tune`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from obmm.cli._errors import needs
from obmm.cli._executor import executor_of
from obmm.cli._inputs import TODAY, scenario_of
from obmm.cli._output import console, print_json, spelt, table
from obmm.cli._parameters import Count, Flag, NotNegative, Positive, Seed, Set
from obmm.cli._progress import hms, work

if TYPE_CHECKING:
    from obmm.lab.tune import Design, Result, Study

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, show_default=False)]
#: Tuning seeds stay below the seeds for confirming.
Seeds = Annotated[int, Parameter(validator=Number(gte=2, lte=100_000))]
Confirm = Annotated[int, Parameter(validator=Number(gte=8, lte=100_000))]


def tune(
    config: str = "balanced",
    /,
    *,
    set: Set = (),
    space: Words = (),
    metric: Words = ("pnl_per_book_hour",),
    trials: Count = 40,
    seeds: Seeds = 8,
    confirm: Confirm = 16,
    books: Count = 16,
    hours: Positive = 3.0,
    scenario: str = TODAY,
    rivals: Words = (),
    response_ms: NotNegative = 100.0,
    seed: Seed = 1,
    batch: Count = 8,
    executor: str = "local",
    jobs: Count | None = None,
    out: Path | None = None,
    resume: Flag = False,
    force: Flag = False,
    estimate: Flag = False,
    json: Flag = False,
) -> None:
    """Search for better options, and say whether what was found is more than luck.

    What is tried comes from the options' own bounds, from a table `[tune]` in the file, and from `--space`.
    Candidates race in pairs with the best so far: a few seeds and short runs first, all seeds for those that
    last. What is best at the end is played on held-out seeds, against the configuration before the search:
    that decides.

        obmm tune balanced --trials 40
        obmm tune my.toml --space target_spread_bps=8..60:log size_base --metric score_0.5.4 --hours 6
        obmm tune balanced --space builder=skewed,touch all --metric pnl_per_book_hour max_drawdown
        obmm tune my.toml --trials 400 --batch 64 --executor dask://scheduler:8786 --estimate

    Ctrl-C keeps what is done (status 130), and so does anything else that ends it: the same command with
    `--resume` goes on from there, also with more `--trials`. The same seed gives the same candidates and
    figures on any number of cores.

    Args:
        config: A preset's name or a TOML file: the configuration before the search.
        set: `name=value`, as often as needed.
        space: What to try: `place=low..high`, `place=low..high:log`, `place=a,b`, `place` for the range
            around its value, a stage's name for all it has, `all`; `place=false` leaves one out. Not given,
            what `[tune]` in the file says, or every number that the configuration itself says.
        metric: What counts: `pnl_per_book_hour`, `pnl_bps`, `max_drawdown`, `score_0.5.4` …; several make a
            front, from which to choose.
        trials: Candidates to try.
        seeds: Tuning seeds, from 1 on.
        confirm: Held-out seeds, which no search has seen.
        books: Number of books.
        hours: Simulated hours of each run.
        scenario: `taos-0.6.2` (today's network), `taos-0.5.4`, `taos-0.1.51`, or a TOML file of your own.
        rivals: Other miners, as in `obmm simulate`.
        response_ms: Time that every answer is taken to need.
        seed: Seed of the search.
        batch: Candidates that race together: more keep more machines busy, fewer let the search learn sooner.
        executor: `local`, or `dask://scheduler:8786`.
        jobs: Runs at a time; one per core if not given.
        out: Folder of the study; `runs/` and a telling name if not given.
        resume: Go on with the study that lies in the folder.
        force: Replace the study that lies in the folder.
        estimate: Say how long it takes and how much memory it needs, and do no more.
        json: Print JSON for machines.
    """
    needs("numba", "scipy", "optuna")
    from obmm.agent import resolve
    from obmm.lab.interrupt import exit_status
    from obmm.lab.simulate import parse_rivals
    from obmm.lab.trials import Ledger, Stopped, Trial, looking_seeds, metric_named
    from obmm.lab.tune import Design, Study, StudyFolder, as_table, finished, read_space
    from obmm.lab.tune.page import write_page
    from obmm.scoring import ERAS

    base = resolve(config, set)
    loaded, pipelines = parse_rivals(rivals, scenario_of(scenario))
    metrics = tuple(metric_named(name, tuple(ERAS)) for name in metric)
    design = Design(
        space=read_space(config, base, space),
        trial=Trial(
            config=base,
            rivals=pipelines,
            scenario=loaded,
            books=books,
            hours=hours,
            seeds=looking_seeds(seeds),
            response_ms=response_ms,
            eras=tuple(dict.fromkeys(m.era for m in metrics if m.era)),
        ),
        metrics=metrics,
        trials=trials,
        confirm=confirm,
        seed=seed,
        batch=batch,
    )
    if estimate:
        _estimate(design, jobs, json)
        return
    folder = out or Path("runs") / _name(design, config)
    with work("tune") as bar:
        player = executor_of(executor, jobs, bar)
        opened = StudyFolder.open(folder, design.identity(), resume=resume, force=force)
        if not json:
            _print_space(design)
        study = Study(design, opened, player, told=lambda words, total: bar.begin(total, words))
        try:
            result = finished(study, Ledger.beside(folder))
            paged = write_page(study, result)
        except Stopped as stopped:
            study.write_rows()
            print(f"obmm: {stopped}; what is done is kept: go on with --resume", file=sys.stderr)
            sys.exit(exit_status(stopped.signal))
        finally:
            opened.close()
    if json:
        print_json(as_table(study, result))
    else:
        _print(study, result, folder, paged)


def _name(design: Design, config: str) -> str:
    """A folder that tells studies of different things apart."""
    import hashlib
    from json import dumps

    digest = hashlib.sha256(dumps(design.identity(), sort_keys=True).encode()).hexdigest()[:8]
    trial = design.trial
    return f"tune-{Path(config).name.removesuffix('.toml')}-{trial.books}x{trial.hours:g}h-{digest}"


def _estimate(design: Design, jobs: int | None, json: bool) -> None:
    from obmm.lab.trials.executor import cores
    from obmm.lab.tune.estimate import estimated, measured

    with work("probe"):
        speed = measured(design.trial)
    counts = sorted({jobs or cores(), 1, 4, 16, 64})
    told = estimated(design, speed, counts)
    if json:
        print_json({"probe": speed, "estimates": told})
        return
    rows = [(f"{one.cores}", hms(one.wall_s), f"{one.memory_bytes / 2**30:.1f} GiB") for one in told]
    out = console()
    out.print(
        f"At most {told[0].book_seconds:,.0f} book-seconds: {design.trials} candidates in batches of "
        f"{design.batch}, and {design.confirm} held-out seeds. Cores like those of this machine take:\n"
    )
    out.print(table("", ("cores", "time", "memory"), rows))


def _print_space(design: Design) -> None:
    rows = [(d.place, spelt(d.start), str(d.within), d.origin) for d in design.space.dimensions]
    console().print(
        table("What is tried", ("place", "now", "from … to", "said by"), rows, text_columns=4), ""
    )


def _print(study: Study, result: Result, folder: Path, paged: bool) -> None:
    out = console()
    verdict = result.verdict
    out.print(verdict.sentence, style="bold", markup=False)
    for line in verdict.trust:
        out.print(line, markup=False)
    if result.used_before:
        used = len(result.used_before)
        out.print(f"{used} of the {len(study.design.trial.seeds)} tuning seeds had been looked at before.")
    out.print("")
    out.print(_best(study, result), "")
    for metric, shares in result.importances.items():
        if shares:
            rows = [(place, f"{share:.0%}") for place, share in shares.items()]
            out.print(table(f"What matters to {metric}", ("place", "share"), rows), "")
    states = [row.state for row in result.rows[1:]]
    counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    out.print(f"{len(states)} candidates: {counted}")
    out.print(f"to run: {folder / 'best.toml'}", markup=False, soft_wrap=True)
    page = str(folder / "report.html") if paged else "none; it takes plotly: pip install 'obmm[report]'"
    out.print(f"report: {page}", markup=False, soft_wrap=True)


def _best(study: Study, result: Result) -> Any:
    """The configuration before the search and the best after it, side by side."""
    from obmm.lab.trials.metrics import with_later
    from obmm.lab.tune.study import changed

    asked = [metric.name for metric in study.design.metrics]
    names = with_later(asked, study.design.trial.hours)
    rows: list[Sequence[object]] = []
    for row in (result.rows[0], *(row for row in result.front if row.number)):
        told = ", ".join(f"{place} = {spelt(value)}" for place, value in changed(row, study).items())
        figures = [row.metrics.get(name) for name in names]
        rows.append((row.number or "before", row.config_hash, told or "–", *figures))
    title = "Best on the tuning seeds" if len(asked) == 1 else "Front on the tuning seeds"
    return table(title, ("trial", "hash", "changed", *names), rows, text_columns=3)

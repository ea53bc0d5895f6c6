"""`obmm compare`."""

from __future__ import annotations

import contextlib
import itertools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from rich.text import Text

from obmm.cli._errors import UsageError, needs
from obmm.cli._executor import executor_of
from obmm.cli._inputs import TODAY, scenario_of
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Count, Flag, NotNegative, Positive, Set, Words
from obmm.cli._progress import work

if TYPE_CHECKING:
    from obmm.lab.compare import Comparison, Question
    from obmm.lab.compare.used import UsedBefore
    from obmm.market import FloatArray

#: More seeds are a slip.
MAX_SEEDS = 10_000
#: How a verdict looks.
_STYLES = {None: "dim", True: "green", False: "red"}
Often = Annotated[tuple[str, ...], Parameter(show_default=False)]


def compare(
    *arms: str,
    swap: Often = (),
    set: Set = (),
    metric: Often = (),
    seeds: Words = ("8",),
    confirm: Flag = False,
    until_sure: Flag = False,
    most: Count = 64,
    books: Count = 16,
    hours: Positive = 3.0,
    scenario: Words = (TODAY,),
    rivals: Words = (),
    fields: Words = (),
    eras: Words = (),
    response_ms: NotNegative = 100.0,
    jobs: Count | None = None,
    executor: str = "local",
    out: Path | None = None,
    force: Flag = False,
    markdown: Flag = False,
    json: Flag = False,
) -> None:
    """Say which of several configurations is better, and how sure that is.

    Every configuration plays the same seeds, so that the market's luck falls out of the difference. The first
    one is what the others are held against.

        obmm compare balanced touch
        obmm compare balanced --swap builder=touch --swap signals.lean.weights.imbalance=0
        obmm compare balanced my.toml --seeds 4 --hours 1 --until-sure
        obmm compare balanced my.toml --confirm --fields all
        obmm compare balanced my.toml --fields all --scenario taos-0.5.4 taos-0.6.2 --markdown

    Ctrl-C keeps what is done: it is compared as far as it came, and the same command goes on from there. The
    exit status is then 130, and 1 if a stage of any configuration failed.

    Args:
        arms: Presets' names and TOML files; a live recording stands for the configuration it ended with.
        swap: One challenger each, made of the first configuration: `builder=touch`, `gates.drawdown=off`,
            `builder.size_base=1`; several words in quotes are one challenger.
        set: `name=value` for all of them, as often as needed.
        metric: What is compared, as often as needed; the first decides. P&L per book and hour if not given,
            and the score under each era.
        seeds: How many, or which: `8`, `3 5 7`, `10..17`.
        confirm: Take fresh seeds, of those kept for confirming.
        until_sure: Add seeds until the interval excludes zero; it is wider, so that looking is paid for.
        most: Seeds at which that ends.
        books: Number of books.
        hours: Simulated hours of each run.
        scenario: Markets: names or TOML files.
        rivals: Populations of other miners, each compared on its own and together: fields, such as `none` or
            `crowd`, `maker-share=0.45`, `makers=4,touch`, or `all` of the usual ones. The scenario's own if
            neither these nor fields are given.
        fields: Named populations of the package beside these, or `all` of them.
        eras: Scoring eras to follow; the scenario's own if not given, `none` for none.
        response_ms: Time that every answer is taken to need.
        jobs: Runs at a time; one per core if not given.
        executor: `local`, or `dask://scheduler:8786`.
        out: Folder of the comparison; `runs/` and a telling name if not given.
            The same comparison goes on there.
        force: Replace another comparison that lies in the folder.
        markdown: Print the matrix of fields and configurations as tables for a document; they lie in the
            folder, too, as `matrix.md`.
        json: Print JSON for machines.
    """
    needs("numba", "scipy")
    from obmm.lab.compare import Question, arms_of, fields_of, markets_of, metrics_of
    from obmm.lab.compare.folder import Folder
    from obmm.lab.compare.matrix import markdown as matrix
    from obmm.lab.compare.run import Runner
    from obmm.lab.compare.used import used_before
    from obmm.lab.interrupt import exit_status
    from obmm.lab.score import eras_of
    from obmm.lab.trials import Ledger

    loaded = [scenario_of(name) for name in dict.fromkeys(scenario)]
    followed = eras_of(eras, *loaded)
    question = Question(
        arms=arms_of(arms, swap, set),
        markets=markets_of(loaded, (*rivals, *fields_of(fields)) or ("default",), eras),
        books=books,
        hours=hours,
        response_ms=response_ms,
        metrics=metrics_of(metric, followed),
    )
    folder = out or Path("runs") / _name(question)
    ledger = Ledger.beside(folder)
    names = {one.name for one in loaded}
    uses = [use for use in ledger.uses() if use.scenario in names]
    used = {seed for use in uses for seed in use.seeds}
    asked = _seeds(seeds, confirm, used)

    def note(fresh: Sequence[int]) -> None:
        for name in names:
            ledger.note(
                "confirm" if confirm else "compare",
                scenario=name,
                seeds=fresh,
                configs=[arm.config.hash for arm in question.arms],
                folder=folder,
            )

    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(work("compare"))
        player = executor_of(executor, jobs, bar)
        at_once = player.at_once  # A cluster that is not there says so before a folder is made.
        kept = stack.enter_context(Folder(folder, question, force))

        def begin(book_seconds: float, fresh: Sequence[int]) -> None:
            note(fresh)
            bar.begin(book_seconds, f"{len(fresh)} seed{'' if len(fresh) == 1 else 's'}")

        runner = Runner(question, player, at_once, kept.keep, begin)
        if until_sure:
            comparison = runner.until_sure(asked, lambda n, known: _more(n, known, confirm, used), most)
        else:
            comparison = runner.on(asked)
        before = used_before(uses, comparison.seeds)
        told = kept.write(comparison, before)
    problem = kept.problem or runner.problem
    if json:
        print_json(told)
    elif markdown:
        print(matrix(comparison), end="")
    else:
        _print(comparison, told, before, folder, problem)
    if problem:
        print(f"obmm: could not be written: {problem}", file=sys.stderr)
        sys.exit(2)
    if comparison.ended:
        sys.exit(exit_status(comparison.ended))
    if told["failed"]:
        sys.exit(1)


def _seeds(words: Sequence[str], confirm: bool, used: set[int]) -> tuple[int, ...]:
    """The seeds that are asked for: a number of them, or which.

    Raises:
        UsageError: A word is neither a number, a list, nor a range.
    """
    from obmm.lab.trials import confirming_seeds, looking_seeds

    parts = [part for word in words for part in word.split(",") if part]
    if len(parts) == 1 and parts[0] == words[0] and parts[0].isdecimal():
        count = int(parts[0])
        if not 0 < count <= MAX_SEEDS:
            raise UsageError(
                f"--seeds {count} must be 1 to {MAX_SEEDS:,}; seed {count} alone is written {count},"
            )
        return confirming_seeds(count, used) if confirm else looking_seeds(count)
    if confirm:
        raise UsageError("--confirm chooses the seeds itself: say how many, such as --seeds 8")
    chosen: list[int] = []
    for part in parts:
        low, dots, high = part.partition("..")
        try:
            first = int(low)
            last = int(high) if dots else first
        except ValueError:
            raise UsageError(f"--seeds {part!r} is no seed: write 8, 3 5 7, or 10..17") from None
        if not 0 <= last - first < MAX_SEEDS or not -(2**63) <= first <= last < 2**63:
            raise UsageError(f"--seeds {part!r} is no range of at most {MAX_SEEDS:,} seeds")
        chosen += range(first, last + 1)
    if not chosen:
        raise UsageError("--seeds names none: write how many, such as 8, or which, such as 3 5 7")
    return tuple(dict.fromkeys(chosen))


def _more(n: int, known: Sequence[int], confirm: bool, used: set[int]) -> tuple[int, ...]:
    """So many seeds beside those that are known."""
    from obmm.lab.trials import confirming_seeds
    from obmm.lab.trials.seeds import FIRST_CONFIRMING

    if confirm:
        return confirming_seeds(n, used | {*known})
    fresh = (seed for seed in range(1, FIRST_CONFIRMING) if seed not in {*known})
    return tuple(itertools.islice(fresh, n))


def _name(question: Question) -> str:
    """A folder that tells comparisons of different things apart."""
    from obmm.lab.compare.folder import question_hash

    arms = "-vs-".join(re.sub(r"[^A-Za-z0-9_.=-]+", "-", arm.name) for arm in question.arms)
    return f"compare-{arms[:80]}-{question.books}x{question.hours:g}h-{question_hash(question)}"


def _print(
    comparison: Comparison,
    told: dict[str, Any],
    before: Sequence[UsedBefore],
    folder: Path,
    problem: str | None,
) -> None:
    from obmm.lab.compare.matrix import best
    from obmm.lab.compare.used import seeds_words
    from obmm.lab.compare.words import sentences

    out = console()
    for name, failed in told["failed"].items():
        out.print(
            f"a stage of {name} failed on {failed['states']:,} of {failed['of']:,} states: {failed['fault']}",
            style="bold red",
            markup=False,
        )
    if comparison.ended:
        out.print(f"ended early ({comparison.ended}): this is what was done", style="yellow", markup=False)
    first, *others = comparison.question.metrics
    for line in sentences(comparison, first):
        out.print(line, style="bold", markup=False)
    for line in [line for metric in others for line in sentences(comparison, metric)]:
        out.print(line, markup=False)
    if comparison.outcomes:
        for line in [line for metric in comparison.question.metrics for line in best(comparison, metric)]:
            out.print(line, markup=False)
    out.print("")
    for shown in (
        ()
        if not comparison.outcomes
        else (
            *_means(comparison),
            *_others(comparison),
            *_differences(comparison),
            *_by_seed(comparison),
            _sources(comparison),
        )
    ):
        out.print(shown, "")
    out.print(seeds_words(comparison.seeds, before), markup=False)
    speed = told["book_seconds_per_second"]
    nothing = "nothing was finished" if comparison.ended else "nothing had to be played"
    how = f"{speed:,.0f} book-seconds per second" if comparison.book_seconds else nothing
    out.print(f"{told['wall_s']:.1f} s, {how}", markup=False)
    if problem is None:
        page = folder / "report.html"
        out.print(f"report: {page if page.is_file() else folder}", markup=False, soft_wrap=True)


def _means(comparison: Comparison) -> Iterator[Any]:
    """The mean of each arm; where there are several markets, each metric's by market, with the verdicts."""
    from obmm.lab.compare.matrix import BEST, percent, rows
    from obmm.lab.compare.words import held, judged, plain

    metrics, arms = comparison.question.metrics, comparison.question.arms
    lines: list[tuple[object, ...]]
    if len(comparison.markets) == 1:
        means = [(m, arm, comparison.mean(arm.name, m)) for m in metrics for arm in arms]
        lines = [(m.name, arm.name, plain(mean.mean), held(mean)) for m, arm, mean in means]
        yield table("Means over seeds", ("metric", "arm", "mean", "95% interval"), lines, text_columns=2)
        return
    for metric in metrics:
        lines = []
        told = {market.name: cells for market, cells in rows(comparison, metric)}
        for market in (name for name in comparison.markets if not name or name in told):
            verdicts = {d.b: d for d in comparison.differences(metric, market)}
            for i, arm in enumerate(arms):
                mean = comparison.mean(arm.name, metric, market)
                d = verdicts.get(arm.name)
                word = Text(judged(d), style=_STYLES[d.better]) if d else ""
                cell = told[market][i] if market else None
                beside = cell.standing.next if cell else None
                lines.append(
                    (
                        (market or "all") if i == 0 else "",
                        arm.name,
                        word,
                        plain(mean.mean),
                        held(mean),
                        *(
                            (percent(cell.above_zero), plain(cell.drawdown), plain(cell.turnover))
                            if cell
                            else ("", "", "")
                        ),
                        BEST[cell.standing.best] if cell and beside else "",
                        f"{beside.name} {plain(beside.mean.mean)}" if beside else "",
                    )
                )
        columns = (
            *("market", "arm", "", "mean", "95% interval"),
            *("books > 0", "drawdown", "turnover", "best", "next"),
        )
        yield table(f"{metric.words}: by market", columns, lines, text_columns=3)


def _others(comparison: Comparison) -> Iterator[Any]:
    """What each kind of others came to, beside each arm; where there are several markets the JSON tells."""
    from obmm.lab.compare.matrix import BEST, counted, rows
    from obmm.lab.compare.words import held, p_words, plain, signed

    if len(comparison.markets) > 1:
        return
    for metric in comparison.question.metrics:
        lines: list[tuple[object, ...]] = []
        for cell in [cell for _, cells in rows(comparison, metric) for cell in cells]:
            one = cell.standing
            for i, rival in enumerate(one.rivals):
                lines.append(
                    (
                        one.arm if i == 0 else "",
                        BEST[one.best] if i == 0 and one.next else "",
                        counted(rival.name, rival.count) + (" (itself)" if rival.own else ""),
                        plain(rival.mean.mean),
                        held(rival.mean),
                        signed(rival.ahead.mean),
                        held(rival.ahead),
                        p_words(rival.p),
                    )
                )
        if lines:
            columns = ("arm", "best", "beside", "mean", "95% interval", "arm ahead by", "95% interval", "p")
            yield table(f"The others of the field: {metric.words}", columns, lines, text_columns=3)


def _differences(comparison: Comparison) -> Iterator[Any]:
    from obmm.lab.compare.words import held, judged, p_words, plain, signed

    for metric in comparison.question.metrics:
        rows = []
        if all(d.missing for d in comparison.differences(metric)):
            continue
        for market in comparison.markets:
            for d in comparison.differences(metric, market):
                where = [market or "all"] if len(comparison.markets) > 1 else []
                needed = "–" if not d.needed < 1e5 else f"{d.needed:.0f}"
                rows.append(
                    (
                        d.b,
                        *where,
                        Text(judged(d), style=_STYLES[d.better]),
                        signed(d.interval.mean) if d.seeds else "–",
                        held(d.interval),
                        p_words(d.p),
                        p_words(d.student[1]),
                        p_words(d.p_wilcoxon),
                        plain(d.detectable),
                        needed,
                    )
                )
        where = ["market"] if len(comparison.markets) > 1 else []
        kind = "always-valid interval" if comparison.peeking else "95% interval"
        columns = ("arm", *where, "", "mean", kind, "p", "p of t", "Wilcoxon", "shows from", "seeds for it")
        base = comparison.question.arms[0].name
        yield table(f"{metric.words}: more than {base}", columns, rows, text_columns=2 + len(where))


def _by_seed(comparison: Comparison) -> Iterator[Any]:
    """The difference on each seed, of the metric that decides."""
    from obmm.lab.compare.words import signed

    differences = [d for d in comparison.differences(comparison.question.metrics[0]) if d.seeds]
    if not differences:
        return
    known = [dict(zip(d.seeds, d.values.tolist(), strict=True)) for d in differences]
    seeds = [seed for seed in comparison.seeds if any(seed in d for d in known)]
    rows = [(str(seed), *(signed(d[seed]) if seed in d else "–" for d in known)) for seed in seeds]
    yield table("Difference by seed", ("seed", *(d.b for d in differences)), rows)


def _sources(comparison: Comparison) -> Any:
    """Where the P&L comes from, and the difference of it."""
    import numpy as np

    from obmm.lab.attribution import PARTS
    from obmm.lab.compare.words import signed

    names = [arm.name for arm in comparison.question.arms]
    told = {name: comparison.attribution(name) for name in names}
    rows = [(PARTS[part], *(_mean(told[name][part], signed) for name in names)) for part in PARTS]
    total = [_mean(np.sum(list(told[name].values()), axis=0), signed) for name in names]
    rows.append(("P&L", *total))
    return table("Where the P&L comes from, quote per book and hour", ("", *names), rows)


def _mean(values: FloatArray, words: Callable[[float], str]) -> str:
    return words(float(values.mean())) if values.size else "–"

"""What `obmm compare` prints of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.text import Text

from obmm.cli._output import console, table

if TYPE_CHECKING:
    from obmm.lab.compare import Comparison
    from obmm.lab.compare.used import UsedBefore
    from obmm.market import FloatArray

#: How a verdict looks.
_STYLES = {None: "dim", True: "green", False: "red"}


def shown(
    comparison: Comparison,
    told: dict[str, Any],
    before: Sequence[UsedBefore],
    folder: Path,
    problem: str | None,
) -> None:
    """Print a comparison: the verdicts first, then the tables."""
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

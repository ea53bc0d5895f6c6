"""Scores under every era with their parts, and what each book did to them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from obmm.lab.report.books import BookAnalysis
from obmm.lab.report.data import ReportData
from obmm.lab.report.eras import EraScore
from obmm.lab.report.page.figures import reading_cells, run_heads
from obmm.lab.report.page.markup import Markup, join, table, tag
from obmm.lab.report.run import RunData
from obmm.lab.report.words import number, percent

#: Books shown at either end of a ranking.
ENDS = 5
#: Mechanism → what a book's score is made of: its column and its name.
_RATIOS = {"sharpe": ("sharpe", "Sharpe"), "kappa": ("kappa", "Kappa"), "debeta": ("alpha_quote", "Alpha")}


def scores_table(report: ReportData) -> Markup:
    """The score under every era and what makes it up; all parts at a click."""
    rows = []
    for era in report.eras:
        scored = [run.eras.get(era) for run in report.runs]
        first = next(score for score in scored if score is not None)
        parts = _parts(report, scored)
        summary = tag("summary", tag("b", era), " ", tag("span", first.title, class_="soft"))
        name = tag("details", summary, tag("div", parts, class_="pop"), name="parts") if parts else summary
        flat = "" if first.flat is None else f", flat {first.flat:.3g}"
        cells = reading_cells(report, [_total(score) for score in scored])
        rows.append([name, *cells, (f"0–{first.best:g}{flat}", "soft bound")])
    alone = (("Score", "num"), "", "Made of")
    return table(("Era", *run_heads(report, *alone), ("Scale", "soft")), rows, kind="scores")


def _total(scored: EraScore | None) -> tuple[str, Markup, str]:
    if scored is None:
        return "–", Markup(), "not scored"
    total = "–" if scored.missing else number(scored.total, 3)
    return total, Markup(), scored.missing or scored.equation


def _parts(report: ReportData, scored: Sequence[EraScore | None]) -> Markup:
    """Every part that any run has, a column per run."""
    told = [{} if score is None else {words: value for _, words, value in score.parts()} for score in scored]
    names = dict.fromkeys(words for one in told for words in one)
    rows = [[words, *((_part(one.get(words)), "num") for one in told)] for words in names]
    heads = [(title, "num") for title in run_heads(report, "")]
    return table(("Part", *heads), rows, kind="parts") if rows else Markup()


def _part(value: float | None) -> str:
    if value is None or abs(value) < 2.0:
        return number(value, 4)
    return number(value, 0 if value == round(value) else 2)


def field_words(report: ReportData) -> str:
    """Whom ranks compare with."""
    scores = [score for run in report.runs for score in run.eras.values()]
    if not scores:
        return "These runs were not scored."
    words = "Scores are raw: before the ranks that the subnet pays by."
    own = sorted({score.field for score in scores if score.mechanism != "debeta"})
    wide = sorted({score.field for score in scores if score.mechanism == "debeta"})
    if own:
        sizes = " or ".join(map(str, own))
        words += (
            f" Rewards and weights rank the accounts of the run itself, here {sizes}; the subnet has "
            "some 256."
        )
    if wide:
        words += f" Under 0.6 the field is the {' or '.join(map(str, wide))} miners that trade in the run."
    return words


def book_blocks(report: ReportData) -> Markup:
    """Best and worst books under each era, one block per view of the chart of books."""
    blocks, n = [], 0
    for run in report.runs:
        for era, analysis in run.analyses.items():
            blocks.append(
                tag(
                    "div",
                    tag("p", spread_words(run, analysis), class_="lede"),
                    _ranking(run, era, analysis, _ends(run.n_books)),
                    _all_books(run, era, analysis),
                    data_view=f"book-scores:{n}",
                )
            )
            n += 1
    return join(blocks)


def spread_words(run: RunData, analysis: BookAnalysis) -> str:
    """How the books lie, and what outliers cost."""
    low, median, high = analysis.quartiles
    digits = 3 if max(abs(low), abs(high)) >= 0.05 else 5
    words = (
        f"Half of the books score between {number(low, digits)} and {number(high, digits)}, the median book "
        f"{number(median, digits)}."
    )
    outliers = np.flatnonzero(analysis.outlier)
    if outliers.size:
        ids = ", ".join(str(run.book_ids[b]) for b in outliers[:8])
        more = f" and {outliers.size - 8} more" if outliers.size > 8 else ""
        noun = f"Book {ids} is an outlier" if outliers.size == 1 else f"Books {ids}{more} are outliers"
        cost = analysis.effect[outliers].min()
        words += (
            f" {noun} below {number(analysis.fence, digits)}; the worst does {number(cost, 3, sign=True)}."
        )
    elif analysis.fence is not None:
        words += " No book is an outlier."
    if not outliers.size and not analysis.adds_up and np.ptp(np.abs(analysis.effect)) < 1e-9:
        same = number(float(np.abs(analysis.effect[0])), 4)
        return f"{words} Each book above the median lifts the total by {same}, each below lowers it as much."
    best, worst = int(np.argmax(analysis.effect)), int(np.argmin(analysis.effect))
    if not outliers.size and analysis.effect[best] > 0.0 > analysis.effect[worst]:
        up, down = (number(analysis.effect[b], 4, sign=True) for b in (best, worst))
        words += f" Book {run.book_ids[best]} lifts the total most ({up}), "
        words += f"book {run.book_ids[worst]} weighs on it most ({down})."
    return words


def _ends(n_books: int) -> list[int]:
    if n_books <= 2 * ENDS:
        return list(range(n_books))
    return [*range(ENDS), *range(n_books - ENDS, n_books)]


def _all_books(run: RunData, era: str, analysis: BookAnalysis) -> Markup:
    if run.n_books <= 2 * ENDS:
        return Markup()
    everything = _ranking(run, era, analysis, range(run.n_books))
    return tag("details", tag("summary", f"All {run.n_books} books"), everything, class_="all")


def _ranking(run: RunData, era: str, analysis: BookAnalysis, ranks: Iterable[int]) -> Markup:
    column, ratio_name = _RATIOS[run.eras[era].mechanism]
    ratios = run.eras[era].books[column]
    activity = run.eras[era].books.get("activity_factor")
    digits = 3 if np.nanmax(np.abs(analysis.score)) >= 0.05 else 5
    rows, before = [], -1
    for rank in ranks:
        b = int(analysis.order[rank])
        book = run.summary["per_book"][b]
        cells = [
            (number(analysis.score[b], digits), "num"),
            (number(analysis.effect[b], 4, sign=True), "num"),
            (number(ratios[b], 3 if ratio_name == "Kappa" else 2), "num wide"),
            *([] if activity is None else [(number(activity[b], 2), "num wide")]),
            (number(book["pnl"], 1, sign=True), "num"),
            (f"{book['fills']:,}", "num"),
            (percent(book["win_rate"], 0), "num wide"),
            (number(book["markout_60s_bps"], 1), "num wide"),
            (percent(book["max_limit_share"], 0), "num wide"),
        ]
        gap = "gap" if rank != before + 1 else ""
        name = join([str(book["book"]), " ", _outlier_mark(analysis, b)])
        rows.append([(name, gap), *((text, f"{css} {gap}".strip()) for text, css in cells)])
        before = rank
    head = (
        "Book",
        ("Score", "num"),
        ("Effect", "num"),
        (ratio_name, "num wide"),
        *([] if activity is None else [("Activity", "num wide")]),
        ("P&L", "num"),
        ("Fills", "num"),
        ("Win rate", "num wide"),
        ("60 s markout, bp", "num wide"),
        ("Most inventory", "num wide"),
    )
    return table(head, rows, kind="books")


def _outlier_mark(analysis: BookAnalysis, book: int) -> Markup:
    return tag("span", "outlier", class_="status alert") if analysis.outlier[book] else Markup()

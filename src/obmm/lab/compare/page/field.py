"""The section of the page on the others of the field: what each kind earned, and who is the best."""

from __future__ import annotations

from obmm.lab.compare.comparison import Comparison
from obmm.lab.compare.matrix import BEST, best, counted, percent, standing_rows
from obmm.lab.compare.standing import Standing
from obmm.lab.compare.words import held, p_words, plain, signed
from obmm.lab.report.page.figures import dot
from obmm.lab.report.page.markup import Markup, join, table, tag
from obmm.lab.trials import Metric

#: How an answer to "best of the field?" looks.
_CSS = {None: "no-figure", True: "on-target", False: "alert"}


def field(comparison: Comparison) -> Markup:
    """Who is the best of each field, and everybody's figures."""
    parts: list[Markup] = []
    for metric in comparison.question.metrics:
        if not standing_rows(comparison, metric):
            continue
        parts += [tag("p", line) for line in best(comparison, metric)]
        parts.append(_cells(comparison, metric))
        everybody = tag("summary", f"All kinds by {metric.words}")
        parts.append(tag("details", everybody, _others(comparison, metric), class_="all"))
    note = (
        "Best: ahead of the mean of every other kind of miner of its field, takers included, on the same "
        "books; each difference has to be shown by itself (p at most 0.05). Copies of a configuration are "
        "not held against it."
    )
    return join([*parts, tag("p", note, class_="notes")])


def _cells(comparison: Comparison, metric: Metric) -> Markup:
    """Market by arm: best or not, the strongest other, and how safely it earned."""
    lines: list[list[object]] = []
    for market, cells in standing_rows(comparison, metric):
        for i, cell in enumerate(cells):
            one, beside = cell.standing, cell.standing.next
            lines.append(
                [
                    market.name if i == 0 else "",
                    join([dot(i), one.arm]),
                    (_answer(one), "state"),
                    (tag("span", plain(one.mean.mean), class_="value"), "num"),
                    (held(one.mean), "num"),
                    (f"{counted(beside.name, beside.count)} {plain(beside.mean.mean)}" if beside else "–"),
                    (percent(cell.above_zero), "num"),
                    (f"{plain(cell.drawdown)} ({percent(cell.drawdown_share, 2)})", "num"),
                    (plain(cell.turnover), "num"),
                ]
            )
    numbers = ("Books above zero", "Largest drawdown of a book", "Turnover per hour")
    head = (
        *("Market", "Configuration", "Best of the field", (metric.words, "num"), ("95 % interval", "num")),
        *("Next", *((name, "num") for name in numbers)),
    )
    return table(head, lines, kind="plain")


def _others(comparison: Comparison, metric: Metric) -> Markup:
    """Every kind of others beside every arm, also by class of books."""
    lines: list[list[object]] = []
    for market, cells in standing_rows(comparison, metric):
        for i, cell in enumerate(cells):
            for rival in cell.standing.rivals:
                classes = "; ".join(f"{name} {plain(of.mean)}" for name, of in rival.by_class.items())
                lines.append(
                    [
                        market.name,
                        join([dot(i), cell.standing.arm]),
                        counted(rival.name, rival.count) + (" (itself)" if rival.own else ""),
                        (plain(rival.mean.mean), "num"),
                        (held(rival.mean), "num"),
                        (signed(rival.ahead.mean), "num"),
                        (held(rival.ahead), "num"),
                        (p_words(rival.p), "num"),
                        (classes or "–", "soft"),
                    ]
                )
    numbers = ("Mean", "95 % interval", "Configuration ahead by", "95 % interval", "p")
    head = ("Market", "Configuration", "Beside", *((name, "num") for name in numbers), ("By class", "soft"))
    return table(head, lines, kind="plain")


def _answer(standing: Standing) -> Markup:
    if standing.next is None:
        return tag("span", "nobody else", class_="status no-figure")
    return tag("span", BEST[standing.best], class_=f"status {_CSS[standing.best]}")

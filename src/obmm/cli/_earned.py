"""What a run earned, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obmm.cli._output import number, table
from obmm.settings.books import ranges


def earned(told: Mapping[str, Any]) -> str:
    """What came of it all, in a line."""
    return (
        f"P&L of trading {number(told['pnl'])} quote, {told['fills']:,} fills, "
        f"fees {number(told['fees'])} quote{' (rebates)' if told['fees'] < 0.0 else ''}"
    )


def sources(told: Mapping[str, Any]) -> Any:
    """Where the P&L comes from, also by class of books where there are several."""
    from obmm.lab.attribution import PARTS

    classes = told["attribution_by_class"]
    rows = [
        (words, told["attribution"][part], *(of[part] for of in classes.values()))
        for part, words in PARTS.items()
    ]
    rows.append(("P&L of trading", *(sum(row[i] for row in rows) for i in range(1, len(rows[0])))))
    heads = ["all books", *(f"from {price}" for price in classes)] if classes else [""]
    return table("Where the P&L comes from, quote", ("", *heads), rows)


def pipelines(told: Mapping[str, Any]) -> Any:
    """Which pipeline ran which books, and whether one did better; None where there is but one."""
    if not told["pipelines"]:
        return None
    rows = []
    for pipeline in told["pipelines"]:
        figures = [pipeline[name] for name in ("pnl", "pnl_per_book_hour", "fills", "fees")]
        books = ranges(pipeline["books"]) or "none"
        rows.append((pipeline["name"], books, *figures, pipeline.get("difference"), pipeline.get("p")))
    title = "Pipelines: P&L per book and hour more than the first's, and its p by randomisation"
    columns = ("pipeline", "books", "P&L", "per book and hour", "fills", "fees", "more", "p")
    return table(title, columns, rows, text_columns=2)

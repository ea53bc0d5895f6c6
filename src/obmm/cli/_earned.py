"""What a run earned, and where that comes from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from obmm.cli._output import number, table


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

"""Printing for people and for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from obmm.cli._console import console as console


def print_json(value: Any) -> None:
    """`value` as indented JSON; arrays become lists, NaN becomes null."""
    print(json.dumps(_plain(value), indent=2))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, text_columns: int = 1
) -> Table:
    """A table whose first `text_columns` columns are left-aligned and the others numbers.

    Cells may be numbers, plain strings, or a rich `Text` with a style. Without any column name there is no
    line for them.
    """
    built = _Titled(header_style="bold", show_header=any(columns), box=None, pad_edge=False)
    built.heading = title
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i < text_columns else "right", overflow="fold")
    for row in rows:
        built.add_row(*map(_cell, row))
    return built


def folded(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], width: int) -> list[Table]:
    """A table of many figures as several that fit `width`, each with the first column in front."""
    cells = [[str(_cell(value)) for value in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *cells, strict=True)]
    parts: list[list[int]] = [[]]
    for i in range(1, len(columns)):
        used = widths[0] + sum(2 + widths[j] for j in parts[-1])
        if parts[-1] and used + 2 + widths[i] > width:
            parts.append([])
        parts[-1].append(i)
    return [
        table(
            title if n == 0 else "",
            [columns[i] for i in (0, *part)],
            [[r[i] for i in (0, *part)] for r in rows],
        )
        for n, part in enumerate(parts)
    ]


class _Titled(Table):
    """A table below its title, which may be wider than the table."""

    heading = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.heading:
            yield Text(self.heading, style="bold")
        yield from super().__rich_console__(console, options)


def _cell(value: object) -> str | Text:
    if isinstance(value, Text):
        return value
    return escape(value if isinstance(value, str) else number(value))


def number(value: object) -> str:
    """A figure short enough for a table; a dash for what is not known."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    if isinstance(value, (float, np.floating)):
        size = abs(float(value))
        if size == 0.0:
            return "0"
        if size < 0.01:
            return f"{float(value):.2g}"
        digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
        return f"{float(value):,.{digits}f}"
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)


def spelt(value: object) -> str:
    """An option's value as one writes it in TOML; a dash for one that is not given."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    if value == "":
        return '""'
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(map(spelt, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key} = {spelt(item)}' for key, item in value.items())}}}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return _plain(attrs.asdict(value))
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return _plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value

"""Printing for people and for machines."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

#: Width when the output is no terminal: wide enough for every table, stable for whoever reads it later.
_PIPE_WIDTH = 120


def console(*, stderr: bool = False) -> Console:
    """A console that does not fold tables when the output is not a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _PIPE_WIDTH, highlight=False)


def print_json(value: Any) -> None:
    """`value` as indented JSON; arrays become lists, NaN becomes null."""
    print(json.dumps(_plain(value), indent=2))


def table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[object]], *, text_columns: int = 1
) -> Table:
    """A table whose first `text_columns` columns are left-aligned and the others numbers."""
    built = Table(
        title=title, title_justify="left", title_style="bold", header_style="bold", box=None, pad_edge=False
    )
    for i, column in enumerate(columns):
        built.add_column(column, justify="left" if i < text_columns else "right", overflow="fold")
    for row in rows:
        built.add_row(*(cell if isinstance(cell, str) else number(cell) for cell in row))
    return built


def number(value: object) -> str:
    """A figure short enough for a table; a dash for what is not known."""
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "–"
    if isinstance(value, (float, np.floating)):
        size = abs(float(value))
        if 0.0 < size < 0.01:
            return f"{float(value):.2g}"
        digits = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3
        return f"{float(value):,.{digits}f}"
    return f"{value:,}" if isinstance(value, (int, np.integer)) else str(value)


def _plain(value: Any) -> Any:
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

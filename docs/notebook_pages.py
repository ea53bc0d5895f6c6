"""Notebooks as plain Python: pages of the site, files for Jupyter, and checked outputs.

A notebook is a file of cells between lines `# %%`, as VS Code and PyCharm open it (`# %% [markdown]` for
words). What a cell prints stands below it behind `# >`: a test runs every notebook and holds it to that.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

#: What stands before a line that a cell prints.
MARK = "# >"
_CELL = re.compile(r"^# %%( \[markdown\])?.*\n", re.MULTILINE)


class Cell(NamedTuple):
    """Words, or code and what it prints."""

    words: str
    code: str
    output: str


def cells(source: str) -> Iterator[Cell]:
    """The cells of a notebook; what stands before the first is its head."""
    marks = [*_CELL.finditer(source)]
    for mark, end in zip(marks, [*(later.start() for later in marks[1:]), len(source)], strict=True):
        lines = source[mark.end() : end].strip("\n").splitlines()
        if mark[1]:
            yield Cell("\n".join(line.removeprefix("#").removeprefix(" ") for line in lines), "", "")
        else:
            code = "\n".join(line for line in lines if not line.startswith(MARK))
            told = (line.removeprefix(MARK).removeprefix(" ") for line in lines if line.startswith(MARK))
            yield Cell("", code.strip("\n"), "\n".join(told))


def as_markdown(source: str, name: str) -> str:
    """A page of the site."""
    parts = []
    for cell in cells(source):
        if cell.words:
            parts.append(cell.words)
        else:
            parts.append(f"```python\n{cell.code}\n```")
            parts += [f"```text\n{cell.output}\n```"] if cell.output else []
    parts.append(
        f"As a file: `docs/notebooks/{name}.py`; for Jupyter <a href='{name}.ipynb'>{name}.ipynb</a>."
    )
    return "\n\n".join(parts) + "\n"


def as_jupyter(source: str) -> str:
    """A file for Jupyter, format 4.5, with its outputs."""

    def told(i: int, cell: Cell) -> dict[str, Any]:
        text = cell.words or cell.code
        one: dict[str, Any] = {"id": f"cell-{i}", "metadata": {}, "source": text.splitlines(keepends=True)}
        if cell.words:
            return one | {"cell_type": "markdown"}
        lines = cell.output.splitlines(keepends=True)
        output = [{"output_type": "stream", "name": "stdout", "text": lines}] if lines else []
        return one | {"cell_type": "code", "execution_count": None, "outputs": output}

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps(
        {
            "cells": [told(i, cell) for i, cell in enumerate(cells(source))],
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        },
        indent=1,
    )


def outputs(source: str, name: str) -> Iterator[tuple[Cell, str]]:
    """Every cell of code, and what it prints when the notebook runs from its top."""
    space: dict[str, Any] = {"__name__": "__main__"}
    for cell in cells(source):
        if cell.code:
            heard = io.StringIO()
            with contextlib.redirect_stdout(heard):
                exec(compile(cell.code, name, "exec"), space)
            yield cell, heard.getvalue().strip("\n")


def write_outputs(path: Path) -> None:
    """Run a notebook and put what its cells print below them: `python docs/notebook_pages.py FILE`."""
    source = path.read_text(encoding="utf-8")
    parts = [source[: _CELL.search(source).start()].rstrip("\n") + "\n\n" if not _CELL.match(source) else ""]
    ran = outputs(source, str(path))
    for cell in cells(source):
        if cell.words:
            words = "\n".join(f"# {line}".rstrip() for line in cell.words.splitlines())
            parts.append(f"# %% [markdown]\n{words}\n\n")
            continue
        _, heard = next(ran)
        told = "".join(f"{MARK} {line}".rstrip() + "\n" for line in heard.splitlines())
        parts.append(f"# %%\n{cell.code}\n{told}\n")
    path.write_text("".join(parts).rstrip("\n") + "\n", encoding="utf-8")


if __name__ == "__main__":
    import sys

    for word in sys.argv[1:]:
        write_outputs(Path(word))

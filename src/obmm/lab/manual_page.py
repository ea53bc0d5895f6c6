"""The tables of docs/records.md, out of the manual: `python -m obmm.lab.manual_page` writes them anew."""

from __future__ import annotations

import enum
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from obmm.lab.manual import ABOUT, MANUAL, Column, Side
from obmm.market import InstructionKind, Reason, TimeInForce
from obmm.settings.files import write_whole

#: Where in the page they begin; what stands above is written by hand.
BEGINS = "## Tables\n"


def reference() -> str:
    """What the page says from `BEGINS` on."""
    return "\n".join(["## Tables", *_tables(), *_codes(), *_about(), ""])


def rewritten(page: str) -> str:
    """A page with its tables made anew."""
    return page.partition(BEGINS)[0] + reference()


def _tables() -> Iterator[str]:
    for name, manual in MANUAL.items():
        what, _, rest = manual.rows.partition(": ")
        more = f" {rest[0].upper()}{rest[1:]}" if rest else ""
        yield from ("", f"### `{name}`", "", f"A row for {what}.{more}")
        yield from ("", "| column | | unit | kind |", "| --- | --- | --- | --- |")
        for title, told in manual.columns.items():
            yield f"| `{title}` | {_told(told)} | {told.unit} | {_KINDS.get(told.kind, told.kind)} |"


_KINDS = {"U": "text", "?": "flag"}
_CODES: Mapping[type[enum.IntEnum], str] = {
    Side: "Sides",
    InstructionKind: "Instructions",
    TimeInForce: "Time in force",
    Reason: "Reasons",
}


def _told(column: Column) -> str:
    if column.codes is None:
        return column.what
    title = _CODES[column.codes]
    return f"{column.what} ([{title.lower()}](#{title.lower().replace(' ', '-')}))"


def _codes() -> Iterator[str]:
    yield from ("", "## Codes")
    for codes, title in _CODES.items():
        yield from ("", f"### {title}", "")
        if codes is Reason:
            edge = int(Reason.NARROWED)
            yield f"Below {edge} they close a side, from {edge} on they only narrow it; the smallest wins."
            yield ""
        yield ", ".join(f"{int(code)} {code.name.lower()}" for code in codes)


def _about() -> Iterator[str]:
    yield from ("", "## `run.json`", "", "| key | |", "| --- | --- |")
    yield from (f"| `{name}` | {what} |" for name, what in ABOUT.items())


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/records.md")
    write_whole(path, rewritten(path.read_text(encoding="utf-8")).encode())

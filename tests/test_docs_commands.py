"""Every `obmm …` that a page, an example or a Makefile shows is a command, with options that it has."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from obmm.cli import _COMMANDS, app
from obmm.cli._words import spelt_out

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("examples/**/*"),
        *ROOT.glob("benchmarks/*.py"),
        ROOT / "Makefile",
    ]
)
#: A command where a line begins, behind a prompt, a path, a schedule or an assignment.
_LINE = re.compile(r"^(?:[\s$>#-]*|.*?(?:Exec\w+=|&& ))(?:[\w/.$()-]*/)?obmm (?=[a-z])(.*)$")
#: A command within a sentence.
_WITHIN = re.compile(r"`obmm ([a-z][a-z-]*(?: [^`]*)?)`", re.DOTALL)


def lines(text: str) -> Iterator[str]:
    """Lines, those that go on behind a backslash in one."""
    yield from re.sub(r"\s*\\\n\s*", " ", text).splitlines()


def commands(path: Path) -> list[list[str]]:
    """The words of every command that a file shows, what is left open with dots taken out."""
    text = path.read_text(encoding="utf-8")
    found = [match[1] for line in lines(text) if "`obmm" not in line and (match := _LINE.match(line))]
    found += [" ".join(told.split()) for told in _WITHIN.findall(text)]
    words = []
    for told in found:
        told = re.split(r" [|>&#]|  +#|\.\s*$| 2>|`", told)[0]
        if re.match(rf"({'|'.join(_COMMANDS)})\b", told):
            words.append([word for word in shlex.split(told) if word not in ("…", "...")])
    return words


def wrong(words: list[str]) -> str:
    """What the command line says to these words; empty if it takes them."""
    try:
        command, _, _ = app.parse_args(spelt_out(words), exit_on_error=False, print_error=False)
    except Exception as error:
        open_ended = re.search(r"…|\b[A-Z]{3,}|\[", " ".join(words)) or "requires an argument" in str(error)
        if len(words) > 1 and not open_ended:
            return str(error)
        # Only named, or with something for the reader to fill in: its options are there all the same.
        known = {name for one in app[words[0]].assemble_argument_collection() for name in one.names}
        asked = {word for word in words if re.fullmatch(r"--[a-z-]+", word)}
        return f"has no {', '.join(sorted(asked - known))}" if asked - known else ""
    # Of `obmm config` alone it is the help.
    known_as = (f"obmm.cli.{words[0].replace('-', '_')}", "cyclopts.core")
    return "" if command.__module__ in known_as else command.__module__


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_is_one(path):
    """A renamed option fails here."""
    if not path.is_file():
        pytest.skip("a folder")
    faults = {" ".join(words): what for words in commands(path) if (what := wrong(words))}
    assert {} == faults


def test_the_commands_are_found():
    """In every way in which a page may show them."""
    found = {" ".join(words) for path in PAGES if path.is_file() for words in commands(path)}
    assert "init my-agent" in found
    assert any(told.startswith("daily /srv/obmm/record --alerts") for told in found)
    assert any(told.startswith("run --wallet miner --hotkey default --wallet-path") for told in found)
    assert {"simulate", "compare", "run", "daily", "diagnose", "control"} <= {t.split()[0] for t in found}
    assert len(found) > 150


def test_a_renamed_option_is_found():
    """As is a command that is none, and a word that is no number."""
    assert "" == wrong(["daily", "record", "--hours", "12"])
    assert "--hour" in wrong(["daily", "record", "--hour", "12"])
    assert "" != wrong(["simulate", "--books", "many"])
    assert "has no --preset-file" == wrong(["simulate", "--preset-file", "FILE…"])

"""The site: every page has its place, every link leads somewhere, the reference is that of the code."""

from __future__ import annotations

import ast
import importlib
import re
import runpy
import sys
from pathlib import Path

import pytest

from obmm.cli import _COMMANDS, app

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))


def contents(page: str) -> set[str]:
    """The pages that the tables of contents of a page name."""
    text = (DOCS / page).read_text(encoding="utf-8")
    folder = (DOCS / page).parent
    named = set()
    for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            if line and not line.startswith(":"):
                paths = [path for end in ("md", "py") for path in folder.glob(f"{line}.{end}")]
                assert paths or "*" in line, f"{page} names {line}, which is not there"
                named |= {str(path.relative_to(DOCS)) for path in paths}
    return named - {page}


def test_every_page_has_its_place():
    """In the contents of the site, or of a page that is there; notebooks are pages."""
    notebooks = {str(path.relative_to(DOCS)) for path in DOCS.glob("notebooks/*.py")}
    named = {"index.md"}.union(*map(contents, PAGES))
    assert {*PAGES} | notebooks == named


@pytest.mark.parametrize("page", [*PAGES, "../README.md", "../CONTRIBUTING.md", "../SECURITY.md"])
def test_links_lead_somewhere(page):
    """To files that are there, on the site and where the sources are read."""
    path = DOCS / page
    for target in re.findall(r"\]\(([\w./-]+)(?:#[\w-]*)?\)", path.read_text(encoding="utf-8")):
        assert (path.parent / target).exists(), target


def test_the_reference_is_made_from_the_code(monkeypatch):
    """A section for every command, with its examples standing as such and all its options."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in _COMMANDS:
        if app[name].default_command is not None:
            monkeypatch.setattr(app[name], "help", app[name].help)
    page = ["# Command reference\n"]
    runpy.run_path(str(DOCS / "conf.py"))["fill"](None, "reference", page)
    assert [] == [name for name in _COMMANDS if f"\n## obmm {name}\n" not in page[0]]
    assert "\n\n    obmm new-stage my_signal\n    obmm new-stage my_gate" in page[0]
    # How options are set out is cyclopts' own, and differs between its versions.
    assert "--scenario" in page[0]


def imports(page: str) -> list[tuple[str, str]]:
    """Modules of ours and what is taken of them, in the Python that a page shows."""
    text = (DOCS / page).read_text(encoding="utf-8")
    taken = []
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if ">>>" not in block:
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("obmm"):
                    taken += [(str(node.module), alias.name) for alias in node.names]
    return taken


@pytest.mark.parametrize("page", [page for page in PAGES if imports(page)])
def test_what_a_page_imports_is_there(page):
    """And the Python that it shows can be parsed."""
    for module, name in imports(page):
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"

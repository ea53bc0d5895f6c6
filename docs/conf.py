"""The documentation site: `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))

from obmm._version import __version__  # noqa: E402

project = "obmm"
author = "The obmm authors"
copyright = author
version = release = __version__

extensions = ["myst_parser", "cyclopts.sphinx_ext"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
nitpicky = True
html_theme = "furo"
html_title = f"obmm {release}"
html_show_copyright = False
html_copy_source = False
# Headings down to the third level can be linked to, under the names that GitHub gives them.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence"]
# A pattern in a table of contents may wait for its first page.
suppress_warnings = ["toc.empty_glob"]
# Consoles are quoted as they are.
highlight_language = "text"


def _to_sources(app, docname: str, source: list[str]) -> None:
    """Links to files outside docs/ lead nowhere in a site: their names stay, as code."""
    outside = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:examples|src|tests|benchmarks)[^)]*\)")
    source[0] = outside.sub(lambda link: f"`{link[1].strip('`')}`", source[0])


def setup(app) -> None:
    """Called by sphinx."""
    app.connect("source-read", _to_sources)

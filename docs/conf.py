"""The documentation site: `make docs`."""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from notebook_pages import as_jupyter, as_markdown

from obmm._version import __version__
from obmm.cli import _COMMANDS, app

DOCS = Path(__file__).resolve().parent
project = "obmm"
author = "The obmm authors"
version = release = __version__

extensions = ["myst_parser"]
# Notebooks are pages, too.
source_suffix = {".md": "markdown", ".py": "markdown"}
exclude_patterns = ["*.py"]
html_theme = "furo"
html_title = f"obmm {release}"
html_show_copyright = False
html_copy_source = False
# Headings down to the third level can be linked to, under the names that GitHub gives them.
myst_heading_anchors = 3
# Two hyphens before an option are two hyphens.
smartquotes = False
# Consoles are quoted as they are.
highlight_language = "text"


def commands() -> str:
    """Markdown of the help of every command, a section each."""
    for name in _COMMANDS:
        if app[name].default_command is not None:
            # As for --help: all that the docstring of a command says, not the line of the list.
            app[name].help = None
    text = app.generate_docs("markdown", flatten_commands=True, heading_level=2)
    # Without the head, and the first line of an example stands as far in as the others.
    return re.sub(r"(?<=\n\n)(?=obmm )", "    ", text[text.index("\n## obmm simulate") :])


def parameters() -> str:
    """Markdown of every option of every stage, a section each."""
    from parameter_pages import pages

    return "\n" + "\n".join(pages()) + "\n"


def fill(_sphinx: object, page: str, source: list[str]) -> None:
    """What a page has on the site and not where the sources are read."""
    if page == "reference":
        source[0] += commands()
    if page == "parameters":
        source[0] += parameters()
    if (DOCS / f"{page}.py").is_file():
        source[0] = as_markdown(source[0], page.rpartition("/")[2])
    # Files outside docs/ are not on the site: their names stay.
    outside = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?:examples|src|tests|benchmarks)[^)]*\)")
    source[0] = outside.sub(lambda link: f"`{link[1].strip('`')}`", source[0])


def write_notebooks(sphinx: object, exception: Exception | None) -> None:
    """Files for Jupyter, beside their pages."""
    for path in (DOCS / "notebooks").glob("*.py") if exception is None else ():
        to = Path(sphinx.outdir) / "notebooks" / f"{path.stem}.ipynb"
        to.write_text(as_jupyter(path.read_text(encoding="utf-8")), encoding="utf-8")


def setup(sphinx) -> None:
    """Called by sphinx."""
    sphinx.connect("source-read", fill)
    sphinx.connect("build-finished", write_notebooks)

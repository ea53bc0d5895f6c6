"""Notebooks of the site: every one runs, and prints what its page says."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

DOCS = Path(__file__).resolve().parents[1] / "docs"
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.py"))
pages = runpy.run_path(str(DOCS / "notebook_pages.py"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_and_prints_what_it_says(path):
    """Else: `python docs/notebook_pages.py` and its name puts what it prints into it."""
    for cell, heard in pages["outputs"](path.read_text(encoding="utf-8"), path.name):
        assert cell.output == "\n".join(line.rstrip() for line in heard.splitlines()), cell.code


def test_a_notebook_becomes_a_page_and_a_file_for_jupyter():
    """With its outputs, in the order of the cells."""
    source = "# %% [markdown]\n# # Title\n#\n# Words.\n\n# %%\nprint(1 + 1)\n# > 2\n"
    page = pages["as_markdown"](source, "one")
    assert page.startswith("# Title\n\nWords.\n\n```python\nprint(1 + 1)\n```\n\n```text\n2\n```\n")
    words, code = json.loads(pages["as_jupyter"](source))["cells"]
    assert ("markdown", "# Title\n") == (words["cell_type"], words["source"][0])
    assert (["print(1 + 1)"], ["2"]) == (code["source"], code["outputs"][0]["text"])


def test_what_a_notebook_prints_is_put_below_its_cells(tmp_path):
    """In place of what stood there; a second time changes nothing."""
    path = tmp_path / "one.py"
    path.write_text("# %% [markdown]\n# # Title\n\n# %%\nx = 2\nprint(x)\n# > 3\n")
    pages["write_outputs"](path)
    assert "# %% [markdown]\n# # Title\n\n# %%\nx = 2\nprint(x)\n# > 2\n" == (once := path.read_text())
    pages["write_outputs"](path)
    assert once == path.read_text()

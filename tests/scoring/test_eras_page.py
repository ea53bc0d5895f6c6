"""The page that explains the eras."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scoring" / "eras.md"


def test_every_figure_of_the_page_is_what_the_formulas_give() -> None:
    """The examples on the page run and print what it says."""
    if not PAGE.is_file():
        pytest.skip("the documentation is not part of this copy")
    result = doctest.testfile(str(PAGE), module_relative=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 40
    assert result.failed == 0

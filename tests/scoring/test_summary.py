"""The quoted formula and the page that corrects it."""

from __future__ import annotations

import doctest
from pathlib import Path

import numpy as np
import pytest

from obmm.scoring import ERAS, activity_factors, pareto_draws, summary_score

PAGE = Path(__file__).resolve().parents[2] / "docs" / "scoring" / "summary-formula.md"


def test_the_summary_formula_is_what_it_says() -> None:
    """A product less a penalty."""
    assert summary_score(2.0, 1.5, 0.25) == 2.75


def test_the_page_shows_what_the_functions_return() -> None:
    """Every example on the page runs and prints what is written there."""
    results = doctest.testfile(str(PAGE), module_relative=False)
    assert results.attempted > 5
    assert results.failed == 0


def test_figures_of_the_page() -> None:
    """The draws and the sustainable factor that the page quotes."""
    draws = pareto_draws(256, 1.42, 1.0, ERAS["0.1.51"].pareto_seed)
    assert np.round(draws[[235, 243]], 1).tolist() == [5.2, 6.6]
    assert np.round(draws[[0, 128, 255]], 3).tolist() == [0.004, 0.683, 42.567]
    assert draws[-5:].sum() / draws.sum() == pytest.approx(0.33, abs=5e-3)
    even_pace = ERAS["0.1.51"].volume_cap_quote / 24.0
    factors = activity_factors([0.0, 0.0], [even_pace, even_pace * 7 / 6], [1.0, 1.0], ERAS["0.1.51"])
    assert factors.round(4).tolist() == [1.0417, 1.0486]

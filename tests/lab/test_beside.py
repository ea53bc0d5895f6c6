"""What one seed earned, in a line: all of it, the first hour, and the hours after it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")

from obmm.lab.beside import of_one_seed, of_one_seed_words


def told(pnl: list[float], first: list[float], hours: float) -> dict[str, Any]:
    """A summary with the P&L of each book, and what of it came in the first hour."""
    books = [{"pnl": p, "pnl_first_hour": f} for p, f in zip(pnl, first, strict=True)]
    return {"per_book": books, "hours": hours, "seed": 7}


def outcome(pnl: list[float], first: list[float], hours: float) -> Any:
    """What of an outcome is read."""
    return SimpleNamespace(books={"pnl": np.array(pnl), "pnl_first_hour": np.array(first)}, hours=hours)


def test_what_was_earned_once_is_told_from_what_lasts():
    """Thirty per book and hour, all of it in the first of three; the other lost ten an hour throughout."""
    found = of_one_seed(
        told([90.0, 92.0], [90.0, 92.0], 3.0), {"balanced": outcome([-30.0, -30.0], [-10.0, -10.0], 3.0)}
    )
    means = [found["mean"], found["first_hour"]["mean"], found["after_first_hour"]["mean"]]
    assert pytest.approx([91.0 / 3.0, 91.0, 0.0]) == means
    difference = found["beside"]["difference"]
    assert pytest.approx([91.0 / 3.0 + 10.0, 101.0, 10.0]) == [
        difference["mean"], difference["first_hour"]["mean"], difference["after_first_hour"]["mean"]
    ]  # fmt: skip
    # Student's 12.7 times the standard error 1.
    assert pytest.approx(12.706, abs=1e-3) == found["first_hour"]["high"] - 91.0
    words = (
        "money earned +30.3 ± 4.24 quote per book and hour: +91.0 ± 12.7 in the first hour, "
        "0.00 ± 0.00 in each after it; balanced on the same seed −10.0 ± 0.00: −10.0 ± 0.00 and "
        "−10.0 ± 0.00; difference book by book +40.3 ± 4.24: +101.0 ± 12.7 and +10.0 ± 0.00. "
        "± is 95% over the 2 books of seed 7: one seed is one draw of the market and no result."
    )
    assert words == of_one_seed_words("money", found)


@pytest.mark.parametrize("hours", [0.5, 1.0])
def test_a_run_of_an_hour_or_less_is_told_without_later_hours(hours):
    """And one book has no interval."""
    found = of_one_seed(told([5.0], [5.0], hours), {"touch": outcome([1.0], [1.0], hours)})
    assert (None, None) == (found["first_hour"], found["after_first_hour"])
    per = "+10.0", "+2.00", "+8.00"
    if hours == 1.0:
        per = "+5.00", "+1.00", "+4.00"
    words = (
        "money earned {} quote per book and hour; touch on the same seed {}; difference book by book {}. "
        "It is one book of seed 7: one seed is one draw of the market and no result."
    )
    assert words.format(*per) == of_one_seed_words("money", found)

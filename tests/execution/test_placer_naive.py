"""The placer answers as a plain implementation of its rules does, book by book."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from execution.naive_placer import as_naive, naive_placer, reasons_told
from execution.quote_scenes import drawn
from obmm.execution import AmendPlacer


def agree(seed: int, tolerance: int, size_tolerance: float, post_only: bool, take: bool) -> None:
    """Both implementations on one drawn situation."""
    draw = drawn(seed)
    placer = AmendPlacer(
        tolerance_ticks=float(tolerance), size_tolerance=size_tolerance, post_only=post_only, take=take
    )
    expected = naive_placer(
        draw.state,
        draw.quotes,
        draw.limits,
        tolerance_ticks=tolerance,
        size_tolerance=size_tolerance,
        max_age_s=45.0,
        post_only=post_only,
        take=take,
    )
    n_books = draw.state.n_books
    said = as_naive(placer(draw.state, draw.quotes, draw.limits), n_books)
    assert expected == list(zip(said, reasons_told(placer, n_books), strict=True))


SEEDS = st.integers(0, 2**32 - 1)
MODES = (st.integers(0, 5), st.sampled_from([0.0, 0.25, 1.0]), st.booleans(), st.booleans())


@settings(max_examples=400)
@given(SEEDS, *MODES)
def test_same_instructions_as_the_naive_placer(
    seed: int, tolerance: int, size_tolerance: float, post_only: bool, take: bool
) -> None:
    """Instructions, their order and the reasons agree on crowded books."""
    agree(seed, tolerance, size_tolerance, post_only, take)


@pytest.mark.long
@settings(max_examples=30_000)
@given(SEEDS, *MODES)
def test_same_instructions_as_the_naive_placer_for_long(
    seed: int, tolerance: int, size_tolerance: float, post_only: bool, take: bool
) -> None:
    """The same, many times."""
    agree(seed, tolerance, size_tolerance, post_only, take)

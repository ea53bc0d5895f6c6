"""Reading and comparing reference vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from vectors import load

SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def cases(*names: str) -> list[Any]:
    """A pytest parameter (case, tolerance) per case of the named files; a skipped one for a missing file."""
    found = []
    for name in names:
        try:
            document = load(name)
        except pytest.skip.Exception as absent:
            found.append(pytest.param(None, {}, marks=pytest.mark.skip(reason=str(absent)), id=name))
            continue
        for case in document["cases"]:
            tolerance = document["tolerance"] | case.get("tolerance", {})
            found.append(pytest.param(case, tolerance, id=f"{name}-{case['id']}"))
    return found


def number(value: Any) -> float:
    """A number of a vector file; null is NaN."""
    if value is None:
        return math.nan
    return SPECIAL[value] if isinstance(value, str) else float(value)


def numbers(values: Sequence[Any]) -> np.ndarray:
    """Numbers of a vector file as an array of any depth."""
    if values and isinstance(values[0], list):
        return np.array([numbers(row) for row in values])
    return np.array([number(value) for value in values])


def by_book(values: Mapping[str, Any], n_books: int, default: float = 0.0) -> np.ndarray:
    """Numbers (B,) of a map keyed by book id."""
    return np.array([number(values.get(str(book), default)) for book in range(n_books)])


def assert_close(expected: Any, actual: Any, tolerance: Mapping[str, float]) -> None:
    """Fail unless |expected − actual| ≤ abs + rel·|expected|; NaN equals NaN and null."""
    wanted = numbers(expected) if isinstance(expected, list) else expected
    wanted = number(wanted) if isinstance(wanted, (str, type(None))) else wanted
    found = math.nan if actual is None else actual
    np.testing.assert_allclose(found, wanted, rtol=tolerance["rel"], atol=tolerance["abs"])

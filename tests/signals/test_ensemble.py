"""One signal out of several."""

from __future__ import annotations

import math

import numpy as np
import pytest

from obmm.market import FloatArray, Signals
from obmm.signals import Ensemble
from obmm.testing import random_state

STATE = random_state(1, n_books=3)


def ensemble(parts: dict[str, FloatArray], weights: dict[str, float], clip: float = 1.0) -> list[float]:
    """The sum over three books."""
    signals = Signals(n_books=3)
    for name, value in parts.items():
        signals.add(name, value)
    value: list[float] = Ensemble(weights=weights, clip=clip)(STATE, signals).tolist()
    return value


PARTS = {"a": np.array([0.1, 0.2, -0.3]), "b": np.array([[0.5, 9.0], [-0.5, 9.0], [np.nan, 9.0]])}


def test_adds_weighted_signals() -> None:
    """Weights carry the signs; of several columns the first is taken."""
    np.testing.assert_allclose([-0.4, 0.7, -0.3], ensemble(PARTS, {"a": 1.0, "b": -1.0}))


def test_sum_is_bounded() -> None:
    """Each direction has the bound, unless it is lifted."""
    assert [0.5, 0.5, -0.5] == ensemble(PARTS, {"a": 10.0}, clip=0.5)
    np.testing.assert_allclose([1.0, 2.0, -3.0], ensemble(PARTS, {"a": 10.0}, clip=math.inf))


def test_missing_component_adds_nothing() -> None:
    """A book on which one signal is missing is left with the others."""
    assert pytest.approx(-0.3) == ensemble(PARTS, {"a": 1.0, "b": 1.0})[2]


def test_all_components_missing_is_nan() -> None:
    """Where nothing is known there is no value."""
    assert math.isnan(ensemble(PARTS, {"b": 1.0})[2])


def test_nothing_to_add_is_zero() -> None:
    """An ensemble without components is silent."""
    assert [0.0, 0.0, 0.0] == ensemble({}, {})


def test_names_are_its_needs() -> None:
    """The pipeline computes what the weights name before it."""
    assert (
        frozenset({"imbalance", "trade_flow"}) == Ensemble(weights={"imbalance": 1, "trade_flow": -2}).needs
    )


def test_weights_must_be_finite() -> None:
    """A NaN weight would quieten every book."""
    with pytest.raises(ValueError, match=r"weights must be a finite number, got .*'b': nan"):
        Ensemble(weights={"a": 1.0, "b": math.nan})


def test_clip_must_be_positive() -> None:
    """A bound of 0 would silence it."""
    with pytest.raises(ValueError, match="'clip' must be > 0"):
        Ensemble(clip=0.0)

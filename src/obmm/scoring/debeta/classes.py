"""Asset classes: which book belongs to which, and what each weighs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from obmm.market import IntArray, Venue


def parse_class_weights(spec: str | Iterable[float] | None) -> tuple[float, ...]:
    """Weights from "0.95,0.05" or a list, scaled to sum 1; () if there are none.

    Raises:
        ValueError: A weight is not a number or is negative.

    >>> parse_class_weights("2, 1, 1,")
    (0.5, 0.25, 0.25)
    """
    if spec is None:
        return ()
    parts = [part for part in spec.split(",") if part.strip()] if isinstance(spec, str) else list(spec)
    weights = [float(part) for part in parts]
    if any(not weight >= 0.0 for weight in weights):
        raise ValueError(f"class weights must not be negative, got {spec!r}")
    total = sum(weights)
    return tuple(weight / total for weight in weights) if total > 0.0 else ()


def classes_of(venue: Venue) -> IntArray:
    """(B,) class of each book: books that started at the same price are one class, numbered by book order.

    >>> classes_of(Venue.of(3, initial_price=300.0))
    array([0, 0, 0])
    """
    prices = venue.initial_price
    _, first, inverse = np.unique(prices, return_index=True, return_inverse=True, equal_nan=True)
    rank = np.empty(first.size, dtype=np.int64)
    rank[np.argsort(first)] = np.arange(first.size)
    return rank[inverse]

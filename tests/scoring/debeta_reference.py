"""Reference vectors of making and skill as arrays: uids by column, books by row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.scoring import ERAS, EraConstants
from obmm.scoring.debeta import Dials
from obmm.scoring.debeta.prints import Columns, Prints, prints_of_columns
from scoring.reference import number

NO_ACCOUNT = -(10**9)
"""Stands for a null account id: nobody, and nobody else's equal."""


def having(found: Sequence[Any], part: str, key: str) -> list[Any]:
    """The cases whose `part` ("input" or "expected") has a `key`; all that stand for a missing file."""
    return [case for case in found if case.values[0] is None or key in case.values[0][part]]


def assert_all_used(found: Sequence[Any], part: str, keys: Iterable[str]) -> None:
    """Fail unless every case has one of the keys, so that none is left out by `having`."""
    known = set(keys)
    for case in found:
        assert case.values[0] is None or len(known & set(case.values[0][part])) == 1, case.id


def prints_of_rows(rows: Mapping[str, Sequence[Sequence[Any]]], n_books: int, columns: Columns) -> Prints:
    """Prints of one state from rows [time, price, quantity, side, maker, taker] by book id."""
    books = [rows.get(str(book), []) for book in range(n_books)]
    flat = [row for book in books for row in book]

    def column(i: int, dtype: type) -> np.ndarray:
        return np.array([NO_ACCOUNT if row[i] is None else row[i] for row in flat], dtype=dtype)

    return prints_of_columns(
        np.concatenate(([0], np.cumsum([len(book) for book in books]))).astype(np.int64),
        column(0, np.int64),
        column(1, np.float64),
        column(2, np.float64),
        column(3, np.int64),
        column(4, np.int64),
        column(5, np.int64),
        columns,
    )


def books_of(batches: Iterable[Mapping[str, Any]]) -> int:
    """Number of books that the batches of a case name."""
    return 1 + max((int(book) for batch in batches for book in batch["trades"]), default=0)


def table(
    values: Mapping[str, Mapping[str, Any]], uids: Sequence[int], n_books: int, missing: float
) -> np.ndarray:
    """(B, U) numbers of a map uid → book → number."""
    found = np.full((n_books, len(uids)), missing)
    for uid, books in values.items():
        for book, value in books.items():
            found[int(book), list(uids).index(int(uid))] = number(value)
    return found


def vector(values: Mapping[str, Any], uids: Iterable[int], missing: float = math.nan) -> np.ndarray:
    """(U,) numbers of a map keyed by uid."""
    return np.array([number(values.get(str(uid), missing)) for uid in uids])


def flows(
    values: Mapping[str, Mapping[str, Any]], makers: Sequence[int], takers: Sequence[int]
) -> np.ndarray:
    """(M, 1 + T) flow of a map maker → taker → volume, the background in column 0."""
    found = np.zeros((len(makers), 1 + len(takers)))
    for maker, row in values.items():
        for taker, volume in row.items():
            column = 0 if int(taker) < 0 else 1 + list(takers).index(int(taker))
            found[list(makers).index(int(maker)), column] = number(volume)
    return found


def miners_of(*maps: Mapping[str, Mapping[str, Any]]) -> tuple[list[int], list[int]]:
    """Makers and miner takers of counterparty maps, ascending."""
    makers = {int(maker) for found in maps for maker in found}
    takers = {int(taker) for found in maps for row in found.values() for taker in row}
    return sorted(makers), sorted(taker for taker in takers if taker >= 0)


def era_of(params: Mapping[str, Any]) -> EraConstants:
    """Constants of 0.6.3 with what a case changes."""
    changes: dict[str, Any] = {}
    rewarding = params.get("rewarding")
    if rewarding is not None:
        floor = rewarding["floor"]
        changes |= {
            "pareto_seed": rewarding["seed"],
            "pareto_shape": rewarding["pareto"]["shape"],
            "pareto_scale": rewarding["pareto"]["scale"],
            "floor_percentile": floor["percentile"] if floor["enabled"] else None,
            "floor_softness": floor["softness"],
        }
    if "kappa_lookback" in params:
        changes["kappa_lookback_ns"] = params["kappa_lookback"]
    if "sampling_interval" in params:
        changes["volume_sample_ns"] = params["sampling_interval"]
    return attrs.evolve(ERAS["0.6.3"], **changes)


def dials_of(params: Mapping[str, Any]) -> Dials:
    """Dials of an end-to-end case."""
    return Dials(
        **params["dials"],
        capture_half_window=params["capture_half_window"],
        halflife_ns=params["score_ema_halflife"],
    )


def assert_table(
    expected: Mapping[str, Any], actual: np.ndarray, uids: Sequence[int], tolerance: Mapping[str, float]
) -> None:
    """Fail unless a map uid → book → number equals (B, U) numbers; what the map leaves out must be 0."""
    wanted = table(expected, uids, actual.shape[0], 0.0)
    np.testing.assert_allclose(np.nan_to_num(actual), wanted, rtol=tolerance["rel"], atol=tolerance["abs"])


def assert_same_keys(expected: Mapping[str, Any], actual: np.ndarray, uids: Sequence[int]) -> None:
    """Fail unless the map uid → book has exactly the pairs flagged in (B, U)."""
    pairs = {(int(book), list(uids).index(int(uid))) for uid, row in expected.items() for book in row}
    assert pairs == {(int(book), int(column)) for book, column in np.argwhere(actual)}

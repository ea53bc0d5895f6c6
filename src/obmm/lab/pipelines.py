"""A run with several pipelines over its books: which ran what, and whether one did better.

Books of one class of assets are alike before a pipeline is given to them. If pipelines were alike too, any
other way of giving them out within each class would have been as likely: the share of these ways that shows
a difference as large as the one seen is the p of the randomisation test (Fisher 1935).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from obmm.agent.config import hash_of
from obmm.market import BoolArray, FloatArray, IntArray
from obmm.market.venue import classes_of
from obmm.settings.books import select_books

#: Ways up to which each is tried.
_EXACT = 20_000
_TIE = 1e-9


def pipelines_of(
    account: Mapping[str, Any], book_ids: IntArray, classes: IntArray
) -> tuple[list[dict[str, Any]], IntArray]:
    """The pipelines of an account of `run.json`, the main one first, and which of them ran each book (B,).

    Where only the configuration is known, as of a live recording, pipelines are named by their books.
    """
    told = account.get("pipelines") or list(_configured(account))
    ran = np.zeros(book_ids.size, dtype=np.int64)
    for i, pipeline in enumerate(told[1:], start=1):
        ran[select_books(pipeline["books"], book_ids, classes)] = i
    return list(told), ran


def _configured(account: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The pipelines that an account's configuration tells of."""
    assigned = account.get("config", {}).get("assign", [])
    if assigned:
        yield {"name": account["name"], "config_hash": account["config_hash"], "books": "all"}
    for books, table in assigned:
        yield {"name": f"pipeline of {books}", "config_hash": hash_of(table), "books": books}


def told_by_pipeline(
    account: Mapping[str, Any],
    book_ids: IntArray,
    asset: FloatArray,
    per_book: Sequence[Mapping[str, Any]],
    hours: float,
) -> list[dict[str, Any]]:
    """Figures of each pipeline of an account; none where it has but one.

    Args:
        account: What `run.json` says of it.
        book_ids: (B,) ids of the books.
        asset: (B,) price at which each began, which tells classes of assets apart.
        per_book: Figures of each book, as `summarise` tells them.
        hours: Simulated hours.

    Returns:
        For each `name`, `config_hash`, `books` (their ids), `pnl`, `pnl_per_book_hour`, `fills`, `fees`; and
        for all but the main one `difference`, the P&L per book and hour that it has more of than the main one
        among books of the same class, with the `p` of the randomisation test.
    """
    pipelines, ran = pipelines_of(account, book_ids, classes_of(asset))
    if len(pipelines) < 2:
        return []
    pnl = np.array([row["pnl"] for row in per_book])
    rate = pnl / hours if hours else np.full(pnl.shape, np.nan)
    told = []
    for i, pipeline in enumerate(pipelines):
        rows = np.flatnonzero(ran == i)
        figures: dict[str, Any] = {
            "name": pipeline["name"],
            "config_hash": pipeline["config_hash"],
            "books": book_ids[rows].tolist(),
            "pnl": float(pnl[rows].sum()),
            "pnl_per_book_hour": float(rate[rows].mean()) if rows.size else None,
            "fills": sum(per_book[b]["fills"] for b in rows.tolist()),
            "fees": float(sum(per_book[b]["fees"] for b in rows.tolist())),
        }
        if i:
            both = (ran == 0) | (ran == i)
            difference, p = randomised(rate[both], ran[both] == i, asset[both])
            figures |= {"difference": _known(difference), "p": _known(p)}
        told.append(figures)
    return told


def randomised(figure: FloatArray, treated: BoolArray, stratum: FloatArray) -> tuple[float, float]:
    """Mean difference between treated and other books of the same stratum, and its two-sided p.

    A stratum counts by its treated and other books, as far as it has both; exact where there are few ways,
    else of 20,000 drawn at random. NaN where no stratum has both.

    >>> figure = np.array([1.0, 2.0, 3.0, 4.0])
    >>> difference, p = randomised(figure, np.array([False, False, True, True]), np.zeros(4))
    >>> difference, round(p, 4)
    (2.0, 0.3333)
    """
    groups = [np.flatnonzero(stratum == value) for value in np.unique(stratum)]
    groups = [rows for rows in groups if 0 < treated[rows].sum() < rows.size]
    if not groups or not np.isfinite(figure).all():
        return math.nan, math.nan
    taken = [int(treated[rows].sum()) for rows in groups]
    # The precision of a stratum's difference of means: n1 n2 / (n1 + n2).
    weight = np.array([k * (rows.size - k) / rows.size for k, rows in zip(taken, groups, strict=True)])
    weight /= weight.sum()

    def of(chosen: Sequence[IntArray]) -> float:
        total = 0.0
        for w, rows, picked, k in zip(weight, groups, chosen, taken, strict=True):
            values = figure[rows]
            mine = values[picked].sum()
            total += float(w * (mine / k - (values.sum() - mine) / (rows.size - k)))
        return total

    seen = of([np.flatnonzero(treated[rows]) for rows in groups])
    least = abs(seen) - _TIE * float(np.abs(figure).max())
    ways = math.prod(math.comb(rows.size, k) for rows, k in zip(groups, taken, strict=True))
    if ways <= _EXACT:
        return seen, float(np.mean([abs(of(way)) >= least for way in _every(groups, taken)]))
    rng = np.random.default_rng(0)
    drawn = ([rng.permutation(g.size)[:k] for g, k in zip(groups, taken, strict=True)] for _ in range(_EXACT))
    return seen, (1 + sum(abs(of(way)) >= least for way in drawn)) / (1 + _EXACT)


def _every(groups: Sequence[IntArray], taken: Sequence[int]) -> Iterator[list[IntArray]]:
    each = [
        [np.array(way) for way in itertools.combinations(range(rows.size), k)]
        for rows, k in zip(groups, taken, strict=True)
    ]
    return (list(way) for way in itertools.product(*each))


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None

"""Prints of several states that are taken in together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import attrs
import numpy as np

from obmm.market import EventKind, FloatArray, IntArray, Tape
from obmm.scoring.debeta.prints import Columns, Prints, prints_of_columns


@attrs.frozen(kw_only=True)
class Told:
    """What K successive states told of B books.

    Attributes:
        times_ns: (K,) times of the states, rising.
        counts: (K, B) prints that each state told of each book.
        prints: All of them, book by book in the order in which they printed.
        order: (N,) rows of `prints` state by state, within each state book by book.
        state: (N,) the state that told of each row of `prints`.
    """

    times_ns: IntArray
    counts: IntArray
    prints: Prints
    order: IntArray
    state: IntArray

    @classmethod
    def at_once(cls, time_ns: int, prints: Prints) -> Told:
        """The prints of a single state."""
        return cls(
            times_ns=np.array([time_ns]),
            counts=np.diff(prints.offset)[np.newaxis],
            prints=prints,
            order=np.arange(len(prints)),
            state=np.zeros(len(prints), dtype=np.int64),
        )


class Trades(NamedTuple):
    """The trades of a tape, book by book: a tenth of the tape, so that many can wait.

    Attributes:
        counts: (B,) how many each book has.
        time_ns: (N,) simulated time.
        price: (N,) quote.
        size: (N,) base.
        side: (N,) of the aggressor.
        maker_id: (N,) account of the maker.
        taker_id: (N,) account of the taker.
    """

    counts: IntArray
    time_ns: IntArray
    price: FloatArray
    size: FloatArray
    side: IntArray
    maker_id: IntArray
    taker_id: IntArray

    @classmethod
    def of(cls, tape: Tape) -> Trades:
        """Those of a tape."""
        rows = np.flatnonzero(tape.kind == int(EventKind.TRADE))
        counts = np.diff(rows.searchsorted(tape.offset))
        return cls(counts, *(getattr(tape, name)[rows] for name in cls._fields[1:]))


def told_of_trades(
    times_ns: Sequence[int], trades: Sequence[Trades], columns: Columns, uid_shift: int = 0
) -> Told:
    """What the trades of successive states tell.

    Args:
        times_ns: Times of the states, rising.
        trades: Their trades, of the same books; those of a group stand together, all groups have as many.
        columns: Gives out columns to uids in the order in which they are first told of.
        uid_shift: Added to the uids that traded; ids below 0 are the background's and stay.
    """
    counts = np.array([told.counts for told in trades])
    n_books = counts.shape[1]
    of_state, of_book = counts.sum(axis=1), counts.sum(axis=0)

    def column(name: str) -> Any:
        return np.concatenate([getattr(told, name) for told in trades])

    maker, taker = column("maker_id"), column("taker_id")
    if uid_shift:
        maker, taker = (np.where(ids >= 0, ids + uid_shift, ids) for ids in (maker, taker))
    group_of_book = np.arange(n_books) // max(n_books // columns.n_groups, 1)
    group = np.tile(group_of_book, len(trades)).repeat(counts.ravel())
    states = list(itertools.pairwise((0, *of_state.cumsum().tolist())))
    # Whoever is new gets its column where it is told of first: among the makers of a state, then the takers.
    who, where = (
        np.concatenate([part[first:end] for first, end in states for part in parts])
        for parts in ((maker, taker), (group, group))
    )
    columns.of(who, where)

    # Rows of one state and book stay together: each such stretch moves to its place among those of its book.
    length = counts.ravel()
    begins = of_book.cumsum() - of_book + counts.cumsum(axis=0) - counts
    order = np.arange(length.sum()) + (begins.ravel() - length.cumsum() + length).repeat(length)

    def by_book(told: Any) -> Any:
        placed = np.empty_like(told)
        placed[order] = told
        return placed

    return Told(
        times_ns=np.array(times_ns, dtype=np.int64),
        counts=counts,
        prints=prints_of_columns(
            np.concatenate(([0], of_book.cumsum())),
            by_book(column("time_ns")),
            by_book(column("price")),
            by_book(column("size")),
            by_book(column("side")),
            by_book(maker),
            by_book(taker),
            columns,
            by_book(group),
        ),
        order=order,
        state=by_book(np.arange(len(trades)).repeat(of_state)),
    )

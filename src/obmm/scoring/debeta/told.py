"""Prints of several states that are taken in together."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from obmm.market import EventKind, IntArray, Tape
from obmm.scoring.debeta.prints import Columns, Prints, prints_of_columns


@attrs.frozen(kw_only=True)
class Told:
    """What K successive states told of B books.

    Attributes:
        times_ns: (K,) times of the states, rising.
        counts: (K, B) prints that each state told of each book.
        prints: All of them, book by book in the order in which they printed.
        order: (N,) rows of `prints` state by state, within each state book by book.
    """

    times_ns: IntArray
    counts: IntArray
    prints: Prints
    order: IntArray

    @classmethod
    def at_once(cls, time_ns: int, prints: Prints) -> Told:
        """The prints of a single state."""
        return cls(
            times_ns=np.array([time_ns]),
            counts=np.diff(prints.offset)[np.newaxis],
            prints=prints,
            order=np.arange(len(prints)),
        )


def told_of_tapes(
    times_ns: Sequence[int], tapes: Sequence[Tape], columns: Columns, uid_shift: int = 0
) -> Told:
    """What the tapes of successive states tell.

    Args:
        times_ns: Times of the states, rising.
        tapes: Their tapes, of the same books.
        columns: Gives out columns to uids in the order in which they are first told of.
        uid_shift: Added to the uids on the tapes; ids below 0 are the background's and stay.
    """
    n_books = tapes[0].n_books
    ends = np.cumsum([tape.kind.size for tape in tapes])
    starts = [tape.offset[:-1] + end - tape.kind.size for tape, end in zip(tapes, ends, strict=True)]
    rows = np.flatnonzero(_joined(tapes, "kind") == int(EventKind.TRADE))
    segment = np.searchsorted(np.concatenate(starts), rows, side="right") - 1
    maker, taker = (_joined(tapes, name)[rows] for name in ("maker_id", "taker_id"))
    if uid_shift:
        maker, taker = (np.where(ids >= 0, ids + uid_shift, ids) for ids in (maker, taker))
    cuts = itertools.pairwise((0, *np.searchsorted(rows, ends).tolist()))
    columns.of(np.concatenate([ids[first:end] for first, end in cuts for ids in (maker, taker)]))

    place = np.argsort(segment % n_books, kind="stable")
    counts = np.bincount(segment, minlength=len(tapes) * n_books).reshape(len(tapes), n_books)
    rows, maker, taker = rows[place], maker[place], taker[place]
    offset = np.concatenate(([0], np.cumsum(counts.sum(axis=0))))
    order = np.empty(place.size, dtype=np.int64)
    order[place] = np.arange(place.size)
    return Told(
        times_ns=np.array(times_ns, dtype=np.int64),
        counts=counts,
        prints=prints_of_columns(
            offset,
            _joined(tapes, "time_ns")[rows],
            _joined(tapes, "price")[rows],
            _joined(tapes, "size")[rows],
            _joined(tapes, "side")[rows],
            maker,
            taker,
            columns,
        ),
        order=order,
    )


def _joined(tapes: Sequence[Tape], name: str) -> Any:
    return np.concatenate([getattr(tape, name) for tape in tapes])

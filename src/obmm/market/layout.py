"""A state told in the layout of another venue: a message may lack books, or order them anew."""

from __future__ import annotations

from typing import Any, TypeVar

import attrs
import numpy as np

from obmm.market.accounts import Accounts
from obmm.market.arrays import FloatArray, IntArray, as_ints
from obmm.market.limits import Limits
from obmm.market.open_orders import OpenOrders
from obmm.market.quotes import Quotes
from obmm.market.state import MarketState
from obmm.market.tape import Tape
from obmm.market.venue import Venue

_Rows = TypeVar("_Rows", OpenOrders, Tape)
_PerBook = TypeVar("_PerBook", Accounts, Limits, Quotes, Venue)


def positions_within(whole: Venue, part: Venue) -> IntArray | None:
    """(B of `part`,) where the books of `part` are in `whole`; None unless it is the same venue otherwise.

    >>> whole = Venue.of(3)
    >>> part = Venue.of(2, book_ids=[2, 0])
    >>> positions_within(whole, part), positions_within(part, whole)
    (array([2, 0]), None)
    """
    known = {book_id: i for i, book_id in enumerate(whole.book_ids.tolist())}
    if not all(book_id in known for book_id in part.book_ids.tolist()):
        return None
    at = as_ints([known[book_id] for book_id in part.book_ids.tolist()])
    return at if books_of(whole, at) == part else None


def laid_out(state: MarketState, venue: Venue, at: IntArray) -> MarketState:
    """`state` with its book i at position `at[i]` of `venue`; books that it lacks are empty and unknown."""
    n = venue.n_books

    def spread(values: FloatArray, missing: float) -> FloatArray:
        whole = np.full((n, *values.shape[1:]), missing)
        whole[at] = values
        return whole

    unknown = Accounts.unknown(n)
    accounts: dict[str, Any] = {f.name: np.array(getattr(unknown, f.name)) for f in attrs.fields(Accounts)}
    for name, values in accounts.items():
        values[at] = getattr(state.accounts, name)
    notices = state.notices
    return attrs.evolve(
        state,
        venue=venue,
        bid_price=spread(state.bid_price, np.nan),
        bid_size=spread(state.bid_size, 0.0),
        ask_price=spread(state.ask_price, np.nan),
        ask_size=spread(state.ask_size, 0.0),
        maker_ratio=spread(state.maker_ratio, np.nan),
        accounts=Accounts(**accounts),
        open_orders=_rows(state.open_orders, n, at),
        notices=attrs.evolve(notices, book=np.append(at, -1)[notices.book]),
        tape=None if state.tape is None else _rows(state.tape, n, at),
    )


def books_of(part: _PerBook, at: IntArray) -> _PerBook:
    """The books at the positions `at`, in that order, of something that has one row per book."""
    return attrs.evolve(part, **{name: values[at] for name, values in columns_of(part).items()})


def columns_of(part: attrs.AttrsInstance) -> dict[str, Any]:
    """The arrays of a part by field name."""
    fields = {f.name: getattr(part, f.name) for f in attrs.fields(type(part))}
    return {name: value for name, value in fields.items() if isinstance(value, np.ndarray)}


def _rows(part: _Rows, n_books: int, at: IntArray) -> _Rows:
    count = np.zeros(n_books, dtype=np.int64)
    count[at] = np.diff(part.offset)
    order = np.argsort(at[part.book], kind="stable")
    rows = {name: values[order] for name, values in columns_of(part).items() if name != "offset"}
    return attrs.evolve(part, offset=np.concatenate(([0], np.cumsum(count))), **rows)

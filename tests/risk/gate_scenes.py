"""States in which a gate has something to say."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import Accounts, Limits, MarketState, NoticeKind, Notices, Signals, Venue

SECOND_NS = 10**9


def scene(
    n_books: int = 2,
    *,
    time_s: float = 600.0,
    mid: npt.ArrayLike = 300.0,
    half_spread: float = 0.5,
    position: npt.ArrayLike = 0.0,
    base_initial: npt.ArrayLike = 80.0,
    quote: npt.ArrayLike = 26_000.0,
    quote_initial: npt.ArrayLike = 26_000.0,
    venue: Venue | None = None,
    fills: list[tuple[int, float, float]] | None = None,
    **accounts: npt.ArrayLike,
) -> MarketState:
    """A sound state around `mid`; wealth is 50,000 quote per book. `fills` are (book, price, size)."""
    mids = np.broadcast_to(np.asarray(mid, dtype=np.float64), (n_books,))
    endowment = np.broadcast_to(np.asarray(base_initial, dtype=np.float64), (n_books,))
    return attrs.evolve(
        MarketState.of_books(
            venue or Venue.of(n_books),
            [[(m - half_spread, 10.0)] for m in mids],
            [[(m + half_spread, 10.0)] for m in mids],
            time_ns=round(time_s * SECOND_NS),
            accounts=Accounts.of(
                n_books,
                base=endowment + np.asarray(position),
                base_initial=endowment,
                quote=quote,
                quote_initial=quote_initial,
                **accounts,
            ),
        ),
        notices=notices(NoticeKind.FILL, fills or []),
    )


def notices(kind: NoticeKind, rows: list[tuple[int, float, float]]) -> Notices:
    """Notices of one kind as (book, price, size)."""
    n = len(rows)
    blank = np.full(n, -1)
    columns: dict[str, Any] = {f.name: blank for f in attrs.fields(Notices)}
    book, price, size = zip(*rows, strict=True) if rows else ((), (), ())
    return Notices(
        **{
            **columns,
            "kind": np.full(n, int(kind)),
            "book": book,
            "price": price,
            "size": size,
            "fee": np.zeros(n),
            "message": [""] * n,
        }
    )


def without_bids(state: MarketState, book: int) -> MarketState:
    """The state with an empty bid side on one book."""
    price, size = state.bid_price.copy(), state.bid_size.copy()
    price[book], size[book] = np.nan, 0.0
    return attrs.evolve(state, bid_price=price, bid_size=size)


def signals(n_books: int = 2, **values: npt.ArrayLike) -> Signals:
    """Signals of the given values, the same on all books if scalar."""
    out = Signals(n_books=n_books)
    for name, value in values.items():
        out.add(name, np.broadcast_to(np.asarray(value, dtype=np.float64), (n_books,)))
    return out


def applied(gate: Any, state: MarketState, given: Signals | None = None) -> Limits:
    """The gate's verdict."""
    heard = signals(state.n_books) if given is None else given
    limits: Limits = gate(state, heard)
    return limits

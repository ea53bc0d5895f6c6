"""States, limits and wishes for builders and placers, drawn or made by hand."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import Accounts, Limits, MarketState, OpenOrders, Orders, Quotes, Signals, Venue
from obmm.testing import accepted

#: (book, side, price, size) and, if given, the age in seconds.
Own = tuple[int, int, float, float] | tuple[int, int, float, float, float]


def own_orders(n_books: int, orders: list[Own], time_s: float) -> OpenOrders:
    """Open orders with ids 1, 2, … in the order given."""
    ids = sorted(range(len(orders)), key=lambda i: orders[i][0])
    rows = [orders[i] for i in ids]
    ages = [row[4] if len(row) == 5 else 1.0 for row in rows]
    return OpenOrders(
        offset=np.searchsorted([row[0] for row in rows], np.arange(n_books + 1)),
        order_id=[i + 1 for i in ids],
        client_id=[-1] * len(rows),
        side=[row[1] for row in rows],
        price=[row[2] for row in rows],
        size=[row[3] for row in rows],
        time_ns=[round((time_s - age) * 1e9) for age in ages],
        queue_ahead=[0.0] * len(rows),
    )


def scene(
    n_books: int = 1,
    *,
    bids: list[tuple[float, float]] | None = None,
    asks: list[tuple[float, float]] | None = None,
    own: list[Own] | None = None,
    position: npt.ArrayLike = 0.0,
    time_s: float = 600.0,
    venue: Venue | None = None,
    **accounts: npt.ArrayLike,
) -> MarketState:
    """The same levels on every book (299.50 / 300.50 by default), and an account of 80 base, 26,000 quote."""
    balances: dict[str, Any] = {"base_initial": 80.0, "quote": 26_000.0} | accounts
    return MarketState.of_books(
        venue or Venue.of(n_books),
        [bids if bids is not None else [(299.5, 10.0)]] * n_books,
        [asks if asks is not None else [(300.5, 10.0)]] * n_books,
        time_ns=round(time_s * 1e9),
        accounts=Accounts.of(n_books, base=80.0 + np.asarray(position), **balances),
        open_orders=own_orders(n_books, own or [], time_s),
    )


def signals(n_books: int = 1, **values: npt.ArrayLike) -> Signals:
    """Signals of the given values, the same on all books if scalar."""
    out = Signals(n_books=n_books)
    for name, value in values.items():
        out.add(name, np.broadcast_to(np.asarray(value, dtype=np.float64), (n_books,)))
    return out


def wish(*bids: tuple[float, float], asks: tuple[tuple[float, float], ...] = ()) -> Quotes:
    """Desired (price, size) of one book."""
    width = max(len(bids), len(asks), 1)
    none = Quotes.none(1, width)
    columns = {
        name: getattr(none, name).copy() for name in ("bid_price", "bid_size", "ask_price", "ask_size")
    }
    for side, levels in (("bid", bids), ("ask", asks)):
        for k, (price, size) in enumerate(levels):
            columns[f"{side}_price"][0, k], columns[f"{side}_size"][0, k] = price, size
    return attrs.evolve(none, **columns)


@attrs.frozen
class Draw:
    """Everything a placer is given."""

    state: MarketState
    quotes: Quotes
    limits: Limits


def drawn(seed: int, *, n_books: int = 3, scarce: bool = True, fresh: bool = False) -> Draw:
    """A crowded, quarrelsome situation: own orders and wishes within a few ticks, money and room short.

    Own bids lie below own asks, as on any venue; wishes need not, and may want more than the position bound
    leaves room for.
    """
    rng = np.random.default_rng(seed)
    n_levels = int(rng.integers(1, 4))
    venue = Venue.of(
        n_books,
        max_open_orders=int(rng.integers(1, 9)) if scarce else 100,
        max_instructions=int(rng.integers(1, 6)),
    )
    middle = 30_000 + rng.integers(-3, 4, n_books)
    own: list[Own] = []
    for book in range(n_books):
        split = middle[book] + rng.integers(-2, 3)
        for _ in range(rng.integers(0, 5)):
            side = int(rng.integers(0, 2))
            tick = split - rng.integers(1, 7) if side == 0 else split + rng.integers(0, 7)
            age = 1.0 if fresh else float(rng.choice([1.0, 44.0, 45.0, 50.0]))
            own.append((book, side, tick / 100, float(rng.integers(1_000, 9_000)) / 1e4, age))
    open_orders = own_orders(n_books, own, 600.0)
    levels = [_levels(rng, side, open_orders, middle) for side in range(2)]
    tick = np.array([-1, 1])[:, None, None] * rng.integers(-2, 9, (2, n_books, n_levels)) + middle[:, None]
    price = np.where(rng.random(tick.shape) < 0.85, (tick + rng.choice([0.0, 0.4], tick.shape)) / 100, np.nan)
    size = rng.integers(2_200, 8_000, tick.shape) / 1e4
    bound = np.where(open_orders.side == 0, open_orders.size * open_orders.price, open_orders.size)
    bids = np.bincount(open_orders.book, weights=bound * (open_orders.side == 0), minlength=n_books)
    asks = np.bincount(open_orders.book, weights=bound * (open_orders.side == 1), minlength=n_books)
    free_quote = rng.choice([0.0, 100.0, 250.0, 9_000.0] if scarce else [9_000.0], n_books)
    free_base = rng.choice([0.0, 0.3, 1.0, 50.0] if scarce else [50.0], n_books)
    state = MarketState.of_books(
        venue,
        [side[0] for side in zip(levels[0], strict=True)],
        [side[0] for side in zip(levels[1], strict=True)],
        time_ns=600 * 10**9,
        accounts=Accounts.of(
            n_books,
            base=free_base + asks,
            base_free=free_base,
            base_initial=free_base + asks - rng.integers(-1, 2, n_books),
            quote=free_quote + bids,
            quote_free=free_quote,
        ),
        open_orders=open_orders,
    )
    limits = Limits.open(n_books).tightened(
        reason=7,
        bid_allowed=rng.random(n_books) < 0.9,
        ask_allowed=rng.random(n_books) < 0.9,
        reduce_only=rng.random(n_books) < 0.2,
        position_limit=rng.choice([np.inf, np.inf, 0.3, 0.8, 1.5, 2.5], n_books),
    )
    quotes = attrs.evolve(
        Quotes.none(n_books, n_levels),
        bid_price=price[0],
        bid_size=size[0],
        ask_price=price[1],
        ask_size=size[1],
    )
    return Draw(state, quotes, limits)


def _levels(
    rng: np.random.Generator, side: int, own: OpenOrders, middle: npt.NDArray[np.int64]
) -> list[list[tuple[float, float]]]:
    """Levels of one side per book: own orders, and others' behind the own orders of the other side."""
    books = []
    for book in range(own.n_books):
        sizes: dict[int, float] = {}
        theirs: list[int] = []
        for i in range(*own.rows(book).indices(len(own))):
            tick = round(own.price[i] * 100)
            if own.side[i] == side:
                sizes[tick] = sizes.get(tick, 0.0) + float(own.size[i])
            else:
                theirs.append(tick)
        for _ in range(rng.integers(0, 4)):
            away = int(rng.integers(1, 6))
            tick = int(middle[book]) + (away if side else -away)
            if all(tick > t if side else tick < t for t in theirs):
                sizes[tick] = sizes.get(tick, 0.0) + float(rng.integers(1, 50))
        books.append([(t / 100, sizes[t]) for t in sorted(sizes, reverse=side == 0)])
    return books


def carried_out(state: MarketState, orders: Orders) -> MarketState:
    """The state after all of `orders` have been carried out: accounts, own orders and the visible book."""
    after = accepted(state, orders)
    books = range(state.n_books)
    bids, asks = ([_rebuilt(state, after, book, side) for book in books] for side in range(2))
    seen = MarketState.of_books(state.venue, bids, asks, accounts=state.accounts)
    return attrs.evolve(
        after,
        bid_price=seen.bid_price,
        bid_size=seen.bid_size,
        ask_price=seen.ask_price,
        ask_size=seen.ask_size,
    )


def _rebuilt(before: MarketState, after: MarketState, book: int, side: int) -> list[tuple[float, float]]:
    """Levels of one side: what stood there, less our orders of before, plus those of after."""
    prices, sizes = ((before.bid_price, before.bid_size), (before.ask_price, before.ask_size))[side]
    lots = {round(p * 100): round(s * 1e4) for p, s in zip(prices[book], sizes[book], strict=True) if s > 0}
    for state, sign in ((before, -1), (after, 1)):
        own = state.open_orders
        for i in range(*own.rows(book).indices(len(own))):
            if own.side[i] == side:
                tick = round(own.price[i] * 100)
                lots[tick] = lots.get(tick, 0) + sign * round(own.size[i] * 1e4)
    return [(t / 100, lots[t] / 1e4) for t in sorted(lots, reverse=side == 0) if lots[t] > 0]

"""Random but realistic market states, whole or spoiled in a chosen way.

The numbers are those of the venue's own background market: a spread near 100 ticks, level gaps of a few
ticks, sizes of some tens of base, mid moves of about one basis point per second, 56 events per book and
second. The same seed gives the same states.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from obmm.market import (
    BUY,
    SELL,
    Accounts,
    EventKind,
    FloatArray,
    IntArray,
    MarketState,
    NoticeKind,
    Notices,
    OpenOrders,
    Tape,
    Venue,
)
from obmm.market.arrays import as_ints, book_of_rows
from obmm.market.grid import from_units, to_units

#: Ticks between fair value and touch, and between levels.
_TOUCH_TICKS, _GAP_TICKS = 50.0, 3.0
#: Logarithmic mean and deviation of a level's size: median 22 base, mean 40.
_LOG_SIZE, _LOG_SIZE_SD = np.log(22.0), 1.1
#: Deviation of the fair value over one second, and the share of seconds in which it stands still.
_MOVE_BPS, _STILL = 1.2, 0.25
#: Share of levels whose size, or whose distance to the next, changes in one second.
_RESIZED, _REGAPPED = 0.3, 0.1


def random_state(
    seed: int,
    *,
    n_books: int = 8,
    n_levels: int = 21,
    events_per_book: float = 56.0,
    venue: Venue | None = None,
) -> MarketState:
    """One state; see `random_states`.

    >>> state = random_state(7, n_books=3)
    >>> state.bid_price.shape, state.sound.tolist()
    ((3, 21), [True, True, True])
    """
    return next(walk(seed, n_books=n_books, n_levels=n_levels, events_per_book=events_per_book, venue=venue))


def random_states(
    seed: int,
    n_states: int,
    *,
    n_books: int = 8,
    n_levels: int = 21,
    events_per_book: float = 56.0,
    venue: Venue | None = None,
) -> list[MarketState]:
    """Successive states of one market, one publish interval apart; the arguments are those of `walk`."""
    market = walk(seed, n_books=n_books, n_levels=n_levels, events_per_book=events_per_book, venue=venue)
    return [next(market) for _ in range(n_states)]


def walk(
    seed: int,
    *,
    n_books: int = 8,
    n_levels: int = 21,
    events_per_book: float = 56.0,
    venue: Venue | None = None,
) -> Iterator[MarketState]:
    """An endless market: every book sound, prices on the grid, own orders inside the visible levels.

    Args:
        seed: Names the market.
        n_books: Number of books, unless `venue` says it.
        n_levels: Levels per side.
        events_per_book: Mean number of tape events per book and state, 1 in 50 a trade.
        venue: What is fixed; `Venue.of(n_books)` unless given. Prices start near its `initial_price`, with
            the spread of 100 ticks that the market has at 300.00 kept in proportion.

    Yields:
        States from the end of the grace period on, each with a tape, accounts and open orders.
    """
    rng = np.random.default_rng(seed)
    venue = venue if venue is not None else Venue.of(n_books)
    shape = (2, venue.n_books, n_levels)
    start = np.where(np.isfinite(venue.initial_price), venue.initial_price, 300.0)
    fair = start * np.exp(rng.normal(0.0, 0.01, venue.n_books))
    ticks = start / venue.grid.tick / 30_000.0
    gaps, sizes = _gaps(rng, shape, ticks), _sizes(rng, shape)
    endowment = _endowment(rng, venue, start)
    time_ns = venue.grace_period_ns
    while True:
        yield _state(rng, venue, time_ns, fair, gaps, sizes, endowment, events_per_book)
        time_ns += venue.publish_interval_ns
        moves = rng.random(venue.n_books) >= _STILL
        fair = fair * np.exp(moves * rng.normal(0.0, _MOVE_BPS * 1e-4, venue.n_books))
        gaps = np.where(rng.random(shape) < _REGAPPED, _gaps(rng, shape, ticks), gaps)
        sizes = np.where(rng.random(shape) < _RESIZED, _sizes(rng, shape), sizes)


def fills(
    rows: Iterable[tuple[int, int, float, float, float]],
    *,
    time_ns: int = 0,
    maker: bool = True,
    uid: int = 0,
) -> Notices:
    """Notices of own fills alone.

    Args:
        rows: (book, side, price, size, fee).
        time_ns: When they happened.
        maker: Whether our order was the one that rested.
        uid: Our account; the others' is -1.

    >>> notices = fills([(0, BUY, 300.0, 2.0, -0.06)])
    >>> notices.size.tolist(), notices.fee.tolist()
    ([2.0], [-0.06])
    """
    book, side, price, size, fee = (np.array(column) for column in zip(*rows, strict=True))
    columns: dict[str, Any] = {"book": book, "side": side, "price": price, "size": size, "fee": fee}
    n = book.size
    return Notices(
        kind=np.full(n, int(NoticeKind.FILL)),
        time_ns=np.full(n, time_ns),
        order_id=np.arange(n),
        client_id=np.full(n, -1),
        maker_id=np.full(n, uid if maker else -1),
        taker_id=np.full(n, -1 if maker else uid),
        trade_id=np.arange(n),
        message=[""] * n,
        **columns,
    )


def trades(n_books: int, rows: Iterable[tuple[int, float, float]], *, price: float = 300.0) -> Tape:
    """A tape of trades alone.

    Args:
        n_books: Number of books.
        rows: (book, second of simulated time, signed size: positive when the aggressor bought).
        price: Price of every trade.

    >>> tape = trades(2, [(1, 600.5, -3.0), (0, 600.1, 2.0)])
    >>> tape.book.tolist(), tape.side.tolist(), tape.size.tolist()
    ([0, 1], [0, 1], [2.0, 3.0])
    """
    ordered = sorted(rows, key=lambda row: row[:2])
    book = np.array([row[0] for row in ordered], dtype=np.int64)
    second = np.array([row[1] for row in ordered])
    signed = np.array([row[2] for row in ordered])
    n = book.size
    columns: dict[str, Any] = {
        "offset": np.concatenate([[0], np.cumsum(np.bincount(book, minlength=n_books))]),
        "kind": np.full(n, EventKind.TRADE),
        "time_ns": np.rint(second * 1e9),
        "side": np.where(signed > 0.0, BUY, SELL),
        "price": np.full(n, price),
        "size": np.abs(signed),
        "order_id": np.arange(n) + 1,
        "taker_order_id": np.arange(n) + 1 + n,
        "maker_id": np.full(n, -1),
        "taker_id": np.full(n, -2),
        "maker_fee": np.zeros(n),
        "taker_fee": np.zeros(n),
        "client_id": np.full(n, -1),
    }
    return Tape(**columns)


def _gaps(rng: np.random.Generator, shape: tuple[int, ...], ticks: FloatArray) -> IntArray:
    """Whole ticks from fair value to touch and from level to level; `ticks` (B,) scales them."""
    gaps = rng.geometric(1.0 / _GAP_TICKS, shape).astype(np.float64)
    gaps[..., 0] = rng.normal(_TOUCH_TICKS, 10.0, shape[:-1])
    return as_ints(np.maximum(np.rint(gaps * ticks[:, None]), 1.0))


def _sizes(rng: np.random.Generator, shape: tuple[int, ...]) -> FloatArray:
    return np.maximum(rng.lognormal(_LOG_SIZE, _LOG_SIZE_SD, shape), 0.25)


def _endowment(rng: np.random.Generator, venue: Venue, price: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Base and quote an account starts with: base worth 1/(1+r) of the wealth, r Pareto from 1."""
    share = 1.0 / (2.0 + rng.pareto(1.0, venue.n_books))
    base = from_units(to_units(share * venue.wealth_quote / price, 4), 4)
    return base, venue.wealth_quote - base * price


def _state(
    rng: np.random.Generator,
    venue: Venue,
    time_ns: int,
    fair: FloatArray,
    gaps: IntArray,
    sizes: FloatArray,
    endowment: tuple[FloatArray, FloatArray],
    events_per_book: float,
) -> MarketState:
    decimals = venue.price_decimals[:, None]
    middle = to_units(fair, venue.price_decimals)[:, None]
    depth = np.cumsum(gaps, axis=2)
    price = from_units(np.stack([middle - depth[BUY], middle + depth[SELL]]), decimals)
    size = from_units(to_units(sizes, venue.volume_decimals[:, None]), venue.volume_decimals[:, None])
    maker_ratio = rng.uniform(0.3, 0.5, venue.n_books)
    orders = _open_orders(rng, venue, time_ns, price, size)
    return MarketState(
        venue=venue,
        time_ns=time_ns,
        bid_price=price[0],
        bid_size=size[0],
        ask_price=price[1],
        ask_size=size[1],
        maker_ratio=maker_ratio,
        accounts=_accounts(rng, venue, fair, endowment, maker_ratio, orders),
        open_orders=orders,
        tape=_tape(rng, venue, time_ns, price, events_per_book),
    )


def _open_orders(
    rng: np.random.Generator, venue: Venue, time_ns: int, price: FloatArray, size: FloatArray
) -> OpenOrders:
    """Own orders that stand inside visible levels: at most their size, and behind part of it."""
    count = rng.integers(0, 5, venue.n_books)
    offset = np.concatenate([[0], np.cumsum(count)])
    n = int(offset[-1])
    book = book_of_rows(offset)
    side = rng.integers(0, 2, n)
    level = rng.integers(0, min(price.shape[2], 8), n)
    level = np.where(size[side, book, level] > 0.0, level, 0)
    minimum = venue.min_size_base[book]
    own = np.minimum(rng.uniform(1.0, 6.0, n) * minimum, np.maximum(size[side, book, level] / 4.0, minimum))
    decimals = venue.volume_decimals[book]
    own = from_units(to_units(own, decimals), decimals)
    ahead = rng.random(n) * np.maximum(size[side, book, level] - own, 0.0)
    return OpenOrders(
        offset=offset,
        order_id=rng.permutation(n) + 1,
        client_id=rng.integers(0, 1000, n),
        side=side,
        price=price[side, book, level],
        size=own,
        time_ns=np.maximum(time_ns - rng.integers(1, 61, n) * venue.publish_interval_ns, 0),
        queue_ahead=np.where(level < 5, ahead, np.nan),
    )


def _accounts(
    rng: np.random.Generator,
    venue: Venue,
    price: FloatArray,
    endowment: tuple[FloatArray, FloatArray],
    maker_ratio: FloatArray,
    orders: OpenOrders,
) -> Accounts:
    base_initial, quote_initial = endowment
    n, book, buys = venue.n_books, orders.book, orders.side == BUY
    sold = np.bincount(book[~buys], weights=orders.size[~buys], minlength=n)
    bought = np.bincount(book[buys], weights=(orders.size * orders.price)[buys], minlength=n)
    # The position is bounded by what the account can sell or pay after its reservations.
    wanted = rng.normal(0.0, 0.1, n) * venue.wealth_quote / price
    position = np.clip(wanted, sold - base_initial, (quote_initial - bought) / price)
    base, quote = base_initial + position, quote_initial - position * price
    return Accounts.of(
        n,
        base=base,
        quote=quote,
        base_initial=base_initial,
        quote_initial=quote_initial,
        base_free=np.maximum(base - sold, 0.0),
        quote_free=np.maximum(quote - bought, 0.0),
        maker_rate=venue.fees.maker_rate(maker_ratio),
        taker_rate=venue.fees.taker_rate(maker_ratio),
        traded_quote=rng.uniform(0.0, 0.3, n) * np.minimum(venue.turnover_cap_quote, 1e9),
    )


def _tape(
    rng: np.random.Generator, venue: Venue, time_ns: int, price: FloatArray, events_per_book: float
) -> Tape:
    count = rng.poisson(events_per_book, venue.n_books)
    offset = np.concatenate([[0], np.cumsum(count)])
    n = int(offset[-1])
    book = book_of_rows(offset)
    kinds = (int(EventKind.ORDER), int(EventKind.TRADE), int(EventKind.CANCEL))
    kind = rng.choice(kinds, n, p=(0.49, 0.02, 0.49))
    trade, cancel = kind == EventKind.TRADE, kind == EventKind.CANCEL
    side = rng.integers(0, 2, n)
    # A buyer trades at the ask; an order or a cancel stands somewhere in the book.
    level = np.where(trade, 0, rng.integers(0, price.shape[2], n))
    at = price[np.where(trade, 1 - side, side), book, level]
    size = np.maximum(rng.lognormal(np.log(6.0), 1.0, n), 0.25)
    amount = np.where(trade, at * size, 0.0)
    number = np.arange(n)
    return Tape(
        offset=offset,
        kind=kind,
        time_ns=_times(rng, book, time_ns, venue.publish_interval_ns),
        side=np.where(cancel, -1, side),
        price=at,
        size=size,
        order_id=number + 1,
        taker_order_id=np.where(trade, n + number + 1, -1),
        maker_id=np.where(trade, rng.integers(-20, 3, n), -1),
        taker_id=np.where(trade, rng.integers(-20, 3, n), -1),
        maker_fee=amount * venue.fees.maker_fee,
        taker_fee=amount * venue.fees.taker_fee,
        client_id=np.full(n, -1),
    )


def _times(rng: np.random.Generator, book: IntArray, time_ns: int, interval_ns: int) -> IntArray:
    """Times of the last interval, rising within each book."""
    when = rng.integers(time_ns - interval_ns + 1, time_ns + 1, book.size)
    ordered: IntArray = when[np.lexsort((when, book))]
    return ordered

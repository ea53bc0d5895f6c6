"""One published state of the market, as a miner sees it."""

from __future__ import annotations

import functools

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.accounts import Accounts
from obmm.market.arrays import BoolArray, FloatArray, as_floats, check_shape, column, sealed
from obmm.market.notices import Notices
from obmm.market.open_orders import OpenOrders
from obmm.market.tape import Tape
from obmm.market.touch import competing_best, competing_depth
from obmm.market.venue import Venue


@attrs.frozen(kw_only=True, slots=False)
class MarketState:
    """All books at one simulated instant, and one miner's affairs on them; every array is read-only.

    Levels run best first; a side with fewer levels than L is filled with NaN prices and sizes of 0.

    Attributes:
        venue: What is fixed for the simulation.
        time_ns: Simulated time of the snapshot.
        uid: The miner whose accounts, orders and notices these are.
        bid_price: (B, L) quote.
        bid_size: (B, L) base.
        ask_price: (B, L) quote.
        ask_size: (B, L) base.
        maker_ratio: (B,) maker share of the miners' volume, NaN if not told.
        accounts: Balances and fee rates.
        open_orders: Own resting orders.
        notices: What became of earlier instructions.
        tape: Events of the last second; None unless a stage asked for them.

    Raises:
        ValueError: Shapes differ or do not fit the venue.

    >>> venue = Venue.of(n_books=1)
    >>> state = MarketState.of_books(venue, [[(299.5, 2.0)]], [[(300.5, 1.0), (300.6, 4.0)]])
    >>> state.mid, state.spread, state.n_levels
    (array([300.]), array([1.]), 2)
    >>> state
    MarketState(t=0s, 1 books x 2 levels, uid 0, 0 open orders)
    """

    venue: Venue
    time_ns: int
    uid: int = 0
    bid_price: FloatArray = column(as_floats)
    bid_size: FloatArray = column(as_floats)
    ask_price: FloatArray = column(as_floats)
    ask_size: FloatArray = column(as_floats)
    maker_ratio: FloatArray = column(as_floats)
    accounts: Accounts
    open_orders: OpenOrders
    notices: Notices = attrs.field(factory=Notices.none)
    tape: Tape | None = None

    def __attrs_post_init__(self) -> None:
        n = self.venue.n_books
        shape = self.bid_price.shape
        if len(shape) != 2 or shape[0] != n:
            raise ValueError(f"MarketState.bid_price has shape {shape}, expected ({n}, levels)")
        check_shape(self, shape, "bid_size", "ask_price", "ask_size")
        check_shape(self, (n,), "maker_ratio")
        for name in ("accounts", "open_orders", "tape"):
            part = getattr(self, name)
            if part is not None and part.n_books != n:
                raise ValueError(f"MarketState.{name} has {part.n_books} books, the venue has {n}")

    @classmethod
    def of_books(
        cls,
        venue: Venue,
        bids: list[list[tuple[float, float]]],
        asks: list[list[tuple[float, float]]],
        *,
        time_ns: int = 0,
        accounts: Accounts | None = None,
        open_orders: OpenOrders | None = None,
        tape: Tape | None = None,
        uid: int = 0,
    ) -> MarketState:
        """A state from lists of (price, size) per book, best first; handy at the prompt and in tests."""
        n_levels = max([1, *map(len, bids), *map(len, asks)])
        price = np.full((2, venue.n_books, n_levels), np.nan)
        size = np.zeros((2, venue.n_books, n_levels))
        for side, books in enumerate((bids, asks)):
            for book, levels in enumerate(books):
                for level, (p, q) in enumerate(levels):
                    price[side, book, level], size[side, book, level] = p, q
        half = venue.wealth_quote / 2.0
        return cls(
            venue=venue,
            time_ns=time_ns,
            uid=uid,
            bid_price=price[0],
            bid_size=size[0],
            ask_price=price[1],
            ask_size=size[1],
            maker_ratio=np.full(venue.n_books, venue.fees.target_mtr),
            accounts=accounts or Accounts.of(venue.n_books, base=half / venue.initial_price, quote=half),
            open_orders=open_orders or OpenOrders.empty(venue.n_books),
            tape=tape,
        )

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return self.venue.n_books

    @property
    def n_levels(self) -> int:
        """Levels per side L."""
        return int(self.bid_price.shape[1])

    @property
    def time_s(self) -> float:
        """Simulated time of the snapshot, seconds."""
        return self.time_ns / 1e9

    @property
    def best_bid(self) -> FloatArray:
        """(B,) highest bid, NaN where there is none."""
        return self.bid_price[:, 0]

    @property
    def best_ask(self) -> FloatArray:
        """(B,) lowest ask, NaN where there is none."""
        return self.ask_price[:, 0]

    @functools.cached_property
    def mid(self) -> FloatArray:
        """(B,) middle of the touch, NaN where a side is empty."""
        return sealed((self.best_bid + self.best_ask) / 2.0)

    @property
    def spread(self) -> FloatArray:
        """(B,) best ask less best bid, NaN where a side is empty."""
        return self.best_ask - self.best_bid

    @functools.cached_property
    def sound(self) -> BoolArray:
        """(B,) books with two sides that do not cross, positive prices and finite sizes at the touch."""
        sound: BoolArray = (
            (self.best_bid > 0.0)
            & (self.best_ask > self.best_bid)
            & np.isfinite(self.best_ask)
            & (self.bid_size[:, 0] > 0.0)
            & (self.ask_size[:, 0] > 0.0)
            & (self.bid_size[:, 0] + self.ask_size[:, 0] < np.inf)
        )
        return sealed(sound)

    @functools.cached_property
    def competing_touch(self) -> FloatArray:
        """(2, B) best bid and best ask at which more rests than our own orders; NaN where none is visible.

        What our own order does to the touch is taken out here, once, so that a quote that follows the touch
        does not follow itself.

        >>> book = [(299.6, 1.0), (299.5, 2.0)]
        >>> own = OpenOrders.empty(1)
        >>> own = attrs.evolve(own, offset=[0, 1], order_id=[7], client_id=[-1], side=[0], price=[299.6],
        ...                    size=[1.0], time_ns=[0], queue_ahead=[0.0])
        >>> state = MarketState.of_books(Venue.of(1), [book], [[(300.5, 1.0)]], open_orders=own)
        >>> state.competing_touch.tolist()
        [[299.5], [300.5]]
        """
        prices, sizes = (self.bid_price, self.ask_price), (self.bid_size, self.ask_size)
        half_tick, half_lot = 0.5 / self.venue.ticks_per_quote, 0.5 / self.venue.lots_per_base
        return sealed(competing_best(prices, sizes, half_tick, half_lot, self.open_orders))

    def competing_at(self, depth_base: npt.ArrayLike) -> FloatArray:
        """(2, B) bid and ask at which what others have, from the touch on, reaches `depth_base` (B,) or one.

        Our own orders are taken out. Where all that is visible is less, the last price at which somebody else
        stands; NaN where nobody does.

        >>> bids = [[(299.6, 0.3), (299.5, 9.0), (299.4, 50.0)]]
        >>> state = MarketState.of_books(Venue.of(1), bids, [[(300.5, 1.0)]])
        >>> state.competing_at(5.0).tolist()
        [[299.5], [300.5]]
        """
        depth = np.broadcast_to(as_floats(depth_base), (self.n_books,))
        prices, sizes = (self.bid_price, self.ask_price), (self.bid_size, self.ask_size)
        return competing_depth(prices, sizes, 0.5 / self.venue.ticks_per_quote, self.open_orders, depth)

    def __repr__(self) -> str:
        return (
            f"MarketState(t={self.time_s:g}s, {self.n_books} books x {self.n_levels} levels, uid {self.uid}, "
            f"{len(self.open_orders)} open orders)"
        )

"""What is fixed for one simulation of one validator."""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np

from obmm.market.arrays import FloatArray, IntArray, as_floats, as_ints, check_shape, column, sealed
from obmm.market.fees import FeePolicy
from obmm.market.grid import Grid, ceil_units

SECOND_NS = 1_000_000_000


@attrs.frozen(kw_only=True, slots=False)
class Venue:
    """Book ids, grids, limits and capital of a simulation; arrays have shape (B,).

    Attributes:
        book_ids: Ids on the wire; need not be 0…B-1. Arrays everywhere else are indexed by position.
        groups: Which account each book belongs to, 0 and up; one for all where not given. What a stage sums
            over books it sums within a group (`group_sums`), so that several markets run as one. Ids are
            unique within a group.
        price_decimals: Decimal places of prices.
        volume_decimals: Decimal places of volumes.
        min_size_base: Smallest order the venue accepts, base.
        wealth_quote: Starting wealth of an account, quote.
        initial_price: Price at which the simulation started, quote; NaN if unknown.
        turnover_cap_quote: Traded quote per rolling day after which only cancels pass; inf for none.
        max_open_orders: Resting orders allowed per book.
        max_instructions: Instructions forwarded per book and answer.
        publish_interval_ns: Simulated time between states.
        grace_period_ns: Simulated time before the first state.
        duration_ns: Length of the simulation; 0 if unknown.
        fees: Fee policy.
        validator: Who sends the states (hotkey), or "" in a simulation of our own.
        simulation_id: Names the run; a new id means a new market.
        version: Version of the subnet's software, such as "0.6.2", as messages tell it; "" where none does.
            It is no part of what makes two venues equal.

    Raises:
        ValueError: An array has the wrong shape, ids repeat within a group, or a size, price grid or limit is
            not positive.

    >>> venue = Venue.of(n_books=2)
    >>> venue.n_books, venue.index_of(1)
    (2, 1)
    >>> venue
    Venue(2 books, tick 0.01, minimum 0.25, wealth 50000, simulation '')
    """

    book_ids: IntArray = column(as_ints)
    groups: IntArray = column(
        as_ints, default=attrs.Factory(lambda self: np.zeros(self.book_ids.size, np.int64), takes_self=True)
    )
    price_decimals: IntArray = column(as_ints)
    volume_decimals: IntArray = column(as_ints)
    min_size_base: FloatArray = column(as_floats)
    wealth_quote: FloatArray = column(as_floats)
    initial_price: FloatArray = column(as_floats)
    turnover_cap_quote: FloatArray = column(as_floats)
    max_open_orders: int = 100
    max_instructions: int = 5
    publish_interval_ns: int = SECOND_NS
    grace_period_ns: int = 600 * SECOND_NS
    duration_ns: int = 86_400 * SECOND_NS
    fees: FeePolicy = attrs.field(factory=FeePolicy)
    validator: str = ""
    simulation_id: str = ""
    version: str = attrs.field(default="", eq=False)

    def __attrs_post_init__(self) -> None:
        n = self.book_ids.size
        check_shape(
            self,
            (n,),
            *("book_ids", "groups", "price_decimals", "volume_decimals", "min_size_base"),
            *("wealth_quote", "initial_price", "turnover_cap_quote"),
        )
        if np.any(self.groups < 0):
            raise ValueError(f"Venue.groups must be 0 and up, got {self.groups.tolist()}")
        if len(self._positions) != n:
            raise ValueError(f"Venue.book_ids repeats an id: {self.book_ids.tolist()}")
        for name in ("price_decimals", "volume_decimals"):
            decimals = getattr(self, name)
            if np.any((decimals < 0) | (decimals > 8)):
                raise ValueError(f"Venue.{name} must lie in 0…8, got {decimals.tolist()}")
        for name in ("min_size_base", "wealth_quote", "turnover_cap_quote"):
            if not np.all(getattr(self, name) > 0.0):
                raise ValueError(f"Venue.{name} must be positive, got {getattr(self, name).tolist()}")
        for name in ("max_open_orders", "max_instructions", "publish_interval_ns"):
            if getattr(self, name) <= 0:
                raise ValueError(f"Venue.{name} must be positive, got {getattr(self, name)}")

    @classmethod
    def of(
        cls,
        n_books: int,
        *,
        price_decimals: int = 2,
        volume_decimals: int = 4,
        min_size_base: float = 0.25,
        wealth_quote: float = 50_000.0,
        initial_price: float = 300.0,
        turnover_cap_quote: float = 500_000.0,
        **fixed: Any,
    ) -> Venue:
        """A venue of `n_books` equal books, today's production numbers by default."""
        one = np.ones(n_books)
        known: dict[str, Any] = {
            "book_ids": np.arange(n_books),
            "price_decimals": np.full(n_books, price_decimals),
            "volume_decimals": np.full(n_books, volume_decimals),
            "min_size_base": one * min_size_base,
            "wealth_quote": one * wealth_quote,
            "initial_price": one * initial_price,
            "turnover_cap_quote": one * turnover_cap_quote,
        }
        return cls(**{**known, **fixed})

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return int(self.book_ids.size)

    @property
    def interval_s(self) -> float:
        """Simulated time between states, seconds."""
        return self.publish_interval_ns / 1e9

    @functools.cached_property
    def grid(self) -> Grid:
        """Price and volume grids."""
        return Grid(self.price_decimals, self.volume_decimals)

    @functools.cached_property
    def ticks_per_quote(self) -> FloatArray:
        """(B,) price times this is in ticks."""
        return sealed(as_floats(10.0**self.price_decimals))

    @functools.cached_property
    def lots_per_base(self) -> FloatArray:
        """(B,) volume times this is in lots."""
        return sealed(as_floats(10.0**self.volume_decimals))

    @functools.cached_property
    def min_lots(self) -> IntArray:
        """(B,) smallest whole number of lots the venue accepts."""
        return sealed(ceil_units(self.min_size_base, self.volume_decimals))

    @functools.cached_property
    def least_base(self) -> FloatArray:
        """(B,) smallest order that the venue accepts and its grid can express, base."""
        return self.min_lots / self.lots_per_base

    @functools.cached_property
    def asset_class(self) -> IntArray:
        """(B,) which class of assets each book is of, 0 and up in the order of their first books.

        What began at the same price is of one class.

        >>> Venue.of(4, initial_price=np.array([300.0, 300.0, 29.57, 300.0])).asset_class
        array([0, 0, 1, 0])
        """
        return sealed(classes_of(self.initial_price))

    @functools.cached_property
    def n_groups(self) -> int:
        """Number of groups G: one more than the largest."""
        return int(self.groups.max(initial=0)) + 1

    @functools.cached_property
    def group_rows(self) -> tuple[IntArray, ...]:
        """Positions of the books of each group."""
        return tuple(sealed(np.flatnonzero(self.groups == group)) for group in range(self.n_groups))

    def of_group(self, group: int) -> Venue:
        """The venue of the books of one group, by itself; always the same one."""
        return self._of_groups[group]

    @functools.cached_property
    def _of_groups(self) -> tuple[Venue, ...]:
        fixed: dict[str, Any] = {f.name: getattr(self, f.name) for f in attrs.fields(Venue)}
        per_book = {name: value for name, value in fixed.items() if isinstance(value, np.ndarray)}
        return tuple(
            Venue(**{**fixed, **{n: v[rows] for n, v in per_book.items()}, "groups": np.zeros_like(rows)})
            for rows in self.group_rows
        )

    @functools.cached_property
    def rank_in_group(self) -> IntArray:
        """(B,) position of each book among those of its group."""
        rank = np.zeros_like(self.groups)
        for rows in self.group_rows:
            rank[rows] = np.arange(rows.size)
        return sealed(rank)

    @functools.cached_property
    def group_size(self) -> IntArray:
        """(B,) number of books in the group of each."""
        return sealed(np.bincount(self.groups, minlength=1)[self.groups])

    @functools.cached_property
    def _positions(self) -> dict[tuple[int, int], int]:
        named = zip(self.groups.tolist(), self.book_ids.tolist(), strict=True)
        return {one: i for i, one in enumerate(named)}

    def index_of(self, book_id: int, group: int = 0) -> int:
        """Position of a book id.

        Raises:
            KeyError: The group has no such book.
        """
        return self._positions[group, book_id]

    def __repr__(self) -> str:
        tick = _span(self.grid.tick)
        minimum = _span(self.min_size_base)
        wealth = _span(self.wealth_quote)
        return (
            f"Venue({self.n_books} books, tick {tick}, minimum {minimum}, wealth {wealth}, "
            f"simulation {self.simulation_id!r})"
        )


def classes_of(initial_price: FloatArray) -> IntArray:
    """(B,) number of the class of assets of each book, from the prices (B,) at which they began."""
    _, first, number = np.unique(initial_price, return_index=True, return_inverse=True)
    return as_ints(np.argsort(np.argsort(first))[number.reshape(-1)])


def _span(values: FloatArray) -> str:
    if not values.size:
        return "–"
    low, high = float(values.min()), float(values.max())
    return f"{low:g}" if low == high else f"{low:g}…{high:g}"

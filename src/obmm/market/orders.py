"""Instructions for the venue, as columns."""

from __future__ import annotations

import enum
import functools
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import (
    BoolArray,
    FloatArray,
    IntArray,
    as_flags,
    as_floats,
    as_ints,
    check_shape,
    column,
)


class InstructionKind(enum.IntEnum):
    """What an instruction asks for."""

    LIMIT = 0
    MARKET = 1
    CANCEL = 2


class TimeInForce(enum.IntEnum):
    """How long a limit order stands."""

    GTC = 0
    GTT = 1
    IOC = 2
    FOK = 3


class SelfTrade(enum.IntEnum):
    """What happens when an order meets one of the same account."""

    NONE = 0
    CANCEL_OLDEST = 1
    CANCEL_NEWEST = 2
    CANCEL_BOTH = 3
    DECREMENT = 4


@attrs.frozen(kw_only=True, slots=False)
class Orders:
    """Instructions in the order in which they are sent; all columns (N,).

    Row order is urgency: of each book the venue takes the first few instructions and delays all but the
    first by a random 5–25 ms. Cancels of one book stand together and travel as one instruction. Prices and
    sizes are plain grid values (the nearest double); the wire makes them survive the venue's truncation.

    Attributes:
        kind: `InstructionKind`.
        book: Book index.
        side: 0 buy, 1 sell; -1 for a cancel.
        price: Quote; NaN unless a limit order.
        size: Base; of a cancel the part to take away, NaN for all.
        time_in_force: `TimeInForce` of a limit order.
        expiry_ns: Life of a GTT order after placement; 0 for none.
        post_only: Whether the order is refused rather than trade at once.
        order_id: The order to cancel, else -1.
        client_id: Our own number of a placement, 0…2**32-1; -1 for none.
        delay_ns: Simulated time added on top of the venue's own delay.
        urgency: Lower is more urgent; kept for the record.
        self_trade: `SelfTrade` mode.
        in_quote: Whether `size` is an amount of quote (market orders).
        leverage: Borrowed multiple; 0 for none.
        max_slippage: Fraction a market order may walk from the touch; NaN for no bound.
        n_books: Number of books B of the venue that they are for.

    Raises:
        ValueError: Columns differ in length.

    >>> orders = Orders.limits(book=[0], side=[0], price=[299.5], size=[0.5], n_books=1)
    >>> orders, orders.instructions_per_book(1).tolist()
    (Orders(1 placements, 0 cancels), [1])
    """

    kind: IntArray = column(as_ints)
    book: IntArray = column(as_ints)
    side: IntArray = column(as_ints)
    price: FloatArray = column(as_floats)
    size: FloatArray = column(as_floats)
    time_in_force: IntArray = column(as_ints)
    expiry_ns: IntArray = column(as_ints)
    post_only: BoolArray = column(as_flags)
    order_id: IntArray = column(as_ints)
    client_id: IntArray = column(as_ints)
    delay_ns: IntArray = column(as_ints)
    urgency: IntArray = column(as_ints)
    self_trade: IntArray = column(as_ints)
    in_quote: BoolArray = column(as_flags)
    leverage: FloatArray = column(as_floats)
    max_slippage: FloatArray = column(as_floats)
    n_books: int = attrs.field(converter=int)

    def __attrs_post_init__(self) -> None:
        check_shape(self, self.kind.shape, *_COLUMNS)

    @classmethod
    def of(cls, n_books: int, kind: npt.ArrayLike, book: npt.ArrayLike, **columns: npt.ArrayLike) -> Orders:
        """Rows of `kind` on `book`; columns not given take their defaults, scalars apply to every row."""
        n = np.size(book)
        given: dict[str, Any] = {"kind": kind, "book": book, **columns}
        rows = {
            name: np.broadcast_to(np.asarray(given.get(name, default)), (n,))
            for name, default in _DEFAULTS.items()
        }
        return cls(**{"n_books": n_books, **given, **rows})

    @classmethod
    def limits(cls, *, n_books: int, book: npt.ArrayLike, **columns: npt.ArrayLike) -> Orders:
        """Limit orders; `side`, `price` and `size` are needed, the rest has defaults."""
        return cls.of(n_books, InstructionKind.LIMIT, book, **columns)

    @classmethod
    def cancels(cls, *, n_books: int, book: npt.ArrayLike, order_id: npt.ArrayLike) -> Orders:
        """Cancels of whole orders."""
        return cls.of(n_books, InstructionKind.CANCEL, book, order_id=order_id, side=-1)

    @classmethod
    def none(cls, n_books: int) -> Orders:
        """Nothing to send."""
        return cls.of(n_books, (), ())

    def take(self, rows: npt.ArrayLike) -> Orders:
        """The rows named by an index or mask array, in that order."""
        return Orders(n_books=self.n_books, **{name: getattr(self, name)[rows] for name in _COLUMNS})

    def joined(self, other: Orders) -> Orders:
        """These rows, then those of `other`."""
        return attrs.evolve(
            self,
            **{name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in _COLUMNS},
        )

    @functools.cached_property
    def sound(self) -> bool:
        """Whether no instruction breaks a rule of the message (`obmm.market.rules`); found out once."""
        from obmm.market.rules import any_broken, message_rules

        return not any_broken(message_rules(self, self.n_books))

    @property
    def is_cancel(self) -> BoolArray:
        """(N,) rows that cancel."""
        return as_flags(self.kind == int(InstructionKind.CANCEL))

    def instructions_per_book(self, n_books: int) -> IntArray:
        """(B,) instructions as the venue counts them: all cancels of a book are one."""
        placed = np.bincount(self.book[~self.is_cancel], minlength=n_books)
        cancels = np.bincount(self.book[self.is_cancel], minlength=n_books) > 0
        return as_ints(placed + cancels)

    def __len__(self) -> int:
        return self.kind.size

    def __repr__(self) -> str:
        cancels = int(self.is_cancel.sum())
        return f"Orders({len(self) - cancels} placements, {cancels} cancels)"


_DEFAULTS: dict[str, float | int | bool] = {
    "kind": int(InstructionKind.LIMIT),
    "book": 0,
    "side": 0,
    "price": np.nan,
    "size": np.nan,
    "time_in_force": int(TimeInForce.GTC),
    "expiry_ns": 0,
    "post_only": False,
    "order_id": -1,
    "client_id": -1,
    "delay_ns": 0,
    "urgency": 0,
    "self_trade": int(SelfTrade.CANCEL_OLDEST),
    "in_quote": False,
    "leverage": 0.0,
    "max_slippage": np.nan,
}
_COLUMNS = tuple(_DEFAULTS)

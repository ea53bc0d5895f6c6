"""Private events: what became of our instructions, and our fills."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from typing import Any

import attrs

from obmm.market.arrays import FloatArray, IntArray, as_floats, as_ints, check_shape, column


def _texts(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(values)


class NoticeKind(enum.IntEnum):
    """What a notice tells; cancels and closes of several orders are one notice row per order."""

    ACCEPTED = 0
    REJECTED = 1
    CANCELLED = 2
    CANCEL_FAILED = 3
    FILL = 4
    CLOSED = 5
    CLOSE_FAILED = 6
    RESET = 7
    STARTED = 8
    ENDED = 9
    OTHER = 10


@attrs.frozen(kw_only=True)
class Notices:
    """Notices of the last state as columns, in the order in which they came.

    Attributes:
        kind: (N,) `NoticeKind`.
        time_ns: (N,) when it happened; it may become visible one or more states later.
        book: (N,) book index, -1 for a global notice or an unknown book.
        order_id: (N,) the order concerned, of a fill our own one; -1 if none.
        client_id: (N,) our own number of it, -1 if none.
        side: (N,) 0 buy, 1 sell: our own side, of a fill too; -1 if it does not apply.
        price: (N,) quote, NaN if it does not apply.
        size: (N,) base, NaN if it does not apply (a whole-order cancel).
        maker_id: (N,) account of the maker of a fill, else -1.
        taker_id: (N,) account of the taker of a fill, else -1.
        fee: (N,) quote we paid on a fill, negative for a rebate; else 0.
        trade_id: (N,) the venue's number of a fill, else -1.
        message: The venue's text or reject code of each row, "" for none.

    Raises:
        ValueError: Columns differ in length.

    >>> Notices.none()
    Notices(0)
    """

    kind: IntArray = column(as_ints)
    time_ns: IntArray = column(as_ints)
    book: IntArray = column(as_ints)
    order_id: IntArray = column(as_ints)
    client_id: IntArray = column(as_ints)
    side: IntArray = column(as_ints)
    price: FloatArray = column(as_floats)
    size: FloatArray = column(as_floats)
    maker_id: IntArray = column(as_ints)
    taker_id: IntArray = column(as_ints)
    fee: FloatArray = column(as_floats)
    trade_id: IntArray = column(as_ints)
    message: tuple[str, ...] = attrs.field(converter=_texts)

    def __attrs_post_init__(self) -> None:
        n = self.kind.size
        check_shape(self, (n,), *(f.name for f in attrs.fields(Notices) if f.name != "message"))
        if len(self.message) != n:
            raise ValueError(f"Notices.message has {len(self.message)} rows, expected {n}")

    @classmethod
    def none(cls) -> Notices:
        """No news."""
        columns: dict[str, Any] = {f.name: () for f in attrs.fields(cls)}
        return cls(**columns)

    def __len__(self) -> int:
        return self.kind.size

    def __repr__(self) -> str:
        return f"Notices({len(self)})"

"""Private events of a message as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
from msgspec import Raw, Struct, field

from obmm.market import NoticeKind, Notices
from obmm.wire.codec import Codec, read
from obmm.wire.models import Int, Side

#: One row, in the order of the columns of `Notices`.
Row: TypeAlias = tuple[NoticeKind, int, int, int, int, int, float, float, int, int, float, int, str]


class Head(Struct, gc=False):
    """What every notice has."""

    kind: str = field(name="y")
    time_ns: Int = field(name="t", default=0)
    book: Int | None = field(name="b", default=None)


class Placement(Head, gc=False):
    """A placement that was accepted or rejected; a market order has no price."""

    order_id: Int | None = field(name="o", default=None)
    client_id: Int | None = field(name="c", default=None)
    side: Side | None = field(name="s", default=None)
    price: float | None = field(name="p", default=None)
    size: float | None = field(name="q", default=None)
    message: str | None = field(name="m", default=None)


class Item(Struct, gc=False):
    """One order of a cancel or a close; without a size the whole of it."""

    order_id: Int | None = field(name="o", default=None)
    time_ns: Int | None = field(name="t", default=None)
    size: float | None = field(name="q", default=None)
    message: str | None = field(name="m", default=None)


class Cancels(Head, gc=False):
    """Orders that were cancelled, or could not be."""

    items: list[Item] | None = field(name="c", default=None)


class Closes(Head, gc=False):
    """Positions that were closed, or could not be."""

    items: list[Item] | None = field(name="o", default=None)


class Fill(Head, gc=False):
    """A fill of ours; `side` is the aggressor's."""

    trade_id: Int = field(name="i", default=-1)
    client_id: Int | None = field(name="c", default=None)
    side: Side | None = field(name="s", default=None)
    price: float | None = field(name="p", default=None)
    size: float | None = field(name="q", default=None)
    taker_id: Int = field(name="Ta", default=-1)
    taker_order_id: Int = field(name="Ti", default=-1)
    taker_fee: float = field(name="Tf", default=0.0)
    maker_id: Int = field(name="Ma", default=-1)
    maker_order_id: Int = field(name="Mi", default=-1)
    maker_fee: float = field(name="Mf", default=0.0)


class Resets(Head, gc=False):
    """Accounts that were reset."""

    items: list[Item] | None = field(name="r", default=None)


class Start(Head, gc=False):
    """The start of a simulation and where it is logged."""

    log_dir: str | None = field(name="l", default=None)


_TYPES: dict[str, tuple[type[Head], NoticeKind]] = {
    "RDPOL": (Placement, NoticeKind.ACCEPTED),
    "RDPOM": (Placement, NoticeKind.ACCEPTED),
    "ERDPOL": (Placement, NoticeKind.REJECTED),
    "ERDPOM": (Placement, NoticeKind.REJECTED),
    "RDCO": (Cancels, NoticeKind.CANCELLED),
    "ERDCO": (Cancels, NoticeKind.CANCEL_FAILED),
    "RDCP": (Closes, NoticeKind.CLOSED),
    "ERDCP": (Closes, NoticeKind.CLOSE_FAILED),
    "ET": (Fill, NoticeKind.FILL),
    "RDRA": (Resets, NoticeKind.RESET),
    "ERDRA": (Resets, NoticeKind.RESET),
    "ESS": (Start, NoticeKind.STARTED),
    "ESE": (Head, NoticeKind.ENDED),
}


class NoticeReader:
    """Reads the notices of one codec.

    A notice of a type that nobody knows is kept as `OTHER` with its time and book.

    >>> from obmm.wire.codec import JSON
    >>> raw = Raw(b'{"y":"RDCO","t":5,"a":null,"b":3,"c":[{"t":5,"b":3,"o":77,"q":null,"u":true,"m":""}]}')
    >>> notices = NoticeReader(JSON).columns([raw], {3: 0}, uid=0)
    >>> notices.kind.tolist(), notices.book.tolist(), notices.order_id.tolist()
    ([2], [0], [77])
    """

    def __init__(self, codec: Codec) -> None:
        self._head = codec.reader(Head)
        self._types = {name: (codec.reader(type_), kind) for name, (type_, kind) in _TYPES.items()}

    def columns(self, notices: Sequence[Raw], positions: Mapping[int, int], uid: int) -> Notices:
        """One row per order concerned.

        Args:
            notices: As they came, in order.
            positions: Book index by book id.
            uid: Whose notices they are; decides our side of a fill.

        Raises:
            WireError: A field has the wrong type.
        """
        rows: list[Row] = []
        fills: set[tuple[int, int]] = set()
        for number, raw in enumerate(notices):
            data, path = bytes(raw), f"notices[{number}]"
            head = read(self._head, data, path)
            reader, kind = self._types.get(head.kind, (self._head, NoticeKind.OTHER))
            notice = head if reader is self._head else read(reader, data, path)
            book = -1 if head.book is None else positions.get(head.book, -1)
            if isinstance(notice, Fill):
                rows.append(_fill(notice, book, uid, fills))
            else:
                rows.extend(_rows(notice, kind, book))
        if not rows:
            return Notices.none()
        columns: dict[str, Any] = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
        return Notices(**columns)


def _rows(notice: Head, kind: NoticeKind, book: int) -> Iterator[Row]:
    if isinstance(notice, Placement):
        yield _row(
            *(kind, notice.time_ns, book, notice.message),
            order_id=notice.order_id,
            client_id=notice.client_id,
            side=notice.side,
            price=notice.price,
            size=notice.size,
        )
    elif isinstance(notice, Cancels | Closes | Resets):
        for item in notice.items or ():
            time_ns = notice.time_ns if item.time_ns is None else item.time_ns
            yield _row(kind, time_ns, book, item.message, order_id=item.order_id, size=item.size)
    else:
        yield _row(kind, notice.time_ns, book, notice.log_dir if isinstance(notice, Start) else None)


def _fill(notice: Fill, book: int, uid: int, seen: set[tuple[int, int]]) -> Row:
    """Our part in a trade; of a trade with ourselves the venue tells the maker first."""
    key = (book, notice.trade_id)
    maker = notice.maker_id == uid and not (notice.taker_id == uid and key in seen)
    taker = notice.taker_id == uid and not maker
    seen.add(key)
    own_side = notice.side if taker else 1 - notice.side if maker and notice.side is not None else None
    return _row(
        *(NoticeKind.FILL, notice.time_ns, book, None),
        order_id=notice.taker_order_id if taker else notice.maker_order_id if maker else None,
        client_id=notice.client_id,
        side=own_side,
        price=notice.price,
        size=notice.size,
        maker_id=notice.maker_id,
        taker_id=notice.taker_id,
        fee=notice.taker_fee if taker else notice.maker_fee if maker else 0.0,
        trade_id=notice.trade_id,
    )


def _row(
    kind: NoticeKind,
    time_ns: int,
    book: int,
    message: str | None,
    *,
    order_id: int | None = None,
    client_id: int | None = None,
    side: int | None = None,
    price: float | None = None,
    size: float | None = None,
    maker_id: int = -1,
    taker_id: int = -1,
    fee: float = 0.0,
    trade_id: int = -1,
) -> Row:
    return (
        *(kind, time_ns, book, _id(order_id), _id(client_id), _id(side), _number(price), _number(size)),
        *(maker_id, taker_id, fee, trade_id, message or ""),
    )


def _id(value: int | None) -> int:
    return -1 if value is None else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


_COLUMNS = tuple(f.name for f in attrs.fields(Notices))

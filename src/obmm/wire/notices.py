"""Private events of a message as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, TypeAlias

import attrs
from msgspec import Meta, Raw, Struct, field

from obmm.market import NoticeKind, Notices
from obmm.wire.bounds import MAX_NOTICE_BYTES, MAX_NOTICES, check_size
from obmm.wire.codec import Codec, read
from obmm.wire.errors import WireError
from obmm.wire.models import Int, Side

#: One row, in the order of the columns of `Notices`.
Row: TypeAlias = tuple[NoticeKind, int, int, int, int, int, float, float, int, int, float, int, str]


class Head(Struct, gc=False):
    """What every notice has."""

    kind: str = field(name="y")
    time_ns: Int = field(name="t", default=0)
    book: Int | None = field(name="b", default=None)


class Item(Struct, gc=False):
    """One order of a cancel or a close, or one account of a reset; without a size the whole of it."""

    order_id: Int | None = field(name="o", default=None)
    time_ns: Int | None = field(name="t", default=None)
    size: float | None = field(name="q", default=None)
    message: str | None = field(name="m", default=None)


#: The orders of one notice.
Items: TypeAlias = Annotated[list[Item], Meta(max_length=MAX_NOTICES)]


class Notice(Head, gc=False):
    """A notice of any known type; some keys are a number in one type and a list in another.

    `side` is the order's, of a fill the aggressor's.
    """

    order: Int | Items | None = field(name="o", default=None)
    client: Int | Items | None = field(name="c", default=None)
    currency: Int | Items | None = field(name="r", default=None)
    leverage: float | str | None = field(name="l", default=None)
    side: Side | None = field(name="s", default=None)
    price: float | None = field(name="p", default=None)
    size: float | None = field(name="q", default=None)
    message: str | None = field(name="m", default=None)
    trade_id: Int = field(name="i", default=-1)
    taker_id: Int = field(name="Ta", default=-1)
    taker_order_id: Int = field(name="Ti", default=-1)
    taker_fee: float = field(name="Tf", default=0.0)
    maker_id: Int = field(name="Ma", default=-1)
    maker_order_id: Int = field(name="Mi", default=-1)
    maker_fee: float = field(name="Mf", default=0.0)


_KINDS = {
    "RDPOL": NoticeKind.ACCEPTED,
    "RDPOM": NoticeKind.ACCEPTED,
    "ERDPOL": NoticeKind.REJECTED,
    "ERDPOM": NoticeKind.REJECTED,
    "RDCO": NoticeKind.CANCELLED,
    "ERDCO": NoticeKind.CANCEL_FAILED,
    "RDCP": NoticeKind.CLOSED,
    "ERDCP": NoticeKind.CLOSE_FAILED,
    "ET": NoticeKind.FILL,
    "RDRA": NoticeKind.RESET,
    "ERDRA": NoticeKind.RESET,
    "ESS": NoticeKind.STARTED,
    "ESE": NoticeKind.ENDED,
}
_FILL, _OTHER = NoticeKind.FILL, NoticeKind.OTHER
_PLACEMENTS = (NoticeKind.ACCEPTED, NoticeKind.REJECTED)
_CANCELS = (NoticeKind.CANCELLED, NoticeKind.CANCEL_FAILED)
_CLOSES = (NoticeKind.CLOSED, NoticeKind.CLOSE_FAILED)


class NoticeReader:
    """Reads the notices of one codec.

    A notice of a type that nobody knows is kept as `OTHER` with its time and book.

    >>> from obmm.wire.codec import JSON
    >>> data = b'[{"y":"RDCO","t":5,"a":null,"b":3,"c":[{"t":5,"b":3,"o":77,"q":null,"u":true,"m":""}]}]'
    >>> notices = NoticeReader(JSON).columns(data, {3: 0}, uid=0)
    >>> notices.kind.tolist(), notices.book.tolist(), notices.order_id.tolist()
    ([2], [0], [77])
    """

    def __init__(self, codec: Codec) -> None:
        self._notices = codec.reader(Annotated[list[Notice], Meta(max_length=MAX_NOTICES)])
        self._pieces = codec.reader(Annotated[list[Raw], Meta(max_length=MAX_NOTICES)])
        self._head, self._notice = codec.reader(Head), codec.reader(Notice)

    def columns(self, data: bytes, positions: Mapping[int, int], uid: int) -> Notices:
        """One row per order concerned.

        Args:
            data: The list of notices, in the order in which they came.
            positions: Book index by book id.
            uid: Whose notices they are; decides our side of a fill.

        Raises:
            WireError: A field has the wrong type, or there are more than a venue can send.
        """
        check_size(data, MAX_NOTICE_BYTES, "notices")
        notices: list[Head]
        try:
            notices = read(self._notices, data, "notices")
        except WireError:
            notices = self._one_by_one(data)
        rows: list[Row] = []
        fills: set[tuple[int, int]] = set()
        for number, notice in enumerate(notices):
            kind = _KINDS.get(notice.kind, _OTHER)
            book = -1 if notice.book is None else positions.get(notice.book, -1)
            if type(notice) is not Notice:
                rows.append(_row(_OTHER, notice.time_ns, book))
                continue
            try:
                # The two of which there are many.
                if kind is _FILL:
                    rows.append(_fill(notice, book, uid, fills))
                elif kind in _PLACEMENTS:
                    rows.append(_placed(notice, kind, book))
                else:
                    rows.extend(_rows(notice, kind, book))
            except WireError as error:
                raise WireError(f"notices[{number}].{error.field}", error.problem) from error
            if len(rows) > MAX_NOTICES:
                raise WireError("notices", f"more than {MAX_NOTICES} orders")
        if not rows:
            return Notices.none()
        columns: dict[str, Any] = dict(zip(_COLUMNS, zip(*rows, strict=True), strict=True))
        return Notices(**columns)

    def _one_by_one(self, data: bytes) -> list[Head]:
        """Notices of which one at least is odd: fine if nobody knows its type, an error otherwise."""
        notices: list[Head] = []
        for number, raw in enumerate(read(self._pieces, data, "notices")):
            piece, path = bytes(raw), f"notices[{number}]"
            head: Head = read(self._head, piece, path)
            notices.append(read(self._notice, piece, path) if head.kind in _KINDS else head)
        return notices


def _placed(notice: Notice, kind: NoticeKind, book: int) -> Row:
    order_id, client_id = _one(notice.order, "o"), _one(notice.client, "c")
    return (
        *(kind, notice.time_ns, book, _id(order_id), _id(client_id), _id(notice.side)),
        *(_number(notice.price), _number(notice.size), -1, -1, 0.0, -1, notice.message or ""),
    )


def _rows(notice: Notice, kind: NoticeKind, book: int) -> Iterator[Row]:
    if kind in _CANCELS:
        yield from _items(notice, kind, book, notice.client, "c")
    elif kind in _CLOSES:
        yield from _items(notice, kind, book, notice.order, "o")
    elif kind == NoticeKind.RESET:
        yield from _items(notice, kind, book, notice.currency, "r")
    else:
        # The start of a simulation tells where it is logged.
        log_dir = notice.leverage if isinstance(notice.leverage, str) else None
        yield _row(kind, notice.time_ns, book, log_dir)


def _items(
    notice: Notice, kind: NoticeKind, book: int, items: int | list[Item] | None, key: str
) -> Iterator[Row]:
    if isinstance(items, int):
        raise WireError(key, "Expected `array`, got `int`")
    for item in items or ():
        time_ns = notice.time_ns if item.time_ns is None else item.time_ns
        yield _row(kind, time_ns, book, item.message, order_id=item.order_id, size=item.size)


def _one(value: int | list[Item] | None, key: str) -> int | None:
    if isinstance(value, list):
        raise WireError(key, "Expected `int`, got `array`")
    return value


def _fill(notice: Notice, book: int, uid: int, seen: set[tuple[int, int]]) -> Row:
    """Our part in a trade; of a trade with ourselves the venue tells the maker first."""
    key = (book, notice.trade_id)
    maker = notice.maker_id == uid and not (notice.taker_id == uid and key in seen)
    taker = notice.taker_id == uid and not maker
    seen.add(key)
    own_side = notice.side if taker else 1 - notice.side if maker and notice.side is not None else None
    order_id = notice.taker_order_id if taker else notice.maker_order_id if maker else -1
    fee = notice.taker_fee if taker else notice.maker_fee if maker else 0.0
    return (
        *(_FILL, notice.time_ns, book, order_id, _id(_one(notice.client, "c")), _id(own_side)),
        *(_number(notice.price), _number(notice.size), notice.maker_id, notice.taker_id),
        *(fee, notice.trade_id, ""),
    )


def _row(
    kind: NoticeKind,
    time_ns: int,
    book: int,
    message: str | None = None,
    *,
    order_id: int | None = None,
    size: float | None = None,
) -> Row:
    return (
        *(kind, time_ns, book, _id(order_id), -1, -1, math.nan, _number(size)),
        *(-1, -1, 0.0, -1, message or ""),
    )


def _id(value: int | None) -> int:
    return -1 if value is None else value


def _number(value: float | None) -> float:
    return math.nan if value is None else value


_COLUMNS = tuple(f.name for f in attrs.fields(Notices))

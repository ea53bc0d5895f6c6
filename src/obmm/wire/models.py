"""Messages as typed structs: short keys of the wire under readable names.

Unknown keys are skipped without being looked at, and so is whatever a struct leaves out: a book without
`events` in its type costs nothing for its events. Structs hold no cycles, hence `gc=False`, which keeps
thousands of them out of the collector's sight. What comes in crowds has keys that must be there: the fewer
bytes an item takes, the more of them a message can hold.
"""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeAlias, TypeVar

from msgspec import Meta, Raw, Struct, field

from obmm.market.open_orders import ID_LIMIT
from obmm.wire.bounds import MAX_EVENTS, MAX_OWN_ORDERS, MAX_QUEUED, Accounts, Books, Levels, Name

#: Integers that fit a column, and the two sides.
Int: TypeAlias = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Side: TypeAlias = Annotated[int, Meta(ge=0, le=1)]
Id: TypeAlias = Annotated[int, Meta(ge=0, le=ID_LIMIT - 1)]
#: Map keys: integers in msgpack, strings in JSON, either from some senders.
Key: TypeAlias = int | str

LevelT = TypeVar("LevelT")
BookT = TypeVar("BookT")

ABSENT = Raw()


class Level(Struct, gc=False):
    """Price and total size of one level; the price may be null, but must be there."""

    price: float | None = field(name="p")
    size: float | None = field(name="q", default=None)


class QueuedOrder(Struct, gc=False):
    """One of the orders that make up a level, first in time first."""

    order_id: Int = field(name="i")
    size: float = field(name="q")
    leverage: float = field(name="l", default=0.0)


class DetailedLevel(Level, gc=False):
    """A level with its queue, which only the best few carry."""

    orders: Annotated[list[QueuedOrder], Meta(max_length=MAX_QUEUED)] | None = field(name="o", default=None)


class Event(Struct, gc=False):
    """An order, a trade or a cancellation; what does not apply keeps its default."""

    kind: str = field(name="y")
    time_ns: Int = field(name="t")
    number: Int = field(name="i", default=-1)
    side: Side | None = field(name="s", default=None)
    price: float | None = field(name="p", default=None)
    size: float | None = field(name="q", default=None)
    client_id: Int | None = field(name="c", default=None)
    taker_order_id: Int = field(name="Ti", default=-1)
    taker_id: Int = field(name="Ta", default=-1)
    taker_fee: float = field(name="Tf", default=0.0)
    maker_order_id: Int = field(name="Mi", default=-1)
    maker_id: Int = field(name="Ma", default=-1)
    maker_fee: float = field(name="Mf", default=0.0)


class Trade(Struct, gc=False, tag_field="y", tag="t"):
    """A trade, where nobody wants other events."""

    time_ns: Int = field(name="t")
    side: Side | None = field(name="s", default=None)
    price: float | None = field(name="p", default=None)
    size: float | None = field(name="q", default=None)
    client_id: Int | None = field(name="c", default=None)
    taker_order_id: Int = field(name="Ti", default=-1)
    taker_id: Int = field(name="Ta", default=-1)
    taker_fee: float = field(name="Tf", default=0.0)
    maker_order_id: Int = field(name="Mi", default=-1)
    maker_id: Int = field(name="Ma", default=-1)
    maker_fee: float = field(name="Mf", default=0.0)


class UnreadOrder(Struct, gc=False, tag_field="y", tag="o"):
    """An order, passed over."""


class UnreadCancel(Struct, gc=False, tag_field="y", tag="c"):
    """A cancellation, passed over."""


class Book(Struct, Generic[LevelT], gc=False):
    """One book. Its maker ratio was called `mtr` before 0.5.4."""

    ratio: float | None = field(name="r", default=None)
    old_ratio: float | None = field(name="mtr", default=None)
    bids: Levels[LevelT] | None = field(name="b", default=None)
    asks: Levels[LevelT] | None = field(name="a", default=None)


class TapedBook(Book[LevelT], Generic[LevelT], gc=False):
    """A book with the events since the last state."""

    events: Annotated[list[Event], Meta(max_length=MAX_EVENTS)] | None = field(name="e", default=None)


class TradedBook(Book[LevelT], Generic[LevelT], gc=False):
    """A book with the trades since the last state; an event of a fourth kind is an error."""

    events: Annotated[list[Trade | UnreadOrder | UnreadCancel], Meta(max_length=MAX_EVENTS)] | None = field(
        name="e", default=None
    )


class Balance(Struct, gc=False):
    """One currency of an account."""

    total: float | None = field(name="t", default=None)
    free: float | None = field(name="f", default=None)
    initial: float | None = field(name="i", default=None)


class Fees(Struct, gc=False):
    """Current rates of an account."""

    maker_rate: float | None = field(name="m", default=None)
    taker_rate: float | None = field(name="t", default=None)


class OwnOrder(Struct, gc=False):
    """A resting order of ours."""

    order_id: Int = field(name="i")
    time_ns: Int = field(name="t")
    size: float = field(name="q")
    side: Side = field(name="s")
    price: float | None = field(name="p", default=None)
    client_id: Int | None = field(name="c", default=None)


class Account(Struct, gc=False):
    """Our account on one book."""

    base: Balance | None = field(name="bb", default=None)
    quote: Balance | None = field(name="qb", default=None)
    base_loan: float = field(name="bl", default=0.0)
    quote_loan: float = field(name="ql", default=0.0)
    base_collateral: float = field(name="bc", default=0.0)
    quote_collateral: float = field(name="qc", default=0.0)
    orders: Annotated[list[OwnOrder], Meta(max_length=MAX_OWN_ORDERS)] | None = field(name="o", default=None)
    fees: Fees | None = field(name="f", default=None)
    traded_quote: float | None = field(name="v", default=None)


class Content(Struct, Generic[BookT], gc=False):
    """What a message tells, wherever it stands: in one blob, spread over two, or in the open."""

    books: Books[Key, BookT | None] | None = None
    accounts: Accounts[Key, Books[Key, Account | None] | None] | None = None
    notices: Accounts[Key, Raw] | None = None
    config: Raw = ABSENT


class Dendrite(Struct, gc=False):
    """Who sent a request, by its own account."""

    hotkey: Name | None = None


class Blobs(Struct, gc=False):
    """The two halves of a content, each compressed."""

    books: str | None = None
    payload: str | None = None


class Envelope(Struct, gc=False):
    """The outer message of a request."""

    timestamp: Int
    version: Int | None = None
    name: Name | None = None
    compressed: Blobs | str | None = None
    compression_engine: Name | None = None
    dendrite: Dendrite | None = None


class Captured(Content[BookT], Generic[BookT], gc=False):
    """A state as it stands in a recorded stream."""

    timestamp: Int = 0
    version: Int | None = None
    validator: Name | None = None
    log_dir: str | None = field(name="logDir", default=None)


class Update(Struct, Generic[BookT], gc=False):
    """One record of a stream."""

    state: Captured[BookT]
    external_price: float | None = field(name="ext", default=None)
    responses: Raw = ABSENT


def of(generic: Any, *parameters: Any) -> Any:
    """A generic struct for types that are chosen at run time."""
    return generic[parameters if len(parameters) > 1 else parameters[0]]


def is_null(raw: Raw) -> bool:
    """Whether a raw value is absent or null, in JSON or msgpack.

    >>> is_null(ABSENT), is_null(Raw(b"null")), is_null(Raw(b"[]"))
    (True, True, False)
    """
    return bytes(raw) in (b"", b"null", b"\xc0")

"""The validator's reading of an answer, as strict as the subnet's newest response model.

One instruction outside the model makes the whole answer invalid; keys that the model does not have are
ignored. Numbers may come as text, as the subnet's own model takes them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeAlias

import attrs
import msgspec
import numpy as np
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from obmm.market import InstructionKind, Orders, TimeInForce, Venue
from obmm.market.rules import MAX_DELAY_NS
from obmm.wire.codec import JSON, Codec, codec_of, read
from obmm.wire.compression import unpack
from obmm.wire.errors import WireError
from obmm.wire.fallbacks import LAST_OLD
from obmm.wire.models import Id, Int, Side, is_null

#: The most an answer may hold: instructions, and bytes on the wire or unpacked.
MAX_INSTRUCTIONS, MAX_ANSWER_BYTES = 200_000, 64 * 2**20

#: From this version on `volume` and `stpFlag` are other names of `quantity` and `stp`.
TAKES_OTHER_NAMES = 60

Positive = Annotated[float, Meta(gt=0.0, le=1.7976931348623157e308)]
NotNegative = Annotated[float, Meta(ge=0.0, le=1.7976931348623157e308)]
Delay = Annotated[int, Meta(ge=0, le=MAX_DELAY_NS)]
Expiry = Annotated[int, Meta(ge=1, le=2**63 - 1)]
Settlement = Annotated[int, Meta(ge=-2, le=2**63 - 1)]
SelfTradeMode = Annotated[int, Meta(ge=0, le=4)]
Life = Annotated[int, Meta(ge=0, le=3)]
Unit = Annotated[int, Meta(ge=0, le=1)]


class Item(Struct, gc=False):
    """One order to cancel, or one position to close; without a volume the whole of it."""

    orderId: Id
    volume: Positive | None


class _Instruction(Struct, tag_field="type", kw_only=True, gc=False):
    agentId: Id
    delay: Delay = 0


class _Placement(_Instruction, kw_only=True, gc=False):
    bookId: Id
    direction: Side
    clientOrderId: Id | None
    quantity: Positive | UnsetType = UNSET
    volume: Any = UNSET
    stp: SelfTradeMode | UnsetType = UNSET
    stpFlag: Any = UNSET
    currency: Unit = 0
    leverage: NotNegative = 0.0
    settleFlag: Settlement = -2
    delegate: str | None = ""
    max_slippage: float | None = None
    stop_loss: float | None = None
    take_profit: float | None = None


class MarketOrder(_Placement, tag="PLACE_ORDER_MARKET", kw_only=True, gc=False):
    """An order that trades at once."""


class LimitOrder(_Placement, tag="PLACE_ORDER_LIMIT", kw_only=True, gc=False):
    """An order with a price."""

    price: Positive
    postOnly: bool = False
    timeInForce: Life = 0
    expiryPeriod: Expiry | None = None


class CancelOrders(_Instruction, tag="CANCEL_ORDERS", kw_only=True, gc=False):
    """Orders of one book to cancel."""

    bookId: Id
    cancellations: list[Item]


class ClosePositions(_Instruction, tag="CLOSE_POSITIONS", kw_only=True, gc=False):
    """Leveraged positions of one book to close."""

    bookId: Id
    closes: list[Item]


class ResetAgent(_Instruction, tag="RESET_AGENT", kw_only=True, gc=False):
    """What only a validator may say."""


#: What speaks of a book, and all that an answer may hold.
OfBook: TypeAlias = MarketOrder | LimitOrder | CancelOrders | ClosePositions
Instruction: TypeAlias = OfBook | ResetAgent


class Answer(Struct):
    """What a miner answers."""

    agent_id: Int
    instructions: Annotated[list[Instruction], Meta(max_length=MAX_INSTRUCTIONS)]


class _Envelope(Struct):
    timestamp: Int
    version: Int | None = None
    compressed: dict[str, str | None] | str | None = None
    response: Raw = Raw()


class _Payload(Struct):
    """A validator drops a payload that lacks one of the four."""

    accounts: Any
    notices: Any
    config: Any
    response: Raw


_ANSWER = JSON.reader(Answer, strict=False)


def read_answer(
    content: bytes, *, version: int | None = None, codec: Codec = JSON, field: str = "body"
) -> Answer:
    """The answer in the bare JSON that the harness is given, or in a blob's content.

    Args:
        content: The answer as `codec` writes it.
        version: Spec version of the asking side, which decides the names that fields may have.
        codec: JSON or msgpack.
        field: What the content is called in errors.

    Raises:
        WireError: It breaks the model; the error names the place.

    >>> read_answer(b'{"agent_id": 0, "instructions": []}').agent_id
    0
    >>> cancel = b'{"type": "CANCEL_ORDERS", "agentId": 0, "bookId": 1, "cancellations": [{"orderId": 7}]}'
    >>> read_answer(b'{"agent_id": 0, "instructions": [' + cancel + b"]}")
    Traceback (most recent call last):
    obmm.wire.errors.WireError: body.instructions[0].cancellations[0]: Object missing required field `volume`
    """
    reader = _ANSWER if codec is JSON else codec.reader(Answer, strict=False)
    return _named(read(reader, content, field), version, field)


def read_reply(body: bytes) -> Answer | None:
    """The answer in the message that a miner sends back to a validator; None where it says nothing.

    Raises:
        WireError: The message, its blob or its answer breaks the protocol.
    """
    envelope = read(JSON.reader(_Envelope, strict=False), body, "body")
    blobs = envelope.compressed
    if blobs is None:
        if is_null(envelope.response):
            return None
        return read_answer(bytes(envelope.response), version=envelope.version, field="response")
    blob, place = (blobs, "compressed") if isinstance(blobs, str) else (blobs.get("payload"), "payload")
    if blob is None:
        raise WireError(f"compressed.{place}", "missing")
    if envelope.version is None:
        raise WireError("version", "missing, so that nobody can decode the blob")
    data, _ = unpack(blob, place, max_bytes=MAX_ANSWER_BYTES)
    codec = codec_of(envelope.version, data)
    payload: _Payload = read(codec.reader(_Payload), data, place)
    if is_null(payload.response):
        return None
    return read_answer(
        bytes(payload.response), version=envelope.version, codec=codec, field=f"{place}.response"
    )


def _named(answer: Answer, version: int | None, field: str) -> Answer:
    """The answer with other names of fields resolved, and what must be there present."""
    others = version is not None and version >= TAKES_OTHER_NAMES and version != LAST_OLD
    for row, told in enumerate(answer.instructions):
        if not isinstance(told, (MarketOrder, LimitOrder)):
            continue
        place = f"{field}.instructions[{row}]"
        if told.quantity is UNSET and others:
            told.quantity = _converted(told.volume, Positive, f"{place}.volume")
        if told.stp is UNSET and others:
            told.stp = _converted(told.stpFlag, SelfTradeMode, f"{place}.stpFlag")
        if told.quantity is UNSET:
            raise WireError(place, "Object missing required field `quantity`")
    return answer


def _converted(value: Any, kind: Any, place: str) -> Any:
    if value is UNSET:
        return UNSET
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as error:
        raise WireError(place, str(error)) from error


@attrs.frozen
class Understood:
    """Instructions as columns, with what a market without loans and triggers has no use for.

    Attributes:
        orders: What can be carried out; books by position.
        closes: Positions that were to be closed.
        triggers: Orders that came with a stop loss or a take profit, which they are sent without.
    """

    orders: Orders
    closes: int
    triggers: int


def orders_of(instructions: Sequence[OfBook], venue: Venue) -> Understood:
    """The columns of `instructions`, whose books the venue must have.

    As the venue reads them: a limit order's amount is base, self-trade mode 0 is cancel-oldest, a period
    without GTT means nothing and GTT without a period rests.

    >>> answer = read_answer(b'''{"agent_id": 0, "instructions": [
    ...     {"type": "PLACE_ORDER_LIMIT", "agentId": 0, "bookId": 0, "direction": 1, "quantity": "0.5",
    ...      "clientOrderId": null, "price": 301, "stp": 0}]}''')
    >>> orders_of(answer.instructions, Venue.of(1)).orders.price.tolist()
    [301.0]
    """
    rows: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    closes = triggers = 0
    for told in instructions:
        if isinstance(told, ClosePositions):
            closes += len(told.closes)
        elif isinstance(told, CancelOrders):
            book = venue.index_of(told.bookId)
            for item in told.cancellations:
                size = np.nan if item.volume is None else item.volume
                row = (InstructionKind.CANCEL, book, -1, np.nan, size, 0, 0, False, item.orderId, -1)
                _append(rows, (*row, told.delay, 1, False, 0.0, np.nan))
        else:
            triggers += bool(told.stop_loss) or bool(told.take_profit)
            _append(rows, _placed(told, venue.index_of(told.bookId)))
    return Understood(Orders.of(n_books=venue.n_books, **rows), closes, triggers)


_COLUMNS = (
    *("kind", "book", "side", "price", "size", "time_in_force", "expiry_ns", "post_only", "order_id"),
    *("client_id", "delay_ns", "self_trade", "in_quote", "leverage", "max_slippage"),
)


def _append(rows: dict[str, list[Any]], row: tuple[Any, ...]) -> None:
    for name, value in zip(_COLUMNS, row, strict=True):
        rows[name].append(value)


def _placed(told: MarketOrder | LimitOrder, book: int) -> tuple[Any, ...]:
    client_id = -1 if told.clientOrderId is None else told.clientOrderId
    limit = isinstance(told, LimitOrder)
    price, life, expiry, post_only = np.nan, TimeInForce.GTC, 0, False
    if isinstance(told, LimitOrder):
        price, post_only = told.price, told.postOnly
        if told.timeInForce != TimeInForce.GTT:
            life = TimeInForce(told.timeInForce)
        elif told.expiryPeriod is not None:
            life, expiry = TimeInForce.GTT, told.expiryPeriod
    return (
        InstructionKind.LIMIT if limit else InstructionKind.MARKET,
        book,
        told.direction,
        price,
        told.quantity,
        life,
        expiry,
        post_only,
        -1,
        client_id,
        told.delay,
        1 if told.stp is UNSET else told.stp or 1,
        bool(told.currency) and not limit,
        told.leverage,
        np.nan if limit else told.max_slippage or np.nan,
    )

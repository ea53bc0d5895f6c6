"""The answer that asks for nothing, for requests that could not be understood, or not in time."""

from __future__ import annotations

import msgspec

from obmm.wire.bounds import MAX_BYTES, check_size
from obmm.wire.codec import JSON, read
from obmm.wire.compression import ENGINES
from obmm.wire.errors import WireError
from obmm.wire.models import Envelope
from obmm.wire.reply import Response
from obmm.wire.request import SYNAPSE, message_of

_ENVELOPE = JSON.reader(Envelope)
_TO_JSON = msgspec.json.Encoder()


def reply_nothing(body: bytes, *, uid: int | None = None, harness: bool = False) -> bytes:
    """An answer without instructions that a sender of `body` understands; only its outermost part is read.

    Args:
        body: A request of any kind.
        uid: Our number; without it a validator is told no response at all.
        harness: Answer as the offline harness wants it.

    Returns:
        The answer, empty if `body` is no message.

    >>> reply_nothing(b'{"timestamp": 5}', uid=7, harness=True)
    b'{"agent_id":7,"instructions":[]}'
    >>> reply_nothing(b"not even JSON")
    b''
    """
    try:
        check_size(body, 2 * MAX_BYTES, "body")
        envelope: Envelope = read(_ENVELOPE, body, "body")
    except WireError:
        return b""
    if harness:
        return _TO_JSON.encode(Response(uid or 0, []))
    engine = envelope.compression_engine
    return message_of(
        envelope.name or SYNAPSE,
        envelope.version,
        envelope.timestamp,
        engine if engine in ENGINES else "lz4",
        response=None if uid is None else Response(uid, []),
    )

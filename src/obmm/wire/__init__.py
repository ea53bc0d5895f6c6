"""The subnet's protocol: bytes to `MarketState`, `Orders` to bytes, for every version.

`Decoder` reads requests of validators and of the offline harness, and each `Request` writes its own answer;
`check` says which instructions may leave. `read_stream` and `write_stream` handle recordings. The validator's
side, `encode_request`, lets simulators and tests go through the same bytes.
"""

from obmm.market.rules import Dropped
from obmm.wire.check import check
from obmm.wire.encode import encode_request, encode_state
from obmm.wire.errors import WireError
from obmm.wire.nothing import reply_nothing
from obmm.wire.request import Decoder, Request
from obmm.wire.stream import Recorded, StreamWriter, read_stream, write_stream

__all__ = [
    "Decoder",
    "Dropped",
    "Recorded",
    "Request",
    "StreamWriter",
    "WireError",
    "check",
    "encode_request",
    "encode_state",
    "read_stream",
    "reply_nothing",
    "write_stream",
]

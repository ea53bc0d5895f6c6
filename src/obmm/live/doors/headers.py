"""What the headers of a validator's request say, and whether it is to be believed.

The wire is that of bittensor 9 and 10: a request is signed over nonce, sender, receiver, uuid and the hash of
a body that has no hashed fields. Body, timeout and version are not signed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import attrs

from obmm.live.doors.nonces import LONGEST_TIMEOUT_S, Nonces
from obmm.live.keys import Verifier

#: SHA3-256 of nothing: what the subnet's messages give for the hash of their body.
EMPTY_HASH = "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
#: Seconds that a client is taken to wait if it does not say.
_DEFAULT_TIMEOUT_S = 12.0
_LONGEST = 256


class Refused(Exception):
    """A request that gets no answer.

    Attributes:
        status: Of HTTP.
        message: What the sender is told.
        kind: One word for those that count.
    """

    def __init__(self, status: int, message: str, kind: str) -> None:
        super().__init__(message)
        self.status, self.message, self.kind = status, message, kind


@attrs.frozen
class Sender:
    """Who says to have sent a request; unproven until `verify` lets it pass.

    Attributes:
        hotkey: Address (ss58).
        uuid: Of the sender's client.
        nonce: Nanoseconds since 1970 by the sender's clock.
        timeout_s: Seconds the sender waits, bounded.
        signature: 64 bytes.
        body_hash: As the sender gives it.
    """

    hotkey: str
    uuid: str
    nonce: int
    timeout_s: float
    signature: bytes
    body_hash: str

    @classmethod
    def of(cls, headers: Mapping[str, str], *, whole: bool = True) -> Sender:
        """What `headers` say.

        Args:
            headers: Of the request, with lower-case names.
            whole: Whether they must have the field that a state's message requires.

        Raises:
            Refused: They are not those of a request (400), or lack what a signature needs (401).
        """
        if whole and "bt_header_input_obj_timestamp" not in headers:
            raise Refused(400, "bt_header_input_obj_timestamp is missing", "headers")
        timeout_s = _number(headers, "timeout", _DEFAULT_TIMEOUT_S)
        hotkey = headers.get("bt_header_dendrite_hotkey", "")
        if not hotkey or len(hotkey) > _LONGEST:
            raise Refused(401, "Not Verified: no hotkey", "unsigned")
        nonce = headers.get("bt_header_dendrite_nonce")
        if nonce is None:
            raise Refused(401, "Not Verified: Missing Nonce", "unsigned")
        if not nonce.isascii() or not nonce.isdecimal() or len(nonce) > 20:
            raise Refused(400, "the nonce is no number", "headers")
        try:
            signature = bytes.fromhex(headers.get("bt_header_dendrite_signature", "").removeprefix("0x"))
        except ValueError:
            signature = b""
        if not signature:
            raise Refused(401, "Not Verified: Missing Signature", "unsigned")
        return cls(
            hotkey=hotkey,
            uuid=headers.get("bt_header_dendrite_uuid", "")[:_LONGEST],
            nonce=int(nonce),
            timeout_s=min(timeout_s, LONGEST_TIMEOUT_S),
            signature=signature,
            body_hash=headers.get("computed_body_hash", ""),
        )

    def verify(self, receiver: str, verifier: Verifier, nonces: Nonces, now_ns: int) -> None:
        """Believe the sender, or not.

        Args:
            receiver: Our own address.
            verifier: Judges the signature.
            nonces: Those seen before; this one is added if all is well.
            now_ns: Wall clock.

        Raises:
            Refused: Too old, from the future, seen before, or not signed by that hotkey for us (401); signed
                for another body than the subnet's messages have (400).
        """
        if problem := nonces.problem(self.hotkey, self.uuid, self.nonce, self.timeout_s, now_ns):
            raise Refused(401, f"Not Verified: {problem}", "nonce")
        message = f"{self.nonce}.{self.hotkey}.{receiver}.{self.uuid}.{self.body_hash}".encode()
        if not verifier(message, self.signature, self.hotkey):
            raise Refused(401, "Not Verified: Signature mismatch", "signature")
        if self.body_hash != EMPTY_HASH:
            raise Refused(
                400, "the hash of the body is not that of a message without hashed fields", "headers"
            )
        # Only who is proven takes room.
        if not nonces.add(self.hotkey, self.uuid, self.nonce, now_ns):
            raise Refused(401, "Not Verified: too many clients of one hotkey at once", "nonce")


def _number(headers: Mapping[str, str], name: str, default: float) -> float:
    try:
        value = float(headers.get(name, default))
    except ValueError:
        value = math.nan
    if not 0.0 <= value < math.inf:
        raise Refused(400, f"{name} is no number of seconds", "headers")
    return value

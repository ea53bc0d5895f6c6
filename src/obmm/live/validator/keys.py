"""The keys of a stand-in validator, and the headers that a bittensor 9/10 dendrite signs a request with."""

from __future__ import annotations

import hashlib
import time
import uuid
from typing import Any

import attrs

#: What the subnet's messages hash: none of their fields, hence SHA3-256 of nothing.
BODY_HASH = hashlib.sha3_256(b"").hexdigest()
#: The version of bittensor that is spoken, 10.5.0.
BITTENSOR_VERSION = 10_005_000


@attrs.define
class Signer:
    """Signs requests with a key that is made of a public text, and hence is worth nothing anywhere else.

    Attributes:
        uri: Text that the key is made of, such as `//validator-1`.
        dendrite: Identity of the sending side; a new one for each process, as validators have it.

    >>> Signer("//validator-1").hotkey == Signer("//validator-1").hotkey != Signer("//validator-2").hotkey
    True
    """

    uri: str
    dendrite: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    hotkey: str = attrs.field(init=False)
    _keys: Any = attrs.field(init=False, repr=False, eq=False)
    _last_ns: int = attrs.field(init=False, default=0)

    def __attrs_post_init__(self) -> None:
        from bittensor_wallet import Keypair

        self._keys = Keypair.create_from_uri(self.uri)
        self.hotkey = self._keys.ss58_address

    def headers(self, route: str, receiver: str, *, timeout_s: float, host: str, port: int) -> dict[str, str]:
        """The headers of one request.

        Args:
            route: Name of the message.
            receiver: The miner's hotkey, for which alone the request is good.
            timeout_s: How long an answer is waited for.
            host: The miner's address as the sender knows it.
            port: The miner's port.
        """
        # Strictly rising, whatever the resolution of the clock.
        nonce = self._last_ns = max(time.time_ns(), self._last_ns + 1)
        text = f"{nonce}.{self.hotkey}.{receiver}.{self.dendrite}.{BODY_HASH}"
        signature = self._keys.sign(text)
        return {
            "name": route,
            "timeout": str(timeout_s),
            "bt_header_axon_ip": host,
            "bt_header_axon_port": str(port),
            "bt_header_axon_hotkey": receiver,
            "bt_header_dendrite_ip": "127.0.0.1",
            "bt_header_dendrite_version": str(BITTENSOR_VERSION),
            "bt_header_dendrite_nonce": str(nonce),
            "bt_header_dendrite_uuid": self.dendrite,
            "bt_header_dendrite_hotkey": self.hotkey,
            "bt_header_dendrite_signature": f"0x{signature.hex()}",
            # The placeholder of the one field that the message must have.
            "bt_header_input_obj_timestamp": "MA==",
            "header_size": "0",
            "total_size": "0",
            "computed_body_hash": BODY_HASH,
        }

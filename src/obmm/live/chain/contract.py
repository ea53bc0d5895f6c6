"""The little that a miner wants of a chain."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import attrs

#: What the chain is told of the software that serves: that of an axon of bittensor 10.5, whose wire we speak.
AXON_VERSION = 10_005_000
AXON_PROTOCOL = 4


class ChainError(Exception):
    """The chain said no, or nothing; the message says what."""


@attrs.frozen
class Place:
    """Which subnet of which chain, and with which hotkey.

    Attributes:
        network: "finney", "test", or the address of a node, `ws://…`.
        netuid: The subnet.
        wallet: Name of the wallet. Of its coldkey only the public part is ever looked at.
        hotkey: Name of the hotkey.
        folder: Where wallets are kept.
        address: The hotkey's address (ss58).
    """

    network: str
    netuid: int
    wallet: str
    hotkey: str
    folder: Path
    address: str


class Chain(Protocol):
    """A connection, for one thread. Any method may raise `ChainError`, or whatever its library does."""

    def uid(self) -> int | None:
        """Our number on the subnet; None if the hotkey is not registered there."""
        ...

    def validators(self) -> Mapping[str, float]:
        """The stake of each hotkey that has a validator's permit."""
        ...

    def publish(self, ip: str, port: int) -> None:
        """Tell where we are, unless the chain knows that already.

        Raises:
            ChainError: It was not accepted. A record of before stays in force.
        """
        ...

    def close(self) -> None:
        """Hang up."""
        ...

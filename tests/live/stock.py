"""The stock axon of bittensor 10, with an agent of ours behind it: only where bittensor is installed.

Annotations are looked at by the axon when it starts, so this module keeps them as they are.
"""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Optional

import pytest

pytest.importorskip("bittensor.core.axon", reason="the stock axon needs bittensor 10")

import bittensor as bt
from bittensor.utils import networking

#: Nobody outside is asked for our address.
ELSEWHERE = "127.0.0.9"


class MarketSimulationStateUpdate(bt.Synapse):
    """The subnet's message, as far as the transport is concerned."""

    model: str = "im"
    version: Optional[int] = None  # noqa: UP045
    timestamp: int
    config: Any = None
    books: Any = None
    accounts: Any = None
    notices: Any = None
    response: Any = None
    compressed: Any = None
    compression_engine: str = "lz4"
    required_hash_fields: ClassVar[tuple[str, ...]] = ()


class FinanceEventNotification(bt.Synapse):
    """News of a simulation."""

    event: Any = None
    acknowledged: bool = False


def free_port() -> int:
    """A port that nobody has."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


@contextlib.contextmanager
def stock_axon(
    folder: Path,
    answer: Callable[[MarketSimulationStateUpdate], MarketSimulationStateUpdate],
    events: list[Any] | None = None,
) -> Iterator[tuple[str, str]]:
    """Address and hotkey of a stock axon that answers so.

    Args:
        folder: Where the wallet is made.
        answer: What becomes of a message.
        events: Where the events that come are noted.
    """
    networking.get_external_ip = lambda: ELSEWHERE
    wallet = bt.Wallet(name="miner", hotkey="desk", path=str(folder))
    wallet.create_if_non_existent(coldkey_use_password=False, hotkey_use_password=False, suppress=True)

    def forward(synapse: MarketSimulationStateUpdate) -> MarketSimulationStateUpdate:
        return answer(synapse)

    def hear(synapse: FinanceEventNotification) -> FinanceEventNotification:
        if events is not None:
            events.append(synapse.event)
        synapse.acknowledged = True
        return synapse

    port = free_port()
    axon = bt.Axon(wallet=wallet, port=port, ip="127.0.0.1", external_ip=ELSEWHERE, external_port=port)
    axon.attach(forward)
    axon.attach(hear)
    axon.start()
    try:
        until_s = time.monotonic() + 20.0
        while time.monotonic() < until_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
        yield f"127.0.0.1:{port}", wallet.hotkey.ss58_address
    finally:
        axon.stop()

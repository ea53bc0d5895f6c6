"""Clients that sign as validators do, without bittensor: `bittensor_wallet` and httpx."""

from __future__ import annotations

import socket
import time
import uuid as uuids
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from bittensor_wallet import Keypair

from obmm.live.doors.axon import AxonApp
from obmm.live.doors.guard import Guard
from obmm.live.doors.headers import EMPTY_HASH
from obmm.live.doors.serving import Serving
from obmm.live.keys import wallet_verifier
from obmm.live.session import Session

ALICE = Keypair.create_from_uri("//Alice")
BOB = Keypair.create_from_uri("//Bob")
MINER = Keypair.create_from_uri("//Miner")
ROUTE = "/MarketSimulationStateUpdate"


def signed(
    sender: Keypair = ALICE,
    receiver: Keypair = MINER,
    *,
    nonce: int | None = None,
    uuid: str | None = None,
    timeout: object = 3.0,
    body_hash: str = EMPTY_HASH,
    **changed: str | None,
) -> dict[str, str]:
    """The headers of a request; `changed` replaces some after signing, None leaves one out."""
    nonce = time.time_ns() if nonce is None else nonce
    uuid = str(uuids.uuid4()) if uuid is None else uuid
    text = f"{nonce}.{sender.ss58_address}.{receiver.ss58_address}.{uuid}.{body_hash}"
    headers: dict[str, str | None] = {
        "name": ROUTE[1:],
        "timeout": str(timeout),
        "bt_header_axon_ip": "127.0.0.1",
        "bt_header_axon_port": "8091",
        "bt_header_axon_hotkey": receiver.ss58_address,
        "bt_header_dendrite_ip": "127.0.0.9",
        "bt_header_dendrite_version": "10005000",
        "bt_header_dendrite_nonce": str(nonce),
        "bt_header_dendrite_uuid": uuid,
        "bt_header_dendrite_hotkey": sender.ss58_address,
        "bt_header_dendrite_signature": f"0x{sender.sign(text).hex()}",
        "bt_header_input_obj_timestamp": "MA==",
        "header_size": "0",
        "total_size": "0",
        "computed_body_hash": body_hash,
        "content-type": "application/json",
    }
    headers.update(changed)
    return {name: value for name, value in headers.items() if value is not None}


@contextmanager
def axon(session: Session, *, guard: Guard | None = None) -> Iterator[tuple[str, AxonApp]]:
    """Our server on a free port: its address and its application."""
    permitted = Guard(allowed={ALICE.ss58_address, BOB.ss58_address}) if guard is None else guard
    app = AxonApp(session, MINER.ss58_address, wallet_verifier(), permitted)
    with Serving(app, "127.0.0.1", 0) as serving:
        yield f"http://127.0.0.1:{serving.port}", app


def post(url: str, body: bytes, headers: dict[str, str] | None = None, route: str = ROUTE) -> httpx.Response:
    """One request of its own connection."""
    told = signed() if headers is None else headers
    # Without certificates, which take longer to load than all the rest.
    return httpx.post(url + route, content=body, headers=told, timeout=30.0, verify=False)


def connected(url: str) -> socket.socket:
    """A bare connection to a server."""
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port), 30.0)


def head(headers: dict[str, str], length: int) -> bytes:
    """The first bytes of a request as they go over the line."""
    told = headers | {"host": "miner", "content-length": str(length)}
    lines = [f"POST {ROUTE} HTTP/1.1", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    return "\r\n".join(lines).encode()

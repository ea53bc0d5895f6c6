"""Connections that linger, crowd and break, and an end under load."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import httpx
import pytest

from live.agents import Gated, bodies, instructions_of, quoting

pytest.importorskip("bittensor_wallet")
pytest.importorskip("uvicorn")

from live.validators import ALICE, MINER, axon, connected, head, post, signed
from obmm.agent import MarketMaker
from obmm.live.doors import serving
from obmm.live.doors.axon import AxonApp
from obmm.live.doors.guard import Guard
from obmm.live.doors.serving import Serving, listening
from obmm.live.keys import wallet_verifier
from obmm.live.session import Session

BODY = bodies(1, 1)[0]


def agent() -> MarketMaker:
    """A sound agent that quotes at once."""
    return MarketMaker(quoting())


def closed_after_s(client: socket.socket) -> float:
    """Real seconds until the other side hangs up."""
    began = time.monotonic()
    with contextlib.suppress(ConnectionResetError):
        while client.recv(1000):
            pass
    return time.monotonic() - began


def test_a_sender_of_a_header_now_and_then_is_hung_up_on(monkeypatch):
    """Time runs from the first byte, however many follow; others are answered meanwhile."""
    monkeypatch.setattr(serving, "HEADERS_S", 0.3)
    with axon(Session(agent())) as (url, _), connected(url) as client:
        stop = threading.Event()

        def drip():
            with contextlib.suppress(OSError):
                for byte in head(signed(), 10):
                    client.sendall(bytes([byte]))
                    if stop.wait(0.05):
                        return

        dripping = threading.Thread(target=drip)
        dripping.start()
        assert 200 == post(url, BODY).status_code
        assert 0.0 < closed_after_s(client) < 10.0
        stop.set()
        dripping.join()


def test_a_second_request_has_its_own_time(monkeypatch):
    """A connection that is kept is not hung up on between requests, but within one."""
    monkeypatch.setattr(serving, "HEADERS_S", 0.2)
    with axon(Session(agent())) as (url, _), httpx.Client() as client:
        for _ in range(2):
            assert (
                200
                == client.post(
                    url + "/MarketSimulationStateUpdate", content=BODY, headers=signed()
                ).status_code
            )
            time.sleep(0.3)
        with connected(url) as raw:
            raw.sendall(head(signed(), len(BODY)) + BODY)
            assert raw.recv(100).startswith(b"HTTP/1.1 200")
            raw.sendall(b"POST /")
            assert closed_after_s(raw) < 10.0


def test_a_thousand_idle_connections_keep_nobody_out(monkeypatch):
    """Beyond the bound those that have said nothing for longest are closed."""
    monkeypatch.setattr(serving, "MAX_CONNECTIONS", 100)
    with axon(Session(agent())) as (url, _), contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(url)) for _ in range(300)]
        assert 200 == post(url, BODY).status_code
        closed = 0
        for client in idle:
            client.setblocking(False)
            try:
                closed += client.recv(1) == b""
            except ConnectionResetError:
                closed += 1
            except BlockingIOError:
                pass
        assert 195 <= closed <= 210


@pytest.mark.long
def test_a_thousand_real_idle_connections():
    """With the bounds as they are a request is answered between them, and they are gone in seconds."""
    serving.allow_connections()
    with axon(Session(agent())) as (url, _), contextlib.ExitStack() as stack:
        idle = [stack.enter_context(connected(url)) for _ in range(1000)]
        assert 200 == post(url, BODY).status_code
        assert all(closed_after_s(client) < 2 * serving.HEADERS_S for client in idle)


@pytest.mark.parametrize(
    "garbage", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"A" * 200_000, b"POST / HTTP/9.9\r\n\r\n"]
)
def test_garbage_ends_its_connection_and_nothing_else(garbage):
    """A port on the internet is probed all day."""
    with axon(Session(agent())) as (url, _):
        with connected(url) as client:
            with contextlib.suppress(OSError):
                client.sendall(garbage)
                client.shutdown(socket.SHUT_WR)
            assert closed_after_s(client) < 10.0
        assert 200 == post(url, BODY).status_code


def test_senders_that_hang_up_leave_nothing_behind():
    """In the middle of a body, and while the agent thinks; the state is not lost to the agent."""
    maker = Gated()
    session = Session(maker, uid=0)
    with axon(session) as (url, app):
        with connected(url) as client:
            client.sendall(head(signed(), len(BODY)) + BODY[:20])
        with connected(url) as client:
            client.sendall(head(signed(), len(BODY)) + BODY)
            assert maker.asked.acquire(timeout=30.0)
        maker.gate.set()
        assert instructions_of(post(url, BODY).content) is not None
        assert [ALICE.ss58_address] * 2 == [validator for validator, _ in maker.seen]
        assert 1 <= app.counts.refused["gone"]


def test_an_end_under_load_is_quick_and_breaks_no_reply():
    """Whoever got an answer got a whole one."""
    session = Session(agent())
    app = AxonApp(session, MINER.ss58_address, wallet_verifier(), Guard(allowed={"all"}))
    server = Serving(app, "127.0.0.1", 0)
    server.start()
    url, stop, statuses = f"http://127.0.0.1:{server.port}", threading.Event(), []

    def load():
        while not stop.is_set():
            try:
                reply = post(url, BODY)
            except httpx.TransportError:
                return
            statuses.append(reply.status_code)
            assert instructions_of(reply.content) is not None

    loads = [threading.Thread(target=load) for _ in range(4)]
    for one in loads:
        one.start()
    while len(statuses) < 10:
        time.sleep(0.01)
    began = time.monotonic()
    server.close()
    session.close()
    assert time.monotonic() - began < 3.0
    stop.set()
    for one in loads:
        one.join(30.0)
    assert {200} == set(statuses)


def test_a_port_that_is_taken_is_told():
    """With the address, before anything else is done."""
    with listening("127.0.0.1", 0) as taken:
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use") as error:
            listening("127.0.0.1", port)
        assert f"127.0.0.1:{port}" == error.value.filename


@pytest.mark.long
def test_a_body_of_the_largest_size_holds_up_nobody():
    """It is taken in piece by piece, and refused; others are answered meanwhile."""
    with axon(Session(agent())) as (url, _):
        post(url, BODY)
        large, codes = threading.Event(), []

        def upload():
            codes.append(
                post(
                    url, b'{"timestamp": 1, "padding": "' + b"x" * (2**26 - 64) + b'"}', signed(timeout=12)
                ).status_code
            )
            large.set()

        uploading = threading.Thread(target=upload)
        uploading.start()
        worst_s = 0.0
        while not large.is_set():
            began = time.monotonic()
            assert 200 == post(url, BODY).status_code
            worst_s = max(worst_s, time.monotonic() - began)
        uploading.join()
        assert [400] == codes
        assert worst_s < 2.0


def test_a_server_that_does_not_start_is_an_error(monkeypatch):
    """Nobody waits for ever, or takes it for well."""
    server = Serving(
        AxonApp(Session(agent()), MINER.ss58_address, wallet_verifier(), Guard()), "127.0.0.1", 0
    )
    monkeypatch.setattr(server._server, "run", lambda **_: None)
    with pytest.raises(RuntimeError, match="did not start"):
        server.start()
    server.close()

"""The network's door: what a validator's request must be, and what it is told."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest

from live.agents import Gated, bodies, gathered, instructions_of, quoting

pytest.importorskip("bittensor_wallet")
pytest.importorskip("uvicorn")

from live.validators import ALICE, BOB, MINER, ROUTE, axon, connected, head, post, signed
from obmm.agent import MarketMaker
from obmm.live.doors.guard import Guard
from obmm.live.session import Session

S = 10**9


def agent() -> MarketMaker:
    """A sound agent that quotes at once."""
    return MarketMaker(quoting())


@pytest.fixture(scope="module")
def door():
    """A server with a sound agent, and its application."""
    session = Session(agent(), uid=0)
    with axon(session) as served:
        yield served
    session.close()


BODY = bodies(1, 1)[0]


def test_a_good_request_is_answered_as_the_session_answers(door):
    """Byte for byte, with the headers that a client takes the status from."""
    url, app = door
    reply = post(url, BODY)
    assert (200, Session(agent(), uid=0).answer(BODY, sender=ALICE.ss58_address)) == (
        reply.status_code,
        reply.content,
    )
    assert instructions_of(reply.content)
    assert ("200", "Success") == (
        reply.headers["bt_header_axon_status_code"],
        reply.headers["bt_header_axon_status_message"],
    )
    assert 0.0 < float(reply.headers["bt_header_axon_process_time"]) < 30.0
    assert {ALICE.ss58_address} == set(app.counts.answered)


BAD = {
    "no permitted hotkey": (403, lambda: signed(MINER)),
    "signed for another": (401, lambda: signed(receiver=BOB)),
    "wrong signature": (401, lambda: signed(bt_header_dendrite_signature="0x" + "ab" * 64)),
    "signature of another length": (401, lambda: signed(bt_header_dendrite_signature="0xabcd")),
    "signature that is no hex": (401, lambda: signed(bt_header_dendrite_signature="0xzz")),
    "no signature": (401, lambda: signed(bt_header_dendrite_signature=None)),
    "signed by another": (401, lambda: signed(BOB, bt_header_dendrite_hotkey=ALICE.ss58_address)),
    "no nonce": (401, lambda: signed(bt_header_dendrite_nonce=None)),
    "hotkey that is no address": (403, lambda: signed(bt_header_dendrite_hotkey="5nobody")),
    "no hotkey": (401, lambda: signed(bt_header_dendrite_hotkey=None)),
    "no field header": (400, lambda: signed(bt_header_input_obj_timestamp=None)),
    "nonce that is no number": (400, lambda: signed(bt_header_dendrite_nonce="soon")),
    "nonce that is negative": (400, lambda: signed(bt_header_dendrite_nonce="-5")),
    "nonce of another script": (400, lambda: {**signed(), "bt_header_dendrite_nonce": "\u0663".encode()}),
    "timeout that is no number": (400, lambda: signed(timeout="soon")),
    "timeout that is nan": (400, lambda: signed(timeout="nan")),
    "timeout without end": (400, lambda: signed(timeout="inf")),
    "no headers at all": (400, dict),
    "hash of another body": (400, lambda: signed(body_hash="ab" * 32)),
    "changed hash": (401, lambda: signed(computed_body_hash="ab" * 32)),
}


@pytest.mark.parametrize("case", BAD)
def test_headers_that_are_refused(door, case):
    """With the status for it, and a message; the agent sees nothing."""
    url, app = door
    status, headers = BAD[case]
    before = (
        app.session.maker.states,
        app.counts.answered.total(),
        app.counts.refused.total(),
        len(app.nonces),
    )
    reply = post(url, BODY, headers())
    assert (status, str(status)) == (reply.status_code, reply.headers["bt_header_axon_status_code"])
    assert reply.json()["message"]
    states, answered, refused, nonces = before
    assert (states, answered) == (app.session.maker.states, app.counts.answered.total())
    assert (refused + 1, nonces) == (app.counts.refused.total(), len(app.nonces))


@pytest.mark.parametrize(
    "body",
    [b"", b"not JSON", b"[]", b'{"version": 54}', b'{"timestamp": "soon"}', b"\xff\xfe", b"[" * 50_000],
)
def test_bodies_that_are_no_message_are_refused(door, body):
    """400, whatever it is."""
    url, _ = door
    assert 400 == post(url, body).status_code


def test_a_get_without_a_body_is_refused(door):
    """The route is registered for it, as in the stock axon."""
    url, _ = door
    assert 400 == httpx.get(url + ROUTE, headers=signed()).status_code
    assert 404 == httpx.put(url + ROUTE, headers=signed(), content=BODY).status_code


@pytest.mark.parametrize(
    "route", ["/", "/Nothing", "/ExchangeStateUpdate", "/GenTRXAssignment", ROUTE + "/x"]
)
def test_unknown_routes_are_not_found(door, route):
    """With JSON, as a client expects of everything."""
    url, _ = door
    reply = post(url, BODY, route=route)
    assert (404, "Synapse name not found") == (reply.status_code, reply.json()["message"])


def test_axon_headers_are_not_needed(door):
    """Nobody looks at them."""
    url, _ = door
    headers = {name: value for name, value in signed().items() if not name.startswith("bt_header_axon")}
    assert 200 == post(url, BODY, headers).status_code


def test_a_body_that_names_another_sender_changes_nothing():
    """The agent is told of the one who signed."""
    seen = []
    maker = agent()
    maker.listeners.append(lambda decision: seen.append(decision.state.venue.validator))
    lying = msgspec.json.decode(BODY) | {"dendrite": {"hotkey": BOB.ss58_address}}
    with axon(Session(maker)) as (url, _):
        assert 200 == post(url, msgspec.json.encode(lying)).status_code
    assert [ALICE.ss58_address] == seen


def test_a_request_is_good_once(door):
    """Replayed it is refused; the same nonce of another client, signed anew, is another request."""
    url, app = door
    known = len(app.nonces)
    headers, nonce = signed(uuid="a"), time.time_ns()
    assert [200, 401] == [post(url, BODY, headers).status_code for _ in range(2)]
    assert [200, 200] == [post(url, BODY, signed(nonce=nonce, uuid=uuid)).status_code for uuid in "bc"]
    assert 401 == post(url, BODY, signed(nonce=nonce - 1, uuid="b")).status_code
    assert 200 == post(url, BODY, signed(uuid="b")).status_code
    assert known + 3 == len(app.nonces)


@pytest.mark.parametrize(
    ("age_s", "timeout", "status"),
    [
        (6.5, 3.0, 200),
        (7.5, 3.0, 401),
        (30.0, 100.0, 401),
        (15.0, 100.0, 200),
        (-4.0, 3.0, 200),
        (-6.0, 3.0, 401),
    ],
)
def test_clocks_may_differ_by_a_little(door, age_s, timeout, status):
    """Old requests, and those of the future; a longer timeout, which nobody signs, does not help much."""
    url, app = door
    nonce, known = time.time_ns() - int(age_s * S), len(app.nonces)
    assert status == post(url, BODY, signed(nonce=nonce, timeout=timeout)).status_code
    assert known + (status == 200) == len(app.nonces)


def test_validators_with_little_stake_are_refused():
    """Those named are answered without any."""
    stakes = {ALICE.ss58_address: 50.0, BOB.ss58_address: 5000.0}
    guard = Guard(allowed={MINER.ss58_address}, validators=lambda: stakes, min_stake=1000.0)
    with axon(Session(agent()), guard=guard) as (url, _):
        assert [403, 200, 200] == [post(url, BODY, signed(k)).status_code for k in (ALICE, BOB, MINER)]


@pytest.mark.parametrize("route", ["/FinanceEventNotification", "/EventNotification"])
def test_news_are_acknowledged(door, route):
    """All that was sent comes back, marked as heard; only who signs is answered."""
    url, _ = door
    news = {"timestamp": 5, "event": {"y": "ESE", "t": 7}, "acknowledged": False}
    reply = post(url, msgspec.json.encode(news), signed(bt_header_input_obj_timestamp=None), route)
    assert (200, news | {"acknowledged": True}) == (reply.status_code, reply.json())
    assert 401 == post(url, b"{}", signed(receiver=BOB), route).status_code
    assert 400 == post(url, b"[]", route=route).status_code
    assert 413 == post(url, b" " * (2**20 + 1), route=route).status_code


def test_a_ping_comes_back(door):
    """A validator sees whether we are there."""
    url, _ = door
    reply = post(url, b'{"name": "Synapse"}', route="/Synapse")
    assert (200, {"name": "Synapse"}) == (reply.status_code, reply.json())


def test_large_bodies(door):
    """Two megabytes are usual; what no venue sends is refused, told or chunked."""
    url, _ = door
    padded = msgspec.json.decode(BODY) | {"padding": "x" * 2_000_000}
    assert 200 == post(url, msgspec.json.encode(padded)).status_code
    large = b'{"timestamp": 1, "padding": "' + b"x" * (17 * 2**20) + b'"}'
    assert 400 == post(url, large, signed(timeout=12.0)).status_code
    with connected(url) as client:
        client.sendall(head(signed(), 65 * 2**20))
        assert client.recv(100).startswith(b"HTTP/1.1 413")
    assert 200 == post(url, BODY).status_code


def test_two_validators_interleaved_are_answered_as_each_alone():
    """Own simulation, own memory."""
    streams = {ALICE: bodies(1, 4), BOB: bodies(2, 4)}
    expected = {}
    for sender, stream in streams.items():
        session = Session(agent())
        expected[sender.ss58_address] = [session.answer(b, sender=sender.ss58_address) for b in stream]
    got = {sender.ss58_address: [] for sender in streams}
    with axon(Session(agent())) as (url, _):
        for i in range(4):
            for sender, stream in streams.items():
                got[sender.ss58_address].append(post(url, stream[i], signed(sender)).content)
    assert expected == got


def test_an_agent_slower_than_the_timeout_gives_an_answer_without_orders_in_time():
    """A client that waits 0.2 s has it before; the agent sees the state all the same."""
    maker = Gated()
    session = Session(maker, uid=0)
    wait = gathered(session, 1)
    with axon(session) as (url, _):
        reply = post(url, BODY, signed(timeout=0.2))
        assert (200, []) == (reply.status_code, instructions_of(reply.content))
        assert float(reply.headers["bt_header_axon_process_time"]) >= 0.2
        maker.gate.set()
        assert wait()[0].decision is not None


def test_requests_wait_neither_for_each_other_nor_for_a_slow_body(door):
    """Ten slow senders hold up nobody."""
    url, _ = door
    release = threading.Event()

    def slowly():
        yield BODY[:10]
        assert release.wait(30.0)
        yield BODY[10:]

    with ThreadPoolExecutor(10) as pool:
        slow = [pool.submit(post, url, slowly(), signed(timeout=12.0)) for _ in range(10)]
        assert [200] * 3 == [post(url, BODY).status_code for _ in range(3)]
        release.set()
        assert [200] * 10 == [one.result().status_code for one in slow]


def test_a_body_that_does_not_come_in_time_is_given_up(door):
    """The sender has given up as well."""
    url, _ = door
    with connected(url) as client:
        client.sendall(head(signed(timeout=0.1), len(BODY)) + BODY[:10])
        assert client.recv(100).startswith(b"HTTP/1.1 408")

"""A stand-in validator asks agents of every kind over HTTP; none of them ends it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import attrs
import msgspec
import pytest

from live.desk_agents import Behaviour, Reply, our_agent, serving
from obmm.agent import MarketMaker, resolve
from obmm.live.session import Session
from obmm.live.validator import AxonDoor, Desk, DoorError, HarnessDoor, Signer
from obmm.testing import random_states
from obmm.wire import WireError
from obmm.wire.check import check

STATES = list(random_states(5, 4, n_books=2))
NOTHING = json.dumps({"agent_id": 0, "instructions": []}).encode()


def desk_for(*addresses: str, timeout_s: float = 3.0, version: int = 54) -> Desk:
    """A desk that asks these agents as the harness does."""
    return Desk(
        [HarnessDoor.at(address) for address in addresses],
        validator="proxy",
        version=version,
        timeout_s=timeout_s,
    )


@pytest.mark.parametrize("version", [35, 54, 61, 63])
def test_our_agent_over_the_wire_decides_as_in_process(version: int) -> None:
    """The instructions that come back are the agent's, of every version of the message."""
    maker = MarketMaker(resolve("touch"))
    with our_agent("touch") as address, desk_for(address, version=version) as desk:
        for state in STATES:
            answered = desk.ask({0: state})[0]
            expected, _ = check(maker.respond(state), state)
            assert answered.orders is not None
            assert expected.client_id.tolist() == answered.orders.client_id.tolist()
            assert expected.book.tolist() == answered.orders.book.tolist()
        assert {"answered": 4, "asked": 4, "dropped": {}} == {
            name: desk.told()[0][name] for name in ("answered", "asked", "dropped")
        }


def sleepy(path: str, headers: dict[str, str], body: bytes) -> Reply:
    """Answers when nobody waits any more."""
    time.sleep(1.5)
    return Reply(NOTHING)


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (lambda *_: Reply(b"<html>"), "INVALID"),
        (lambda *_: Reply(b""), "INVALID"),
        (lambda *_: Reply(b'{"agent_id": 1, "instructions": []}'), "WRONG_AGENT"),
        (lambda *_: Reply(b"no", 500), "HTTP_500"),
        (lambda *_: Reply(b"", 307, {"location": "http://127.0.0.1:1/handle"}), "REDIRECT"),
        (lambda *_: Reply(status=None), "CUT_OFF"),
        (lambda *_: Reply(b"x", headers={"content-length": "100"}), "TIMEOUT"),
        (lambda *_: Reply(b"x", headers={"content-encoding": "gzip"}), "INVALID"),
        (sleepy, "TIMEOUT"),
    ],
)
def test_agents_that_fail_are_counted_and_hold_nobody_up(behaviour: Behaviour, reason: str) -> None:
    """A good agent beside them is answered for, every time."""
    with (
        serving(behaviour) as bad,
        serving(lambda *_: Reply(json.dumps({"agent_id": 1, "instructions": []}).encode())) as good,
        desk_for(bad, good, timeout_s=1.0) as desk,
    ):
        rounds = 1 if reason == "TIMEOUT" else 2
        for states in [(state, attrs.evolve(state, uid=1)) for state in STATES[:rounds]]:
            answered = desk.ask(dict(enumerate(states)))
            assert (None, reason) == (answered[0].orders, answered[0].problem)
            assert answered[1].orders is not None
        assert {reason: rounds} == desk.told()[0]["dropped"]
        assert desk.told()[0]["problems"]


def test_more_than_any_answer_holds_is_not_read_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that never stops talking does not fill the memory."""
    monkeypatch.setattr("obmm.live.validator.doors.MAX_ANSWER_BYTES", 1000)
    with serving(lambda *_: Reply(b"x" * 5000)) as address, desk_for(address) as desk:
        assert "TOO_LARGE" == desk.ask({0: STATES[0]})[0].problem


def test_an_agent_that_dies_and_comes_back_is_heard_again() -> None:
    """Nothing needs to be told or restarted."""
    with serving(lambda *_: Reply(NOTHING)) as address:
        desk = desk_for(address)
        assert "" == desk.ask({0: STATES[0]})[0].problem
    with desk:
        problems = {desk.ask({0: STATES[1]})[0].problem for _ in range(2)}
        assert problems <= {"UNREACHABLE", "CUT_OFF"}
        with serving(lambda *_: Reply(NOTHING), port=int(address.rpartition(":")[2])):
            answers = [desk.ask({0: STATES[2]})[0].problem for _ in range(3)]
        assert "" == answers[-1]


def test_all_agents_are_asked_at_once() -> None:
    """Each waits for the other's request before it answers."""
    together = threading.Barrier(3, timeout=5.0)

    def waits(path: str, headers: dict[str, str], body: bytes) -> Reply:
        together.wait()
        uid = int(next(iter(msgspec.json.decode(body)["accounts"])))
        return Reply(json.dumps({"agent_id": uid, "instructions": []}).encode())

    with (
        serving(waits) as one,
        serving(waits) as two,
        serving(waits) as three,
        desk_for(one, two, three) as desk,
    ):
        states = {uid: attrs.evolve(STATES[0], uid=uid) for uid in range(3)}
        assert ["", "", ""] == [answered.problem for answered in desk.ask(states).values()]


def test_the_harness_is_posted_what_the_proxy_posts() -> None:
    """In the open, from "proxy", to /handle."""
    seen: list[tuple[str, bytes]] = []

    def notes(path: str, headers: dict[str, str], body: bytes) -> Reply:
        seen.append((path, body))
        return Reply(NOTHING)

    with serving(notes) as address, desk_for(address) as desk:
        desk.tell({"y": "ESS", "t": 0})
        desk.ask({0: STATES[0]})
    (path, body), told = seen[0], msgspec.json.decode(seen[0][1])
    assert ("/handle", "proxy", None) == (path, told["dendrite"]["hotkey"], told["compressed"])
    assert {"0", "1"} == set(told["books"])
    assert len(body) > 1000


@pytest.fixture(scope="module")
def miner() -> Signer:
    """The keys of a miner."""
    pytest.importorskip("bittensor_wallet")
    return Signer("//miner")


@pytest.fixture
def session() -> Iterator[Session]:
    """An agent of ours behind no door."""
    session = Session(MarketMaker(resolve("touch")), budget_s=10.0)
    yield session
    session.close()


def test_an_axon_is_asked_with_a_signature_that_holds(miner: Signer, session: Session) -> None:
    """The signed text is made of the headers and the receiver, and each nonce is newer than the last."""
    from bittensor_wallet import Keypair

    validator = Signer("//validator-1")
    seen: list[tuple[str, dict[str, str]]] = []

    def axon(path: str, headers: dict[str, str], body: bytes) -> Reply:
        seen.append((path, headers))
        if path != "/MarketSimulationStateUpdate":
            return Reply(b"{}", 404)
        return Reply(
            session.answer(body, sender=validator.hotkey), headers={"bt_header_axon_status_code": "200"}
        )

    with serving(axon) as address:
        door = AxonDoor.at(address.replace("http://", f"http://{miner.hotkey}@"), validator)
        with Desk([door], validator=validator.hotkey, version=54) as desk:
            desk.tell({"y": "ESS", "t": 0})
            assert ["", ""] == [desk.ask({0: state})[0].problem for state in STATES[:2]]
    assert ["FinanceEventNotification", *["MarketSimulationStateUpdate"] * 2] == [p[1:] for p, _ in seen]
    for path, headers in seen:
        told = {name.removeprefix("bt_header_"): value for name, value in headers.items()}
        text = ".".join(
            told[name]
            for name in (
                "dendrite_nonce",
                "dendrite_hotkey",
                "axon_hotkey",
                "dendrite_uuid",
                "computed_body_hash",
            )
        )
        assert miner.hotkey == told["axon_hotkey"]
        assert path[1:] == told["name"]
        signature = bytes.fromhex(told["dendrite_signature"].removeprefix("0x"))
        assert Keypair(ss58_address=validator.hotkey).verify(text, signature)
    nonces = [int(headers["bt_header_dendrite_nonce"]) for _, headers in seen]
    assert nonces == sorted(set(nonces))


def test_our_own_server_answers_two_validators_at_once(session: Session) -> None:
    """Both are let in by name, a third is not, and each gets what the agent decides for it alone."""
    pytest.importorskip("uvicorn")
    from obmm.live.doors.axon import AxonApp
    from obmm.live.doors.guard import Guard
    from obmm.live.doors.serving import Serving
    from obmm.live.keys import wallet_verifier

    signers = [Signer(f"//validator-{number}") for number in range(3)]
    hotkey = Signer("//miner").hotkey
    app = AxonApp(session, hotkey, wallet_verifier(), Guard(allowed={one.hotkey for one in signers[:2]}))
    with Serving(app, "127.0.0.1", 0) as server:
        address = f"http://{hotkey}@127.0.0.1:{server.port}"
        desks = [
            Desk([AxonDoor.at(address, one)], validator=one.hotkey, version=version)
            for one, version in zip(signers, (54, 35, 63), strict=True)
        ]
        for desk in desks:
            desk.tell({"y": "ESS", "t": 0})
        for state in STATES:
            problems = [desk.ask({0: state})[0].problem for desk in desks]
            assert ["", "", "HTTP_403"] == problems
        for desk in desks:
            desk.close()
    assert {signers[0].hotkey: 4, signers[1].hotkey: 4} == dict(app.counts.answered)
    assert 2 == len(app.nonces)


def test_a_status_of_the_axon_counts_as_the_dendrite_counts_it(miner: Signer) -> None:
    """A 200 without the axon's own header is a failure to a validator."""
    with serving(lambda *_: Reply(b"{}")) as address:
        door = AxonDoor.at(address.replace("http://", f"http://{miner.hotkey}@"), Signer("//validator-1"))
        with Desk([door], validator="v", version=54) as desk:
            assert "AXON_STATUS" == desk.ask({0: STATES[0]})[0].problem


def test_a_reply_without_a_response_is_counted(miner: Signer) -> None:
    """The axon's word, no instructions at all."""
    body = json.dumps({"timestamp": 1, "version": 54}).encode()
    with serving(lambda *_: Reply(body, headers={"bt_header_axon_status_code": "200"})) as address:
        door = AxonDoor.at(address.replace("http://", f"http://{miner.hotkey}@"), Signer("//validator-1"))
        with Desk([door], validator="v", version=54) as desk:
            assert "NO_RESPONSE" == desk.ask({0: STATES[0]})[0].problem


@pytest.mark.parametrize(
    "address",
    [
        "",
        "8888",
        "https://127.0.0.1:1",
        "http://127.0.0.1",
        "http://127.0.0.1:99999",
        "http://a:1/else",
        "http://[:1",
    ],
)
def test_addresses_that_are_none_are_refused(address: str) -> None:
    """The message says what one looks like, or what is wrong."""
    with pytest.raises(DoorError, match="is no address of an agent"):
        HarnessDoor.at(address)


def test_an_axon_needs_its_hotkey(miner: Signer) -> None:
    """A request is signed for one receiver."""
    with pytest.raises(DoorError, match=r"HOTKEY@127\.0\.0\.1:8091"):
        AxonDoor.at("127.0.0.1:8091", miner)
    assert "[::1]:8091" == AxonDoor.at(f"http://{miner.hotkey}@[::1]:8091", miner).name


def test_doors_raise_wire_errors_alone() -> None:
    """What they cannot read is an error of the wire."""
    with pytest.raises(WireError):
        HarnessDoor.at("127.0.0.1:1").read(b"?", 54)

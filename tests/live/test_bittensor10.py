"""Against bittensor 10 itself: its dendrite asks our server, its axon serves our handler, its chain."""

from __future__ import annotations

import asyncio
import base64
import time
from importlib import metadata
from typing import Any, ClassVar
from unittest.mock import MagicMock

import pytest

try:
    INSTALLED = metadata.version("bittensor")
except metadata.PackageNotFoundError:
    INSTALLED = "none"
if not INSTALLED.startswith("10."):
    pytest.skip(f"needs bittensor 10 (installed: {INSTALLED})", allow_module_level=True)

import bittensor
import msgspec
from bittensor.core.types import ExtrinsicResponse
from bittensor.utils import networking
from bittensor_wallet import Wallet

from live.agents import Gated, bodies, gathered, instructions_of, quoting
from live.validators import ALICE, BOB, MINER, axon
from obmm.agent import MarketMaker
from obmm.live.chain import ChainError, Place, chain_for
from obmm.live.chain.bittensor10 import Chain10
from obmm.live.doors.guard import Guard
from obmm.live.doors.serving import listening
from obmm.live.session import Session

pytestmark = pytest.mark.filterwarnings("default")


class MarketSimulationStateUpdate(bittensor.Synapse):
    """The subnet's message, as far as its transport is concerned."""

    model: str = "im"
    version: int | None = None
    timestamp: int
    config: Any = None
    books: Any = None
    accounts: Any = None
    notices: Any = None
    response: Any = None
    compressed: Any = None
    compression_engine: str | None = "lz4"


class FinanceEventNotification(bittensor.Synapse):
    """News of a validator."""

    timestamp: int
    event: Any = None
    acknowledged: bool = False


class Hashed(MarketSimulationStateUpdate):
    """A message that signs a field, which ours does not."""

    required_hash_fields: ClassVar[tuple[str, ...]] = ("timestamp",)


Hashed.__name__ = "MarketSimulationStateUpdate"


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """Nobody looks up a public address."""
    monkeypatch.setattr(networking, "get_external_ip", lambda: "127.0.0.9")


def agent() -> MarketMaker:
    """A sound agent that quotes at once."""
    return MarketMaker(quoting())


def message(body: bytes, cls=MarketSimulationStateUpdate) -> bittensor.Synapse:
    """A request as a validator makes it."""
    told = msgspec.json.decode(body)
    names = ("version", "timestamp", "compressed", "compression_engine")
    return cls(**{name: told[name] for name in names})


def info(url: str, hotkey: str = MINER.ss58_address) -> bittensor.AxonInfo:
    """Where a validator finds an axon."""
    port = int(url.rsplit(":", 1)[1])
    return bittensor.AxonInfo(
        version=10_005_000, ip="127.0.0.1", port=port, ip_type=4, hotkey=hotkey, coldkey=hotkey
    )


def asked(
    url: str, *synapses: bittensor.Synapse, sender=ALICE, receiver=MINER.ss58_address, timeout=5.0
) -> list[Any]:
    """What becomes of messages that one dendrite sends together."""

    async def ask() -> list[Any]:
        dendrite = bittensor.Dendrite(wallet=sender)
        try:
            calls = [
                dendrite.call(info(url, receiver), one, timeout=timeout, deserialize=False)
                for one in synapses
            ]
            return list(await asyncio.gather(*calls))
        finally:
            await dendrite.aclose_session()

    return asyncio.run(ask())


def reply_of(synapse: bittensor.Synapse) -> list[dict[str, Any]]:
    """The instructions that a validator finds in what came back."""
    told = {name: getattr(synapse, name) for name in ("version", "compressed", "response")}
    return instructions_of(msgspec.json.encode(told))


def status(synapse: bittensor.Synapse) -> int:
    """How it went, as a validator sees it."""
    return int(synapse.dendrite.status_code)


def test_a_dendrite_gets_our_instructions():
    """All that it needs is there: status, version, blob; and it saw how long that took."""
    with axon(Session(agent(), uid=0)) as (url, _):
        for body in bodies(1, 3):
            [synapse] = asked(url, message(body))
            assert (200, True, "Success") == (
                status(synapse),
                synapse.is_success,
                synapse.dendrite.status_message,
            )
            assert float(synapse.dendrite.process_time) < 5.0
            told = msgspec.json.decode(body)
            assert (told["timestamp"], told["version"]) == (synapse.timestamp, synapse.version)
            alone = Session(agent(), uid=0)
            assert instructions_of(alone.answer(body, sender=ALICE.ss58_address)) == reply_of(synapse)


@pytest.mark.parametrize("version", [35, 45, 54, 61, 63])
@pytest.mark.parametrize("engine", ["lz4", "zlib", "zstd"])
def test_every_version_and_engine(version, engine):
    """Two codecs, three compressions."""
    with axon(Session(agent(), uid=0)) as (url, _):
        [synapse] = asked(url, message(bodies(1, 1, version=version, engine=engine)[0]))
        assert (200, version, engine) == (status(synapse), synapse.version, synapse.compression_engine)
        assert reply_of(synapse)


def test_rows_that_are_refused():
    """Signed for another, not permitted, unknown route, a hash of another body, no validator's key."""
    body = bodies(1, 1)[0]
    nothing = type("Nothing", (MarketSimulationStateUpdate,), {})
    with axon(Session(agent()), guard=Guard(allowed={ALICE.ss58_address})) as (url, app):
        assert 401 == status(asked(url, message(body), receiver=BOB.ss58_address)[0])
        assert 403 == status(asked(url, message(body), sender=BOB)[0])
        assert 404 == status(asked(url, message(body, nothing))[0])
        assert 400 == status(asked(url, message(body, Hashed))[0])
        assert {} == dict(app.counts.answered)


def test_requests_that_come_together_are_answered_one_by_one():
    """Twelve at once of one dendrite, as a fan-out sends them to the miners of one machine."""
    with axon(Session(agent(), uid=0)) as (url, app):
        answers = asked(url, *(message(body) for body in bodies(1, 6)), timeout=12.0)
        assert [200] * 6 == [status(one) for one in answers]
        assert 6 == app.counts.answered[ALICE.ss58_address]


def test_two_validators_interleaved():
    """Each as if it were alone, also when one goes back in time, repeats itself and stops."""
    streams = {ALICE: bodies(1, 4), BOB: bodies(2, 4)}
    streams[BOB] += [streams[BOB][0], streams[BOB][3], streams[BOB][3]]
    expected = {}
    for sender, stream in streams.items():
        session = Session(agent(), uid=0)
        replies = (session.answer(body, sender=sender.ss58_address) for body in stream)
        expected[sender.ss58_address] = [instructions_of(reply) for reply in replies]
    got: dict[str, list[Any]] = {sender.ss58_address: [] for sender in streams}
    with axon(Session(agent(), uid=0)) as (url, _):
        for i in range(7):
            for sender, stream in streams.items():
                if i < len(stream):
                    got[sender.ss58_address].append(
                        reply_of(asked(url, message(stream[i]), sender=sender)[0])
                    )
    assert expected == got


def test_an_agent_slower_than_the_timeout():
    """The validator gets an answer without orders before it gives up."""
    maker = Gated()
    session = Session(maker, uid=0, budget_s=0.3)
    wait = gathered(session, 1)
    with axon(session) as (url, _):
        [synapse] = asked(url, message(bodies(1, 1)[0]), timeout=3.0)
        assert (200, []) == (status(synapse), reply_of(synapse))
        maker.gate.set()
        assert wait()[0].decision is not None


def test_news_are_acknowledged():
    """Outside of any step."""
    with axon(Session(agent())) as (url, _):
        [synapse] = asked(url, FinanceEventNotification(timestamp=5, event={"y": "ESE"}))
        assert (200, True, 5) == (status(synapse), synapse.acknowledged, synapse.timestamp)
        [ping] = asked(url, bittensor.Synapse())
        assert 200 == status(ping)


def test_large_messages():
    """A message of two megabytes, and one that no venue sends."""
    with axon(Session(agent(), uid=0)) as (url, _):
        large = message(bodies(1, 1)[0])
        large.books = base64.b64encode(bytes(1_500_000)).decode()
        assert 200 == status(asked(url, large)[0])
        large.books = "x" * 20_000_000
        assert 400 == status(asked(url, large, timeout=12.0)[0])


def test_the_stock_axon_with_our_session_gives_the_same_instructions(tmp_path):
    """Whoever prefers bittensor's own server keeps the answers."""
    wallet = Wallet(name="w", hotkey="h", path=str(tmp_path))
    wallet.create_if_non_existent(coldkey_use_password=False, hotkey_use_password=False, suppress=True)
    session = Session(agent(), uid=0)

    def forward(synapse):
        told = msgspec.json.encode(synapse.model_dump(mode="json"))
        reply = msgspec.json.decode(session.answer(told, sender=synapse.dendrite.hotkey))
        synapse.compressed, synapse.response = reply["compressed"], reply["response"]
        return synapse

    # The axon reads annotations, which are texts in this file.
    forward.__annotations__ = {"synapse": MarketSimulationStateUpdate, "return": MarketSimulationStateUpdate}
    with listening("127.0.0.1", 0) as free:
        port = free.getsockname()[1]
    stock = bittensor.Axon(
        wallet=wallet, port=port, ip="127.0.0.1", external_ip="127.0.0.1", external_port=port
    )
    stock.attach(forward).start()
    try:
        with axon(Session(agent(), uid=0)) as (url, _):
            for body in bodies(1, 3):
                [ours] = asked(url, message(body))
                theirs = None
                for _ in range(100):
                    [theirs] = asked(
                        f"http://127.0.0.1:{port}", message(body), receiver=wallet.hotkey.ss58_address
                    )
                    if status(theirs) != 503:
                        break
                    time.sleep(0.05)
                assert 200 == status(theirs)
                assert reply_of(ours) == reply_of(theirs)
    finally:
        stock.stop()


@pytest.fixture
def place(tmp_path):
    """A place with a wallet that has no coldkey but its public part."""
    wallet = Wallet(name="w", hotkey="h", path=str(tmp_path))
    wallet.create_if_non_existent(coldkey_use_password=False, hotkey_use_password=False, suppress=True)
    (tmp_path / "w" / "coldkey").unlink()
    return Place("ws://127.0.0.1:1", 79, "w", "h", tmp_path, wallet.hotkey.ss58_address)


def subtensor(response: ExtrinsicResponse) -> MagicMock:
    """The real class's calls down to the extrinsic, which is answered with `response`."""
    mock = MagicMock(spec=bittensor.Subtensor)
    mock.network = "mock"
    mock.sign_and_send_extrinsic.return_value = response
    mock.get_neuron_for_pubkey_and_subnet.return_value = MagicMock(is_null=True)
    mock.serve_axon.side_effect = lambda **told: bittensor.Subtensor.serve_axon(mock, **told)
    return mock


def test_what_is_published(place):
    """Pallet, function and parameters; signed by the hotkey, with no coldkey on this machine."""
    mock = subtensor(ExtrinsicResponse(True, "Success"))
    Chain10(place, mock).publish("203.0.113.7", 8091)
    [call] = mock.compose_call.call_args_list
    told = call.kwargs
    assert ("SubtensorModule", "serve_axon") == (told["call_module"], told["call_function"])
    expected = {
        "netuid": 79,
        "ip": 0xCB007107,
        "port": 8091,
        "ip_type": 4,
        "protocol": 4,
        "version": 10_005_000,
    }
    assert expected == {name: told["call_params"][name] for name in expected}
    assert "hotkey" == mock.sign_and_send_extrinsic.call_args.kwargs["sign_with"]


@pytest.mark.parametrize("message", ["ServingRateLimitExceeded", "NotRegistered", None])
def test_a_failed_response_is_a_failure_although_it_is_true(place, message):
    """bool(ExtrinsicResponse(False)) is True."""
    response = ExtrinsicResponse(False, message)
    assert bool(response)
    with pytest.raises(ChainError, match=message or "does not say why"):
        Chain10(place, subtensor(response)).publish("203.0.113.7", 8091)


def test_what_the_chain_knows_already_is_not_published_again(place):
    """Bittensor itself compares the record."""
    mock = subtensor(ExtrinsicResponse(True, "Success"))
    wallet = Wallet(name="w", hotkey="h", path=str(place.folder))
    keys = {"hotkey": place.address, "coldkey": wallet.coldkeypub.ss58_address}
    neuron = MagicMock(spec=bittensor.NeuronInfo, is_null=False, netuid=79, **keys)
    neuron.axon_info = bittensor.AxonInfo(version=10_005_000, ip="203.0.113.7", port=8091, ip_type=4, **keys)
    mock.get_neuron_for_pubkey_and_subnet.return_value = neuron
    Chain10(place, mock).publish("203.0.113.7", 8091)
    mock.sign_and_send_extrinsic.assert_not_called()


def test_validators_and_our_number(place):
    """Those with a permit, with their stakes; our number, or none."""
    mock = MagicMock(spec=bittensor.Subtensor)
    graph = bittensor.Metagraph(netuid=79, network="mock", sync=False)
    assert {"hotkeys", "validator_permit", "S"} <= set(dir(graph))
    mock.metagraph.return_value = MagicMock(hotkeys=["a", "b"], validator_permit=[True, False], S=[5.0, 9.0])
    mock.get_uid_for_hotkey_on_subnet.side_effect = [7, None]
    chain = Chain10(place, mock)
    assert ({"a": 5.0}, 7, None) == (chain.validators(), chain.uid(), chain.uid())
    chain.close()
    assert {"netuid": 79, "mechid": 0} == mock.metagraph.call_args.kwargs


def test_a_node_that_does_not_listen_is_a_connection_error(place):
    """As the registry expects it."""
    with pytest.raises((ConnectionError, OSError)):
        chain_for(place)()

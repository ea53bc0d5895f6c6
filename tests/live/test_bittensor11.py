"""Against bittensor 11 itself, which has no axon: its keys and its chain."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from importlib import metadata
from unittest.mock import AsyncMock, MagicMock

import pytest

try:
    INSTALLED = metadata.version("bittensor")
except metadata.PackageNotFoundError:
    INSTALLED = "none"
if int(INSTALLED.partition(".")[0].replace("none", "0")) < 11:
    pytest.skip(f"needs bittensor 11 (installed: {INSTALLED})", allow_module_level=True)

import bittensor
from bittensor.namespaces import Neurons
from bittensor.reads.neurons import Neuron
from bittensor.result import ExtrinsicResult

from obmm.live.chain import ChainError, Place, chain_for
from obmm.live.chain.bittensor11 import Chain11
from obmm.live.keys import hotkey_address, verifier

pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture(autouse=True)
def _swept():
    """What bittensor leaves open is closed here, and no other test is blamed for it."""
    yield
    gc.collect()


@pytest.fixture
def place(tmp_path):
    """A place with a wallet that has no coldkey."""
    wallet = bittensor.Wallet("w", "h", str(tmp_path))
    wallet.create_new_hotkey(use_password=False)
    return Place("ws://127.0.0.1:1", 79, "w", "h", tmp_path, wallet.hotkey.ss58_address)


def neuron(place: Place, **changed: object) -> Neuron:
    """What the chain tells of us."""
    told = {"ip": 0xCB007107, "port": 8091, "version": 10_005_000, "protocol": 4} | changed
    return Neuron(
        uid=7,
        hotkey=place.address,
        coldkey="5Cold",
        active=True,
        validator_permit=False,
        last_update=0,
        total_stake=bittensor.Balance.from_tao(1.0),
        raw={"axon_info": told},
    )


def subtensor(*neurons: Neuron, result: ExtrinsicResult | None = None) -> MagicMock:
    """A subtensor of the real shape, which knows some neurons."""
    mock = MagicMock(spec=bittensor.Subtensor)
    mock.neurons = MagicMock(spec=Neurons)
    mock.neurons.all = MagicMock(return_value=list(neurons))
    mock.neurons.uid = MagicMock(return_value=7 if neurons else None)
    mock.execute.return_value = ExtrinsicResult(True) if result is None else result
    return mock


def test_our_wallet_is_theirs(place):
    """One set of files for both versions."""
    assert place.address == hotkey_address("w", "h", place.folder)
    key = bittensor.Wallet("w", "h", str(place.folder)).hotkey
    assert verifier()(b"text", bytes(key.sign(b"text")), place.address)


def test_what_is_published(place):
    """The record of a 10.5 axon, signed by the hotkey."""
    mock = subtensor(neuron(place, port=9999))
    Chain11(place, mock).publish("203.0.113.7", 8091)
    intent, wallet = mock.execute.call_args.args
    assert "hotkey" == intent.signer
    assert (79, "203.0.113.7", 8091, 4, 10_005_000) == (
        intent.netuid,
        intent.ip,
        intent.port,
        intent.protocol,
        intent.version,
    )
    assert place.address == wallet.hotkey.ss58_address
    substrate = MagicMock(compose=AsyncMock())
    asyncio.run(intent.build(substrate, wallet))
    assert substrate.compose.called


def test_what_the_chain_knows_already_is_not_published_again(place):
    """It would spend the rate limit."""
    mock = subtensor(neuron(place))
    Chain11(place, mock).publish("203.0.113.7", 8091)
    mock.execute.assert_not_called()


def test_a_refusal_is_told(place):
    """With the chain's word, or without."""
    for message in ("ServingRateLimitExceeded", ""):
        mock = subtensor(result=ExtrinsicResult(False, message))
        with pytest.raises(ChainError, match=message or "does not say why"):
            Chain11(place, mock).publish("203.0.113.7", 8091)


def test_validators_and_our_number(place):
    """Those with a permit, with their stakes."""
    rich = dataclasses.replace(
        neuron(place), hotkey="5Rich", validator_permit=True, total_stake=bittensor.Balance.from_tao(5.0)
    )
    chain = Chain11(place, subtensor(neuron(place), rich))
    assert ({"5Rich": 5.0}, 7) == (chain.validators(), chain.uid())
    assert Chain11(place, subtensor()).uid() is None
    chain.close()


def test_a_node_that_does_not_listen_is_told_when_it_is_asked(place):
    """The registry tries again."""
    chain = chain_for(place)()
    with pytest.raises(Exception, match="could not connect"):
        chain.uid()
    chain.close()

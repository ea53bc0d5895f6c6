"""A stand-in validator asks the real axon of bittensor 10: its signature is good there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from live.stock import MarketSimulationStateUpdate, stock_axon
from obmm.agent import MarketMaker, resolve
from obmm.live.session import Session
from obmm.live.validator import AxonDoor, Desk, Signer
from obmm.testing import random_states

pytestmark = pytest.mark.filterwarnings("ignore")


def test_the_stock_axon_takes_two_validators_at_their_word(tmp_path: Path) -> None:
    """Signatures, nonces, bodies and events of both pass; a request for another miner does not."""
    session = Session(MarketMaker(resolve("touch")), budget_s=10.0)

    def answer(synapse: MarketSimulationStateUpdate) -> MarketSimulationStateUpdate:
        body = msgspec.json.encode(
            {
                "timestamp": synapse.timestamp,
                "version": synapse.version,
                "compressed": synapse.compressed,
                "compression_engine": synapse.compression_engine,
            }
        )
        reply = msgspec.json.decode(session.answer(body, sender=synapse.dendrite.hotkey))
        synapse.compressed = reply["compressed"]
        return synapse

    events: list[Any] = []
    with stock_axon(tmp_path, answer, events) as (address, hotkey):
        states = list(random_states(5, 3, n_books=2))
        for number, version in enumerate((54, 35)):
            validator = Signer(f"//validator-{number}")
            doors = [AxonDoor.at(f"http://{key}@{address}", validator) for key in (hotkey, validator.hotkey)]
            with Desk(doors, validator=validator.hotkey, version=version) as desk:
                desk.tell({"y": "ESS", "t": 0})
                for state in states:
                    answered = desk.ask({0: state, 1: state})
                    assert ("", "HTTP_401") == (answered[0].problem, answered[1].problem)
                assert 3 == desk.told()[0]["answered"]
    session.close()
    assert [{"y": "ESS", "t": 0}] * 2 == events

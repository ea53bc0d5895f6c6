"""Four doors, one session: the same states give the same instructions whichever way they come."""

from __future__ import annotations

import argparse
import io
import sys

import httpx
import msgspec
import pytest

from live import upstream
from live.agents import instructions_of

pytest.importorskip("bittensor_wallet")
pytest.importorskip("uvicorn")

from live.validators import axon, post
from obmm.agent import MarketMaker, resolve
from obmm.live.doors.harness import HarnessApp
from obmm.live.doors.serving import Serving
from obmm.live.doors.stream import serve_pipe
from obmm.live.plugin import agent_base
from obmm.live.session import Session
from obmm.testing import PaperOrders, random_states
from obmm.wire import encode_request
from obmm.wire.frames import Asked, Frame, encode_frame, read_frame

PRESET = "balanced"
#: Past the warm-up of the preset, which begins with the first state.
N_STATES = 75


def states():
    """States in which the agent's own orders stand."""
    paper, maker = PaperOrders(2), MarketMaker(resolve(PRESET))
    for bare in random_states(3, N_STATES, n_books=2, events_per_book=4.0):
        state = paper.dressed(bare)
        yield state
        paper.submit(state, maker.respond(state))


@pytest.fixture(scope="module")
def asked():
    """The states, and what an agent without any door says to them."""
    told, session = list(states()), agent()
    said = [instructions_of(session.answer(encode_request(state), sender="v")) for state in told]
    assert sum(map(len, said)) > 20
    return told, said


def agent(**form: bool) -> Session:
    """A session of its own."""
    return Session(MarketMaker(resolve(PRESET)), uid=0, **form)


def test_the_network(asked):
    """Signed requests, blobs."""
    told, said = asked
    with axon(agent()) as (url, _):
        assert said == [instructions_of(post(url, encode_request(state)).content) for state in told]


def test_the_harness(asked):
    """Posts in the open."""
    told, said = asked
    with Serving(HarnessApp(agent(harness=True)), "127.0.0.1", 0) as serving, httpx.Client() as client:
        url = f"http://127.0.0.1:{serving.port}/handle"
        replies = (
            client.post(url, content=encode_request(state, form="open"), timeout=30.0) for state in told
        )
        assert said == [instructions_of(reply.content) for reply in replies]


def test_the_stream(asked):
    """Frames, one reply after the other."""
    told, said = asked
    session, got = agent(), []
    for number, state in enumerate(told):
        out = io.BytesIO()
        serve_pipe(
            session,
            io.BytesIO(encode_frame(Frame(Asked(number=number, sender="v"), encode_request(state)))),
            out,
        )
        out.seek(0)
        got.append(instructions_of(read_frame(out).second))
    assert said == got


def test_the_subnets_own_miner(asked, monkeypatch, tmp_path):
    """The miner's steps around the plug-in."""
    told, said = asked
    made = upstream.modules()
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    plugin = type("Agent", (agent_base(),), {"preset": PRESET})
    miner = plugin(0, argparse.Namespace(data_dir=str(tmp_path), lazy_load=1.0))
    got = []
    for state in told:
        synapse = made["taos.im.protocol"].MarketSimulationStateUpdate(encode_request(state), "5Val")
        sent = upstream.forward(miner, synapse)
        got.append(
            instructions_of(
                msgspec.json.encode(
                    {"version": sent.version, "compressed": sent.compressed, "response": None}
                )
            )
        )
    assert said == got

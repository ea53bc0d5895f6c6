"""`obmm export-agent`: the file under the subnet's miner, and under its harness."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from live import upstream
from live.agents import bodies, instructions_of
from obmm.agent import MarketMaker, resolve
from obmm.live.session import Session

WORDS = ("base_order_size=0.5", "max_inventory_pct=0.30", "lazy_load=1")


@pytest.fixture
def subnet(monkeypatch):
    """The subnet's package, as far as an agent sees it; the miner's environment."""

    def install(*, old: bool = False):
        made = upstream.modules(old=old)
        for name, module in made.items():
            monkeypatch.setitem(sys.modules, name, module)
        return made["taos.im.protocol"].MarketSimulationStateUpdate

    return install


def expected(preset: str, words: tuple[str, ...], requests: list[bytes]) -> list[object]:
    """What the session itself would say."""
    session = Session(MarketMaker(resolve(preset, words)), uid=0)
    return [instructions_of(session.answer(body, sender="5Val")) for body in requests]


def answered(agent, state_class, requests: list[bytes]) -> list[object]:
    """What the miner sends back."""
    replies = (upstream.forward(agent, state_class(body, "5Val")) for body in requests)
    told = (
        {"version": one.version, "compressed": one.compressed, "response": one.response} for one in replies
    )
    return [instructions_of(msgspec.json.encode(one)) for one in told]


@pytest.mark.parametrize("old", [False, True], ids=["0.6", "0.5"])
@pytest.mark.parametrize("version", [35, 54])
def test_the_miner_sends_what_the_session_says(obmm, tmp_path, subnet, old, version):
    """Without unpacking a single state: the blobs go on as they came."""
    assert 0 == obmm("export-agent", "--preset", "touch", "--out", str(tmp_path)).status
    state_class = subnet(old=old)
    agent = upstream.loaded(tmp_path / "ObmmAgent.py", 0, *WORDS, f"data_dir={tmp_path}", "history_len=0")
    requests = bodies(1, 4, version=version)
    got = answered(agent, state_class, requests)
    assert expected("touch", WORDS, requests) == got
    assert any(got)
    assert 0 == state_class.unpacked


@pytest.mark.parametrize("lazy", [False, True])
def test_states_that_were_unpacked_are_answered_all_the_same(obmm, tmp_path, subnet, lazy):
    """As by whoever calls `handle` with a state of his own."""
    obmm("export-agent", "--preset", "touch", "--out", str(tmp_path))
    state_class = subnet()
    unpack = state_class.decompress
    agent = upstream.loaded(tmp_path / "ObmmAgent.py", 0, f"lazy_load={int(lazy)}", f"data_dir={tmp_path}")
    requests, got = bodies(1, 3), []
    for body in requests:
        state = state_class(body, "5Val")
        unpack(state, lazy=lazy)
        got.append(agent.respond(state).instructions)
    assert expected("touch", (), requests) == got
    assert len(requests) == state_class.unpacked


def test_the_seeds_agent_by_its_name_and_words(obmm, tmp_path, subnet):
    """Its command lines work word for word, and words go over what the file says."""
    name = "OrderBookImbalanceMarketMaker"
    said = obmm("export-agent", "--name", name, "--set", "size_base=2", "--out", str(tmp_path))
    assert f"-n {name}" in said.out
    subnet()
    agent = upstream.loaded(tmp_path / f"{name}.py", 0, *WORDS, f"data_dir={tmp_path}")
    assert resolve("balanced", WORDS).hash == agent.standing.session.maker.config_hash


def test_nothing_that_goes_wrong_becomes_an_exception(obmm, tmp_path, subnet):
    """It would be an HTTP 500, which counts as absent."""
    obmm("export-agent", "--out", str(tmp_path))
    state_class = subnet()
    agent = upstream.loaded(tmp_path / "ObmmAgent.py", -1, f"data_dir={tmp_path}")
    broken = state_class(bodies(1, 1)[0], "5Val")
    broken.compressed = {"books": "AAAA", "payload": "AAAA"}
    broken.decompress()
    assert [] == agent.handle(broken).instructions
    del broken.version
    with capture_logs() as logs:
        assert [] == agent.handle(broken).instructions
    assert ["a state is answered without orders"] == [line["event"] for line in logs]


def test_the_exchange_is_answered_with_its_own_kind_of_nothing(obmm, tmp_path, subnet):
    """From 0.6 on one agent is asked by both mechanisms."""
    obmm("export-agent", "--out", str(tmp_path))
    subnet()
    agent = upstream.loaded(tmp_path / "ObmmAgent.py", 3, f"data_dir={tmp_path}")
    response = agent.handle(upstream.ExchangeStateUpdate())
    assert (upstream.ExchangeAgentResponse, 3, []) == (
        type(response),
        response.agent_id,
        response.instructions,
    )


def test_parameters_that_change_while_the_miner_runs(obmm, tmp_path, subnet):
    """Good ones come in force with the next state, bad ones never."""
    obmm("export-agent", "--preset", "touch", "--out", str(tmp_path))
    state_class = subnet()
    agent = upstream.loaded(tmp_path / "ObmmAgent.py", 0, *WORDS, f"data_dir={tmp_path}")
    requests = bodies(1, 3)
    hashes = []
    for body, pending in zip(
        requests, (None, {"base_order_size": 0.9}, {"max_inventory_pct": "much"}), strict=True
    ):
        agent.pending = pending
        upstream.forward(agent, state_class(body, "5Val"))
        hashes.append(agent.standing.session.maker.config_hash)
    changed = resolve("touch", ("base_order_size=0.9", *WORDS[1:])).hash
    assert [resolve("touch", WORDS).hash, changed, changed] == hashes


def test_the_signature_is_the_base_classes_own(obmm, tmp_path, subnet):
    """The subnet's harness makes its route from the annotations."""
    obmm("export-agent", "--out", str(tmp_path))
    subnet()
    agent = upstream.loaded(tmp_path / "ObmmAgent.py", 0, f"data_dir={tmp_path}")
    base = inspect.signature(upstream.FinanceAgentBase.handle)
    assert list(base.parameters.values())[1:] == list(inspect.signature(agent.handle).parameters.values())
    assert base.return_annotation == inspect.signature(agent.handle).return_annotation


def test_the_harness_starts_the_same_file(obmm, tmp_path):
    """As its launcher does, with nothing of the subnet installed; SIGTERM ends it."""
    pytest.importorskip("uvicorn")
    obmm("export-agent", "--preset", "touch", "--out", str(tmp_path))
    command = [sys.executable, "ObmmAgent.py", "--port", "0", "--agent_id", "0", "--params", *WORDS]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = next(one for one in process.stderr if "answers the harness" in one)
            replies = [
                httpx.post(line.split()[-1], content=body).json() for body in bodies(1, 3, form="open")
            ]
            process.terminate()
            assert 0 == process.wait(10.0)
        finally:
            process.kill()
    session = Session(MarketMaker(resolve("touch", WORDS)), uid=0, harness=True)
    assert [json.loads(session.answer(body, sender="")) for body in bodies(1, 3, form="open")] == replies


def test_what_is_wrong_is_said_at_once(obmm, tmp_path):
    """Not by a miner."""
    out = ("--out", str(tmp_path))
    assert 2 == obmm("export-agent", "--name", "my agent", *out).status
    assert 2 == obmm("export-agent", "--name", "class", *out).status
    assert "did you mean" in obmm("export-agent", "--preset", "balancd", *out).err
    assert 0 == obmm("export-agent", *out).status
    assert "--force" in obmm("export-agent", *out).err
    assert 0 == obmm("export-agent", *out, "--force").status


@pytest.fixture
def real(obmm, tmp_path, monkeypatch):
    """The agent under the subnet's own package, 0.4.5 or later, and the package's class of a state."""
    protocol = pytest.importorskip("taos.im.protocol", reason="the subnet's package is not installed")
    taos = pytest.importorskip("taos")
    if not 45 <= taos.__spec_version__ < 61:
        pytest.skip(f"needs the subnet's package from 0.4.5 to 0.6.0, not {taos.__version__}")
    obmm("export-agent", "--preset", "touch", "--out", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    state_class = protocol.MarketSimulationStateUpdate
    monkeypatch.setattr(state_class, "decompress", state_class.decompress)

    def load(*words: str):
        return upstream.loaded(tmp_path / "ObmmAgent.py", 0, "history_len=0", f"data_dir={tmp_path}", *words)

    return load, state_class


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("lazy", [0, 1])
def test_the_real_miner_sends_what_the_session_says(real, lazy):
    """Its own classes of state and response, its own steps, its own packing."""
    load, state_class = real
    agent = load(f"lazy_load={lazy}")
    requests, got = bodies(1, 3), []
    for body in requests:
        told = msgspec.json.decode(body)
        fields = ("version", "timestamp", "compressed", "compression_engine")
        state = state_class(**{name: told[name] for name in fields}, dendrite={"hotkey": "5Val"})
        sent = upstream.forward(agent, state)
        reply = {name: getattr(sent, name) for name in ("version", "compressed")} | {"response": None}
        got.append(plain(instructions_of(msgspec.json.encode(reply))))
    assert plain_all(expected("touch", (), requests)) == got
    assert any(got)


@pytest.mark.filterwarnings("default")
def test_the_real_harness_asks_the_agent(real):
    """The subnet's own route, made of the annotations of `handle`, with states in the open."""
    load, _ = real
    agent = load("lazy_load=0")
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    app, got = FastAPI(), []
    app.include_router(agent.router)
    requests = bodies(1, 3, form="open")
    with TestClient(app) as client:
        for body in requests:
            told = msgspec.json.decode(body) | {"dendrite": {"hotkey": "5Val"}}
            reply = client.post("/handle", json=told)
            assert reply.status_code == 200, reply.text
            got.append(plain(reply.json()["instructions"]))
    assert plain_all(expected("touch", (), bodies(1, 3))) == got


def plain(instructions: list[dict[str, object]]) -> list[dict[str, object]]:
    """What both sides must say, without what a version of the package adds or leaves out."""
    keys = (
        "type",
        "agentId",
        "bookId",
        "direction",
        "quantity",
        "price",
        "postOnly",
        "timeInForce",
        "cancellations",
    )
    return [{key: one[key] for key in keys if key in one} for one in instructions]


def plain_all(replies: list[list[dict[str, object]]]) -> list[list[dict[str, object]]]:
    """The same of several replies."""
    return [plain(reply) for reply in replies]

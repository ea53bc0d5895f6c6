"""`obmm serve-market`: agents over HTTP on the embedded market."""

from __future__ import annotations

import json
import re
import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")
pytest.importorskip("httpx")

from live.desk_agents import Reply, our_agent, serving
from obmm.agent import MarketMaker, resolve
from obmm.lab.recorded import Run
from obmm.live.session import Session
from obmm.live.validator import Signer

pytestmark = pytest.mark.usefixtures("compiled")

SHORT = ("--books", "2", "--hours", "0.01")


def test_agents_are_told_one_by_one(obmm):
    """Pure JSON on stdout: a good agent, one that talks nonsense and one that is not there."""
    with our_agent() as good, serving(lambda *_: Reply(b"?")) as bad:
        said = obmm("serve-market", *SHORT, "--agent", good, bad, "127.0.0.1:9", "--json")
    told = said.json
    assert (0, "") == (said.status, said.err)
    states = told["states"]
    assert 36 == states
    assert [
        (states, {}),
        (0, {"INVALID": states}),
        (0, {"UNREACHABLE": states}),
    ] == [(account["answered"], account["dropped"]) for account in told["agents"]]
    assert {
        "answered", "dropped", "rejects", "fills", "pnl_per_book_hour", "scores", "respond_ms", "problems",
    } <= set(told["agents"][0])  # fmt: skip
    assert {"p50", "p99", "max"} == set(told["agents"][0]["respond_ms"])
    about = Run(Path(told["run"])).about
    assert ("serve-market", "harness", "0.6.2") == (about["kind"], about["wire"], about["wire_version"])
    for uid in ("0", "1"):
        assert 0 == obmm("score", told["run"], "--uid", uid).status
    refused = obmm("diagnose", told["run"])
    assert (2, "") == (refused.status, refused.out)
    assert "account 0: is an agent from elsewhere" in refused.err


@pytest.mark.parametrize(("scenario", "version"), [("taos-0.6.2", "0.6.3"), ("taos-0.1.51", "0.3.5")])
def test_the_wire_loses_nothing(obmm, scenario, version):
    """An agent behind HTTP trades as it does in process, to the last fill, with books of two classes too."""
    words = ("--scenario", scenario, "--books", "4", "--hours", "0.01", "--response-ms", "100", "--json")
    with our_agent() as address:
        served = obmm("serve-market", "--agent", address, "--wire-version", version, *words).json
    simulated = obmm("simulate", "--preset", "touch", *words).json
    assert simulated["digest"] == served["digest"]
    [account] = served["agents"]
    assert simulated["fills"] == account["fills"]
    assert simulated["orders_posted"] == account["orders_posted"] > 0


def test_tables_and_a_page_at_the_end(obmm):
    """What people see, within eighty columns but for addresses and paths."""
    pytest.importorskip("plotly")
    with our_agent() as good, serving(lambda *_: Reply(b"?")) as bad:
        said = obmm("serve-market", *SHORT, "--agent", good, "--agent", bad, "--out", "here", "--seed", "7")
    assert 0 == said.status
    for words in (
        "Agents",
        "Dropped before the market saw it",
        "INVALID",
        "Scores",
        "report: here/report.html",
    ):
        assert words in said.out
    assert good in Path("here/report.html").read_text(encoding="utf-8")


def test_two_validators_sign_for_an_axon(obmm):
    """Each with its key, simulation, clock and version, into a folder of its own."""
    pytest.importorskip("bittensor_wallet")
    session = Session(MarketMaker(resolve("touch")), budget_s=10.0)
    senders: dict[str, set[str]] = {}

    def axon(path: str, headers: dict[str, str], body: bytes) -> Reply:
        sender = headers["bt_header_dendrite_hotkey"]
        if not path.endswith("StateUpdate"):
            senders.setdefault(sender, set()).add(json.loads(body)["event"]["y"])
            return Reply(b"{}", headers={"bt_header_axon_status_code": "200"})
        return Reply(session.answer(body, sender=sender), headers={"bt_header_axon_status_code": "200"})

    with serving(axon) as address:
        there = address.replace("http://", f"http://{Signer('//miner').hotkey}@")
        words = ("--wire", "axon", "--validators", "2", "--wire-version", "0.5.4", "0.3.5", "--out", "two")
        said = obmm("serve-market", *SHORT, "--agent", there, *words, "--json")
    session.close()
    told = said.json
    assert 0 == said.status
    assert 2 == len(senders)
    assert all({"ESS", "ESE"} == events for events in senders.values())
    assert ["0.5.4", "0.3.5"] == [run["wire_version"] for run in told["validators"]]
    assert 2 == len({run["simulation_id"] for run in told["validators"]})
    assert [{}, {}] == [account["dropped"] for account in told["agents"]]
    times = [Run(Path("two", f"validator-{i}")).grid(0, "bid")[0][0] for i in (1, 2)]
    assert times[1] > times[0]
    for hotkey in senders:
        assert f"obmm: validator {hotkey}; a miner must let it in" in said.err


def test_the_plain_agent_of_the_page_plays(obmm):
    """An agent in thirty lines without obmm: every state is answered, and its bids trade or rest."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "serve-market.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n# plain_agent.py\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"__name__": "plain_agent"}
    exec(compile(code, "plain_agent.py", "exec"), names)
    server = names["HTTPServer"](("127.0.0.1", 0), names["Agent"])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        said = obmm("serve-market", *SHORT, "--agent", f"127.0.0.1:{server.server_port}", "--json")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    [account] = said.json["agents"]
    assert (account["asked"], {}, {}) == (account["answered"], account["dropped"], account["rejects"])
    assert account["orders_posted"] >= 6


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "name an agent, such as --agent http://127.0.0.1:8888"),
        (("--agent", "nowhere"), "--agent nowhere is no address of an agent"),
        (("--agent", "127.0.0.1:1", "--wire", "axon"), "lacks the miner's hotkey"),
        (("--agent", "127.0.0.1:1", "--wire-version", "5"), "--wire-version 5 is no version, such as 0.5.4"),
        (("--agent", "127.0.0.1:1", "--wire-version", "0.6.2", "0.6.3"), "add --validators"),
    ],
)
def test_mistakes_are_told_in_a_line(obmm, words, complaint):
    """Before a market is started."""
    said = obmm("serve-market", *words)
    assert (2, "") == (said.status, said.out)
    assert complaint in said.err

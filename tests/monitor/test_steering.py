"""Steering from the page: who may, what is refused and how, and that it works while the agent is busy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the dashboard needs starlette")
pytest.importorskip("prometheus_client", reason="metrics need prometheus-client")
pytest.importorskip("httpx", reason="the tests of the dashboard need httpx")

import attrs
import httpx
from tests.cli.test_cli_run import QUOTING
from tests.monitor.test_helm import HANGING, helm_of

from live.agents import bodies, instructions_of
from obmm.live.doors.serving import Serving
from obmm.live.session import Session
from obmm.monitor import Watch
from obmm.monitor.dashboard import Dashboard
from obmm.monitor.helm import Helm
from obmm.monitor.steering import Steering
from obmm.wire.frames import Act

TOKEN = "a token"
GOOD = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}


@attrs.frozen
class Steered:
    """An agent, what was done to it, and its dashboard's address."""

    helm: Helm
    acts: list[Act]
    address: str

    def order(self, deed: str, headers: dict[str, str] = GOOD, **words: str) -> httpx.Response:
        """What the page gets to an order."""
        content = json.dumps({"deed": deed, "words": words})
        return httpx.post(f"{self.address}/steer", content=content, headers=headers, timeout=20.0)


@pytest.fixture
def steered(tmp_path: Path) -> Iterator[Steered]:
    """An agent with a dashboard that steers it."""
    (tmp_path / "quoting.toml").write_text(QUOTING)
    (tmp_path / "other.toml").write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
    acts: list[Act] = []
    helm = helm_of(tmp_path / "quoting.toml", acts)
    watch = Watch()
    app = Dashboard(watch, title="steered", steering=Steering(helm, TOKEN))
    with Serving(app, "127.0.0.1", 0) as serving:
        yield Steered(helm, acts, f"http://127.0.0.1:{serving.port}")
        app.close()
    watch.close()


def test_what_control_does_the_page_does(steered, tmp_path):
    """Books off and on, another configuration and back, an A/B: with what is so now, and on record."""
    before = steered.helm.maker.config_hash
    assert {"0-3": "off"} == steered.order("off", books="0-3").json()["overrides"]
    assert {} == steered.order("on", books="all").json()["overrides"]
    other = str(tmp_path / "other.toml")
    swapped = steered.order("swap", source=other).json()
    assert (other, True) == (swapped["source"], swapped["config_hash"] != before)
    assert before == steered.order("back").json()["config_hash"]
    assert {"source": other, "books": "even"} == steered.order("ab-start", source=other, books="even").json()[
        "ab"
    ]
    assert steered.order("ab-end").json()["ab"] is None
    assert "stopped" == steered.order("cancel-all").json()["stopped"]
    assert ["off", "on", "swap", "back", "ab-start", "ab-end", "cancel-all"] == [a.what for a in steered.acts]
    assert {("dashboard 127.0.0.1", "")} == {(act.who, act.problem) for act in steered.acts}


def test_what_cannot_be_done_is_said_and_changes_nothing(steered):
    """With the words of the helm."""
    for deed, words, said in (
        ("swap", {"source": "tuoch"}, "did you mean 'touch'"),
        ("back", {}, "nothing to go back to"),
        ("off", {"books": "bids"}, "names no books"),
        ("explode", {}, "cannot be done"),
        ("snapshot", {}, "nothing is kept"),
    ):
        reply = steered.order(deed, **words)
        assert (409, True) == (reply.status_code, said in reply.json()["error"]), reply.text
    assert {} == steered.helm.status()["overrides"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer another"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({"content-type": "text/plain"}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"host": "evil.example"}, 400),
    ],
)
def test_only_the_page_with_the_token_is_obeyed(steered, change, status):
    """Neither a form nor a script of elsewhere, nor a name of elsewhere that leads here."""
    assert status == steered.order("cancel-all", headers=GOOD | change).status_code
    assert ("", []) == (steered.helm.answers.stopped, steered.acts)


def test_orders_that_are_none_are_refused(steered):
    """Not JSON, no deed, too long; and looking changes nothing."""
    for content, status in ((b"no", 400), (b"{}", 400), (b"[1]", 400), (b" " * 70_000, 413)):
        assert status == httpx.post(f"{steered.address}/steer", content=content, headers=GOOD).status_code
    assert 405 == httpx.get(f"{steered.address}/steer", headers=GOOD).status_code
    assert [] == steered.acts


def test_a_dashboard_without_a_helm_steers_nothing():
    """Beside a recording or a simulation."""
    watch = Watch()
    with Serving(Dashboard(watch, title="bare"), "127.0.0.1", 0) as serving:
        reply = httpx.post(f"http://127.0.0.1:{serving.port}/steer", content=b"{}", headers=GOOD)
    assert (404, True) == (reply.status_code, "obmm control" in reply.json()["error"])
    watch.close()


def test_the_emergency_stop_waits_for_nothing(steered, tmp_path):
    """A stage hangs and a swap waits for it: answers cancel what rests all the same."""
    hang = tmp_path / "hang"
    (tmp_path / "hanging.py").write_text(HANGING)
    hanging = QUOTING + f'\n[[gates]]\nkind = "hanging:Hanging"\npath = "{hang}"\n'
    (tmp_path / "hanging.toml").write_text(hanging)
    assert steered.order("swap", source=str(tmp_path / "hanging.toml")).is_success
    session = steered.helm.answers
    assert isinstance(session, Session)
    first, second = bodies(1, 2)
    assert instructions_of(session.answer(first, sender="v"))
    hang.touch()
    assert [] == instructions_of(session.answer(second, sender="v", budget_s=0.2))
    waiting = threading.Thread(target=steered.order, args=("swap",), kwargs={"source": "touch"})
    waiting.start()
    try:
        assert "stopped" == steered.order("cancel-all").json()["stopped"]
    finally:
        hang.unlink()
        waiting.join()
    assert "cancel-all" in [act.what for act in steered.acts]
    session.close()

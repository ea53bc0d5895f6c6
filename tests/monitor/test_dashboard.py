"""The dashboard: what it sends, to whom, and what a browser makes of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("starlette", reason="the dashboard needs starlette")
pytest.importorskip("prometheus_client", reason="metrics need prometheus-client")
pytest.importorskip("httpx", reason="the tests of the dashboard need httpx")

import httpx

from monitor.markets import market, quoting
from obmm.agent import MarketMaker
from obmm.cli._dashboard import explaining
from obmm.lab.explain import told
from obmm.live.doors.serving import Serving
from obmm.monitor import Heard, Simulation, Watch
from obmm.monitor.dashboard import Dashboard, page
from obmm.monitor.metrics import Metrics

N = 200


@pytest.fixture(scope="module")
def maker() -> MarketMaker:
    """An agent."""
    return MarketMaker(quoting())


@pytest.fixture(scope="module")
def watch(maker) -> Watch:
    """Its first states."""
    watch = Watch(wait=True)
    for state in market(3, N)[:-3]:
        tell(watch, maker, state)
    wait_for(lambda: watch.taken == N - 3)
    return watch


def tell(watch: Watch, maker: MarketMaker, state: object) -> None:
    """Have the agent answer, and the watch hear of it."""
    decision = maker.decide(state)
    watch(Heard(received_ns=time.time_ns(), sender="5F", elapsed_ms=3.0, decision=decision))


def wait_for(so: Callable[[], bool]) -> None:
    """Until it is so."""
    until_s = time.monotonic() + 20.0
    while not so():
        assert time.monotonic() < until_s, "it never was so"
        time.sleep(0.005)


def simulation_of(watch: Watch) -> Simulation:
    """The only one."""
    (one,) = watch.snapshot().simulations
    return one


@pytest.fixture(scope="module")
def served(watch, maker) -> Iterator[tuple[Dashboard, str]]:
    """The dashboard and its address."""
    app = Dashboard(
        watch,
        title="</script>quoting",
        explain=explaining(watch, maker.config_of),
        metrics=Metrics(watch),
    )
    with Serving(app, "127.0.0.1", 0) as serving:
        yield app, f"http://127.0.0.1:{serving.port}"
        app.close()


def messages(address: str, n: int, then: Callable[[int], None] = lambda i: None) -> list[dict]:
    """The first messages of a page, with something done after each."""
    got: list[dict] = []
    with httpx.stream("GET", f"{address}/events?book=1", timeout=20.0) as reply:
        for line in reply.iter_lines():
            if line.startswith("data: "):
                got.append(json.loads(line[6:]))
                then(len(got))
                if len(got) == n:
                    return got
    raise AssertionError("it ended early")


def test_a_page_is_sent_what_is_new(served, watch, maker):
    """The first message has the history, the second what came since."""
    _, address = served
    first, second = messages(address, 2, lambda i: tell(watch, maker, market(3, N)[-3]) if i == 1 else None)
    assert (N - 3, N - 2) == (first["simulation"]["states"], second["simulation"]["states"])
    assert (N - 3, 1) == (len(first["states"]["mid"]), len(second["states"]["mid"]))
    assert "minutes" not in second
    one = simulation_of(watch)
    assert second["simulation"]["pnl_total"] == pytest.approx(one.pnl.sum())
    assert second["simulation"]["per_book"]["position"] == pytest.approx(one.position.tolist())
    minutes = watch.minutes(one.key)["time_ns"]
    assert len(first["minutes"]["pnl"]) == minutes.size >= 3
    assert len(first["minutes"]["share"][0]) == one.n_books


def test_a_closed_page_costs_nothing(served):
    """The connection is noticed to be gone, and nothing is worked out any more."""
    app, address = served
    messages(address, 1)
    wait_for(lambda: app.open == 0)


def test_a_decision_is_told_as_explain_tells_it(served, watch, maker):
    """That of the moment, on the book."""
    _, address = served
    one = simulation_of(watch)
    at_s = one.time_ns / 1e9 - 5.0
    asked = {"validator": one.validator, "simulation": one.simulation_id, "book": 1, "at": at_s}
    got = httpx.get(f"{address}/explain", params=asked).json()
    decision = watch.decision(one.key, at_s)
    assert decision is not None
    expected = told(decision, maker.config, 1)
    assert (at_s, expected["hash"], expected["gates"]) == (got["time_s"], got["hash"], got["gates"])
    for wrong, status in (({"at": 1e9}, 404), ({"book": 77}, 404), ({"book": "x"}, 400)):
        reply = httpx.get(f"{address}/explain", params=asked | wrong)
        assert status == reply.status_code
        assert reply.json()["error"]


def test_what_goes_wrong_with_a_decision_is_told(watch):
    """A damaged file, a stage of one's own: the page says what, and goes on."""

    def explain(key, book, at_s):
        raise OSError("part 3 is damaged")

    app = Dashboard(watch, title="damaged", explain=explain)
    with Serving(app, "127.0.0.1", 0) as serving:
        reply = httpx.get(f"http://127.0.0.1:{serving.port}/explain", params={"book": 1, "at": 0})
    assert (500, True) == (reply.status_code, "part 3 is damaged" in reply.json()["error"])


def test_only_this_machine_is_answered_on_its_own_address(served):
    """A page from elsewhere that has a name of its own for us gets nothing."""
    _, address = served
    assert 400 == httpx.get(f"{address}/", headers={"host": "evil.example"}).status_code
    reply = httpx.get(f"{address}/", headers={"host": "localhost:8790"})
    assert 200 == reply.status_code
    assert "default-src 'none'" in reply.headers["content-security-policy"]


def test_metrics_are_served_beside_it(served):
    """And nothing where there are none."""
    _, address = served
    assert "obmm_pnl_quote{" in httpx.get(f"{address}/metrics").text
    bare = Dashboard(Watch(), title="bare")
    with Serving(bare, "127.0.0.1", 0) as serving:
        assert 404 == httpx.get(f"http://127.0.0.1:{serving.port}/metrics").status_code


def test_the_page_loads_nothing():
    """No address of elsewhere, and a title that is text."""
    whole = page("</script><b>", b"null", {"explains": True})
    assert not re.search(r"(?:src|href)\s*=|url\(|@import|https?://", whole)
    assert "</script><b>" not in whole

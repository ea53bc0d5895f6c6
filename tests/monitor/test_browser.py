"""The page in a browser: its figures, clicks and buttons, and that it comes back to a server."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the dashboard needs starlette")
pytest.importorskip("prometheus_client", reason="metrics need prometheus-client")

import attrs
from tests.cli.test_cli_run import QUOTING
from tests.monitor.test_helm import helm_of

from monitor.browser import CHROMIUM, Page, browser
from monitor.markets import market
from obmm.cli._dashboard import explaining
from obmm.live.doors.serving import Serving
from obmm.monitor import Heard, Simulation, Watch
from obmm.monitor.dashboard import Dashboard
from obmm.monitor.helm import Helm
from obmm.monitor.steering import Steering
from obmm.scoring import ERAS

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium to look at the page with")

N, TOKEN = 80, "a token"


@attrs.define
class Shown:
    """An agent, its watch, and the dashboard of both."""

    helm: Helm
    watch: Watch
    app: Dashboard
    address: str

    def tell(self, states: slice) -> None:
        """Have the agent answer, and the watch hear of it."""
        before = self.watch.taken
        told = market(3, N)[states]
        for state in told:
            decision = self.helm.maker.decide(state)
            self.watch(Heard(received_ns=time.time_ns(), sender="5F", elapsed_ms=3.0, decision=decision))
        wait_for(lambda: self.watch.taken == before + len(told))

    @property
    def simulation(self) -> Simulation:
        """The only one."""
        (one,) = self.watch.snapshot().simulations
        return one


def wait_for(so: Callable[[], bool]) -> None:
    """Until it is so."""
    until_s = time.monotonic() + 20.0
    while not so():
        assert time.monotonic() < until_s, "it never was so"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """One browser for all: it takes a while to start."""
    with browser() as page:
        yield page


@pytest.fixture
def shown(tmp_path: Path) -> Iterator[Shown]:
    """An agent that has answered for a while, and its dashboard."""
    (tmp_path / "quoting.toml").write_text(QUOTING)
    (tmp_path / "other.toml").write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
    helm = helm_of(tmp_path / "quoting.toml")
    watch = Watch(wait=True, scores=True, era=ERAS["0.5.4"])
    app = Dashboard(
        watch,
        title="</script>quoting",
        explain=explaining(watch, helm.maker.config_of),
        steering=Steering(helm, TOKEN),
    )
    with Serving(app, "127.0.0.1", 0) as serving:
        shown = Shown(helm, watch, app, f"http://127.0.0.1:{serving.port}")
        shown.tell(slice(0, N - 3))
        yield shown
        app.close()
    watch.close()


def figures(page: Page) -> dict[str, float]:
    """What the tiles say, to the last digit."""
    told = page.js(
        "[...document.querySelectorAll('[data-figure]')].map((n) => [n.dataset.figure, n.dataset.value])"
    )
    return {name: float(value) for name, value in told if value}


def test_the_page_shows_the_figures_of_the_watch(shown, page):
    """At once, and when there are new ones; what takes it how long is told."""
    page.look(width=1440, height=6000)  # Only what is in sight is drawn.
    page.open(f"{shown.address}/?book=1")
    for until in (N - 3, N - 2):
        if until > N - 3:
            shown.tell(slice(N - 3, N - 2))
        page.wait(
            f"document.querySelector('[data-figure=states]').dataset.value === '{until}' && !waiting.length"
        )
        one, score = shown.simulation, shown.watch.score(shown.simulation.key)
        assert score is not None
        expected = {
            "pnl": one.pnl.sum(),
            "endowment": one.pnl_endowment.sum(),
            "fees": one.fees.sum(),
            "fills": one.fills.sum(),
            "win_rate": one.win_rate,
            "maker_share": one.maker_share,
            "rejects": one.rejects.sum(),
            "drawdown": one.total_drawdown,
        }
        told = figures(page)
        assert expected == pytest.approx({name: told[name] for name in expected})
    assert "</script>quoting" == page.js("document.querySelector('#title').textContent")
    assert "Book 1" == page.js("document.querySelector('#one-title').textContent")
    page.wait(f"document.querySelectorAll('#own-fills tbody tr').length === {one.fills[1]}")
    assert "INVALID_PRICE" in page.js("document.querySelector('#rejects').textContent")
    assert len(score.uids) == page.js("document.querySelectorAll('#field-table tbody tr').length")
    assert [7] == page.js(
        "[...document.querySelectorAll('tr.ours')].map((r) => Number(r.cells[1].textContent))"
    )
    assert float(page.js("document.body.dataset.frameMs")) > 0.0


def test_a_click_opens_a_book_and_a_moment_of_it(shown, page):
    """In the heat map, in the chart, and by the time of a moment."""
    page.look(width=1440)
    page.open(shown.address)
    page.click("#heat", down=0.9 * 240 / 260)
    page.wait("document.querySelector('#one-title').textContent === 'Book 2' && states && states.book === 2")
    page.wait("pathAxes !== null")
    page.click("#path", across=0.98)
    newest = page.wait("document.querySelector('[data-trace]')?.dataset.trace")
    assert float(newest) in {state.time_s for state in market(3, N)[-20:]}
    page.click("#moment-before")
    page.wait(f"document.querySelector('[data-trace]')?.dataset.trace === '{float(newest) - 1:g}'")
    page.type("#moment-at", "0:11:00")
    page.click("#moment-show")
    page.wait("document.querySelector('[data-trace]')?.dataset.trace === '660'")
    page.type("#moment-at", "soon")
    page.click("#moment-show")
    page.wait("document.querySelector('#trace').textContent.includes('Say a time')")


def test_buttons_steer_the_agent(shown, page, tmp_path):
    """With the token of the address, which vanishes from it; what is refused is said in the page."""
    page.look(width=1440)
    page.open(f"{shown.address}/#token={TOKEN}")
    page.wait("!document.querySelector('#acts').hidden")
    assert "" == page.js("location.hash")

    def said(words: str) -> None:
        page.wait(f"document.querySelector('#said').textContent.includes({words!r})")

    page.type("#act-books", "0,2")
    page.click("button[data-deed=off][data-from]")
    said("off 0,2: done")
    assert {"0,2": "off"} == shown.helm.status()["overrides"]
    page.type("#act-source", str(tmp_path / "other.toml"))
    page.click("button[data-deed=swap]")
    said("done")
    assert str(tmp_path / "other.toml") == shown.helm.status()["source"]
    page.click("#act-back")
    said("back: done")
    assert str(tmp_path / "quoting.toml") == shown.helm.status()["source"]
    page.type("#act-source", "tuoch")
    page.click("button[data-deed=swap]")
    said("did you mean 'touch'")
    page.click("button[data-deed=cancel-all]")
    page.wait("!document.querySelector('#stopped').hidden")
    assert "stopped" == shown.helm.answers.stopped
    page.click("button[data-deed=on][data-books]")
    page.wait("document.querySelector('#stopped').hidden")
    assert ("", {}) == (shown.helm.answers.stopped, shown.helm.status()["overrides"])


def test_a_wrong_token_is_asked_for_again(shown, page):
    """And nothing is done."""
    page.open(f"{shown.address}/#token=another")
    page.wait("!document.querySelector('#acts').hidden")
    page.click("button[data-deed=cancel-all]")
    page.wait("document.querySelector('#said').textContent.includes('the token is wrong')")
    assert page.js("document.querySelector('#acts').hidden && !document.querySelector('#unlock').hidden")
    assert "" == shown.helm.answers.stopped
    page.type("#token", TOKEN)
    page.click("#use-token")
    page.click("button[data-deed=cancel-all]")
    page.wait("!document.querySelector('#stopped').hidden")


def test_the_page_comes_back_to_a_server_that_was_gone(shown, page):
    """It says so meanwhile, and then shows all there is, without a gap or a double."""
    port = int(shown.address.rpartition(":")[2])
    with Serving(Dashboard(shown.watch, title="again"), "127.0.0.1", 0) as spare:
        again = spare.port
    assert again != port
    first = Serving(app := Dashboard(shown.watch, title="again"), "127.0.0.1", again)
    first.start()
    page.open(f"http://127.0.0.1:{again}/?book=1")
    page.wait("document.querySelector('#link').textContent === 'connected'")
    app.close()
    first.close()
    page.wait("document.querySelector('#link').textContent.includes('no connection')")
    shown.tell(slice(N - 3, N - 1))
    with Serving(second := Dashboard(shown.watch, title="again"), "127.0.0.1", again):
        page.wait(f"document.querySelector('[data-figure=states]').dataset.value === '{N - 1}'")
        assert "connected" == page.js("document.querySelector('#link').textContent")
        assert N - 1 == page.js("new Set(states.time_ns).size")
        assert N - 1 == page.js("states.time_ns.length")
        second.close()


@pytest.mark.parametrize(("width", "dark"), [(1440, False), (400, True)])
def test_nothing_is_wider_than_the_window(shown, page, width, dark):
    """Light and dark, on a desk and on a phone."""
    page.look(width=width, dark=dark)
    page.open(f"{shown.address}/?book=1")
    page.wait("Number(document.body.dataset.messages) > 0")
    assert width >= page.js("document.documentElement.scrollWidth")
    light = page.js(
        "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).slice(0, 3).every((x) => x > 127)"
    )
    assert dark != light

"""Steering an agent that runs: what is done at once, what is refused, and that all of it is on record."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from tests.cli.test_cli_run import QUOTING, waited_for

from live.agents import bodies, instructions_of
from obmm.agent import Choice, ConfigFile, Keeper, MarketMaker, OverrideFile, resolve
from obmm.live.session import Session
from obmm.monitor.control import TOKEN, Control, order
from obmm.monitor.helm import Helm, Refused, ordered
from obmm.settings.toml import parse_layer
from obmm.testing import PaperOrders, random_states
from obmm.wire import encode_request
from obmm.wire.frames import Act

HANGING = '''
from pathlib import Path

import attrs

from obmm.market import Limits, Stage, option


@attrs.define
class Hanging(Stage):
    """Hangs as long as a file is there."""

    path: str = option("", help="the file")

    def __call__(self, state, signals):
        while Path(self.path).exists():
            pass
        return Limits.open(state.n_books)
'''


@pytest.fixture
def quoting(tmp_path: Path) -> Path:
    """A configuration that quotes from the first state on."""
    path = tmp_path / "quoting.toml"
    path.write_text(QUOTING)
    return path


def helm_of(path: Path, acts: list[Act] | None = None, *, keeper: Keeper | None = None) -> Helm:
    """A helm of an agent with nobody behind it, and its answers."""
    maker = MarketMaker(resolve(path), OverrideFile(path.parent / "overrides.toml"), keeper=keeper)
    answers = Session(maker, budget_s=30.0)
    file = ConfigFile(maker, Choice(path))
    return Helm(
        maker=maker, answers=answers, config_file=file, listeners=[] if acts is None else [acts.append]
    )


def asked(helm: Helm, body: bytes) -> list[dict[str, object]]:
    """The instructions of an answer."""
    assert isinstance(helm.answers, Session)
    return instructions_of(helm.answers.answer(body, sender="v"))


def placed(said: list[dict[str, object]]) -> set[object]:
    """Books on which orders are placed."""
    return {one["bookId"] for one in said if one["type"] != "CANCEL_ORDERS"}


def test_books_are_reined_in_and_let_go(quoting):
    """Each on its own, from the next state on; the file says so too."""
    helm = helm_of(quoting)
    first, second, third = bodies(1, 3)
    assert {0, 1} == placed(asked(helm, first))
    told = helm.do("off", {"books": "1"}, "me")
    assert {"1": "off"} == told["overrides"]
    assert {0} == placed(asked(helm, second))
    assert '[books]\n"1" = "off"\n' in (quoting.parent / "overrides.toml").read_text()
    assert {} == helm.do("on", {}, "me")["overrides"]
    assert {0, 1} == placed(asked(helm, third))


def test_an_order_for_books_takes_the_place_of_those_before_it():
    """Also where a selector names more books than the new one."""
    assert {"4-7": "tight", "0-3": "off"} == ordered({"0-7": "tight"}, "off", "0-3")
    assert {} == ordered({"all": "off", "3": "tight"}, "on", "all")
    many = ordered({"even": "off"}, "on", "0,2")
    assert "4,6,8," == next(iter(many))[:6]
    with pytest.raises(ValueError, match="names no books"):
        ordered({}, "off", "bids")


def test_orders_hold_though_the_disk_does_not_take_them(quoting):
    """And that is told."""
    helm = helm_of(quoting)
    (quoting.parent / "overrides.toml").mkdir()
    with pytest.raises(Refused, match=r"overrides\.toml"):
        helm.do("off", {}, "me")
    for body in bodies(1, 4):
        assert set() == placed(asked(helm, body))
    assert {"all": "off"} == helm.status()["overrides"]
    (quoting.parent / "overrides.toml").rmdir()
    assert {} == helm.do("on", {}, "me")["overrides"]
    assert placed(asked(helm, bodies(1, 5)[4]))


def test_a_configuration_is_swapped_and_back(quoting):
    """What is in force, and what would be gone back to, is told; every deed is heard of."""
    acts: list[Act] = []
    helm = helm_of(quoting, acts)
    other = quoting.with_name("other.toml")
    other.write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
    before = helm.maker.config_hash
    told = helm.do("swap", {"source": str(other)}, "me")
    assert (str(other), str(quoting)) == (told["source"], told["before"])
    assert before != told["config_hash"] == resolve(other).hash
    assert before == helm.do("back", {}, "me")["config_hash"]
    assert [("swap", "me", ""), ("back", "me", "")] == [(a.what, a.who, a.problem) for a in acts]
    other.write_text(QUOTING.replace("size_base = 1.0", "size_base = 3.0"))
    assert not helm.config_file.look()
    quoting.write_text(QUOTING.replace("size_base = 1.0", "size_base = 4.0"))
    assert helm.config_file.look()


def test_a_bad_configuration_changes_nothing(quoting):
    """One that cannot be read, one whose stage fails on a trial: with what is wrong, and on record."""
    acts: list[Act] = []
    helm = helm_of(quoting, acts)
    bad = quoting.with_name("bad.toml")
    bad.write_text(QUOTING.replace('"touch"', '"tuoch"'))
    failing = quoting.with_name("failing.toml")
    quoting.with_name("raises.py").write_text(HANGING.replace("while Path(self.path).exists()", "if 1 / 0"))
    failing.write_text(QUOTING.replace('kind = "inventory"', 'kind = "raises:Hanging"'))
    before = helm.maker.config_hash
    with pytest.raises(Refused, match="did you mean 'touch'"):
        helm.do("swap", {"source": str(bad)}, "me")
    with pytest.raises(Refused, match=r"fails on a trial: .*ZeroDivisionError"):
        helm.do("swap", {"source": str(failing)}, "me")
    assert before == helm.maker.config_hash
    assert [True, True] == ["" != act.problem for act in acts]


def test_another_configuration_is_tried_on_some_books(quoting):
    """Until the A/B is ended; both files may be edited meanwhile."""
    helm = helm_of(quoting)
    other = quoting.with_name("other.toml")
    other.write_text(QUOTING.replace("size_base = 1.0", "size_base = 2.0"))
    first, second, third, fourth = bodies(1, 4)
    asked(helm, first)
    told = helm.do("ab-start", {"source": str(other), "books": "odd"}, "me")
    assert {"source": str(other), "books": "odd"} == told["ab"]
    sizes = {(one["bookId"], one.get("quantity")) for one in asked(helm, second)}
    assert (1, 2.0) in sizes
    assert (0, 2.0) not in sizes
    other.write_text(QUOTING.replace("size_base = 1.0", "size_base = 3.0"))
    assert helm.config_file.look()
    assert 3.0 in {one.get("quantity") for one in asked(helm, third)}
    with pytest.raises(Refused, match="end it first"):
        helm.do("ab-start", {"source": "touch", "books": "even"}, "me")
    assert helm.do("ab-end", {}, "me")["ab"] is None
    assert 3.0 not in {one.get("quantity") for one in asked(helm, fourth)}
    with pytest.raises(Refused, match="no A/B"):
        helm.do("ab-end", {}, "me")


def test_what_cannot_be_done_is_refused(quoting, tmp_path):
    """With what would work."""
    helm = helm_of(quoting)
    for deed, words, problem in (
        ("of", {}, "did you mean 'off'"),
        ("off", {"source": "x"}, "takes no source"),
        ("off", {"books": "most"}, "names no books"),
        ("swap", {}, "say which configuration"),
        ("ab-start", {"source": "touch"}, "say which books"),
        ("back", {}, "nothing to go back to"),
        ("snapshot", {}, "--state"),
    ):
        with pytest.raises(Refused, match=problem):
            helm.do(deed, words, "me")
    helm.maker.overrides = None
    with pytest.raises(Refused, match="--overrides"):
        helm.do("off", {}, "me")


def test_an_emergency_stop_does_not_wait_for_an_agent_that_hangs(tmp_path):
    """Answers cancel all that rests, at once; and when the agent is back it has seen all states."""
    hang, entered = threading.Event(), threading.Event()
    maker = MarketMaker(resolve(parse_layer(QUOTING, "quoting.toml")), OverrideFile(tmp_path / "o.toml"))
    decide = maker.decide

    class Hung:
        def __getattr__(self, name):
            return getattr(maker, name)

        def decide(self, state):
            entered.set()
            with maker._lock:
                assert hang.wait(30.0)
                return decide(state)

    session = Session(Hung(), budget_s=30.0)
    helm = Helm(maker=maker, answers=session, config_file=ConfigFile(maker, Choice("touch")))
    paper = PaperOrders(2)
    states = random_states(1, 3, n_books=2)
    paper.submit(states[0], MarketMaker(maker.config).respond(states[0]))
    held = session.begin(encode_request(states[0]), sender="v")
    assert entered.wait(30.0)
    assert "stopped" == helm.do("cancel-all", {}, "me")["stopped"]
    resting = paper.dressed(states[1])
    said = instructions_of(session.answer(encode_request(resting), sender="v", budget_s=10.0))
    cancelled = [one["orderId"] for item in said for one in item["cancellations"]]
    assert sorted(resting.open_orders.order_id.tolist()) == sorted(cancelled) != []
    with pytest.raises(Refused, match="busy"):
        helm.do("swap", {"source": "touch"}, "me")
    hang.set()
    assert {"CANCEL_ORDERS"} >= {one["type"] for one in instructions_of(held.future.result(30.0))}
    helm.do("on", {}, "me")
    waited_for(lambda: maker.states == 2)
    later = instructions_of(session.answer(encode_request(paper.dressed(states[2])), sender="v"))
    assert {"CANCEL_ORDERS"} != {one["type"] for one in later}


def test_an_address_wants_the_token(quoting, tmp_path):
    """Which lies in a file for its owner only."""
    helm = helm_of(quoting)
    with Control(helm, "127.0.0.1:0", tmp_path / TOKEN) as control:
        assert 0o600 == stat.S_IMODE((tmp_path / TOKEN).stat().st_mode)
        with pytest.raises(Refused, match="token is wrong"):
            order(control.at, "off", {})
        assert {} == helm.status()["overrides"]
        told = order(control.at, "off", {}, tmp_path / TOKEN)
        assert {"all": "off"} == told["overrides"]
    with pytest.raises(OSError, match="no agent listens"):
        order(control.at, "status", {})
    with pytest.raises(Refused, match="needs a place"):
        Control(helm, "127.0.0.1:0")


def test_a_socket_is_its_owners_and_takes_the_place_of_one_that_was_left(quoting, tmp_path):
    """But not of one that is served; lines that are no orders are answered."""
    helm, at = helm_of(quoting), tmp_path / "c.sock"
    with Control(helm, at) as control:
        assert 0o600 == stat.S_IMODE(at.stat().st_mode)
        with pytest.raises(OSError, match="in use"):
            Control(helm, at)
        for line in (b"", b"{}", b"[1]", b'{"deed": "off", "words": 3}'):
            assert "no order" in control.answer(line, "me")["problem"]
    assert not at.exists()
    with pytest.raises(Refused, match="too long"):
        Control(helm, tmp_path / ("x" * 200))

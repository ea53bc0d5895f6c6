"""Alerts: what is told, when, how often, and by which ways."""

from __future__ import annotations

import contextlib
import datetime
import json
import socketserver
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.cli.test_cli_run import waited_for

from obmm.agent import ConfigError, MarketMaker, resolve
from obmm.monitor import Snapshot, Watch
from obmm.monitor.alerts import Alerts, Book, Message
from obmm.monitor.channels import Command, Email, Log, Telegram, Undelivered, Webhook
from obmm.monitor.measures import MEASURES, Measured, Measures
from obmm.monitor.rules import Rule, load, rules_text
from obmm.testing import PaperOrders, random_states

pytest.importorskip("httpx")

NOON, NIGHT = datetime.datetime(2026, 11, 27, 12), datetime.datetime(2026, 11, 27, 23)


def book(tmp_path: Path, text: str = "") -> Book:
    """A book of a file."""
    path = tmp_path / "alerts.toml"
    path.write_text(text)
    return Book(load(path), "miner")


def said(book: Book, at_s: float, local: datetime.datetime = NOON, **values: float) -> str:
    """What is told of some values, "" for nothing."""
    message = book.look({name: Measured(value) for name, value in values.items()}, at_s, local)
    return "" if message is None else message.text


def test_every_default_rule_is_of_something_that_is_measured():
    """And all that is measured has a rule."""
    assert set(MEASURES) == {rule.measure for rule in load().rules.values()}
    assert (0.5, 250.0) == (load().rules["sharpe"].below, load().rules["response"].above)
    assert "quiet_hours" in rules_text()


def test_a_rule_must_be_broken_for_a_while_and_mended_beyond_another_bound(tmp_path):
    """Values about the bound tell nothing twice."""
    told = book(tmp_path, "[rules.sharpe]\nfor_s = 60\n")
    assert "" == said(told, 0, sharpe=0.4)
    assert "" == said(told, 30, sharpe=0.55)
    assert "" == said(told, 60, sharpe=0.4)
    assert "BROKEN sharpe: sharpe is 0.4, below 0.5" == said(told, 120, sharpe=0.4)
    for at in range(130, 300, 10):
        assert "" == said(told, at, sharpe=0.6)
    assert "" == said(told, 300, sharpe=0.8)
    assert "mended sharpe: sharpe is 0.8, after 4 min" == said(told, 360, sharpe=0.8)


def test_what_is_not_known_changes_nothing(tmp_path):
    """Neither breaks a rule nor mends it."""
    told = book(tmp_path)
    assert "" == said(told, 0)
    assert said(told, 10, silent_s=500.0)
    assert "" == said(told, 20, silent_s=float("nan"))
    assert ["silence"] == told.broken


def test_what_is_still_broken_is_said_again_once_an_hour(tmp_path):
    """Not more often."""
    told = book(tmp_path)
    texts = [said(told, at, silent_s=500.0) for at in range(0, 2 * 3600 + 1, 60)]
    assert 3 == len([text for text in texts if text])
    assert "STILL BROKEN silence: silent_s is 500 s, for 2 h" == texts[-1]


def test_many_rules_that_break_at_once_make_one_message(tmp_path):
    """Whose subject names them all."""
    told = book(tmp_path, "[rules.response]\nfor_s = 0\n")
    values = {
        "silent_s": Measured(500.0),
        "disk_free_gb": Measured(1.0),
        "response_ms": Measured(900.0, "5F"),
    }
    message = told.look(values, 0.0, NOON)
    assert message is not None
    assert "miner: response, silence, disk" == message.subject
    assert "BROKEN response: response_ms is 900 ms (5F), above 250 ms" == message.text.splitlines()[0]
    assert (True, False) == (message.urgent, message.diagnosed)


def test_in_quiet_hours_only_urgent_rules_are_told(tmp_path):
    """The others afterwards, also what was broken and is mended."""
    told = book(tmp_path, 'quiet_hours = "22:00-07:00"\n[rules.fees]\nfor_s = 0\n[rules.volume_budget]\n')
    assert "" == said(told, 0, NIGHT, fees_bps=9.0, volume_spent=0.99)
    assert "BROKEN silence" in said(told, 10, NIGHT, silent_s=500.0)
    assert "" == said(told, 20, NIGHT, fees_bps=1.0)
    morning = said(told, 30, NOON).splitlines()
    assert "was broken fees: fees_bps is 9 bps, for 20 s" == morning[0]
    assert "BROKEN volume_budget: volume_spent is 0.99, above 0.95" == morning[1]


@given(st.lists(st.tuples(st.floats(0.0, 400.0), st.floats(0.0, 600.0), st.floats(0.0, 1.0)), max_size=80))
def test_an_hour_never_has_more_messages_than_it_may(looks):
    """Whatever is measured."""
    told, now, sent = Book(attrs.evolve(load(), at_most_per_hour=3)), 0.0, []
    for step, silent, spent in looks:
        now += step
        values = {"silent_s": Measured(silent), "volume_spent": Measured(spent)}
        if told.look(values, now, NOON) is not None:
            sent.append(now)
    for at in sent:
        assert 3 >= len([one for one in sent if at <= one < at + 3600.0])


def test_all_that_is_wrong_with_a_file_is_told_with_its_place(tmp_path):
    """And what was meant."""
    path = tmp_path / "alerts.toml"
    path.write_text(
        'repeat = 3\nquiet_hours = "ten"\nat_most_per_hour = 0\n'
        "[rules.sharp]\nbelow = 1\n"
        '[rules.sharpe]\nbelow = "low"\n'
        "[rules.fees]\nabove = 1.0\nbelow = 2.0\n"
        "[rules.drawdown]\nabove = 0.1\nmended = 0.2\n"
        '[rules.mine]\nmeasure = "pnl"\nabove = 1\n'
        '[[to]]\nkind = "telegram"\nchat = "1"\n'
        '[[to]]\nkind = "pigeon"\n[[to]]\nkind = "webhook"\nulr = "x"\n'
    )
    with pytest.raises(ConfigError) as raised:
        load(path)
    places = {problem.where.partition(": ")[2]: problem.what for problem in raised.value.problems}
    expected = {
        "repeat": "did you mean 'repeat_minutes'",
        "quiet_hours": "such as '22:00-07:00'",
        "at_most_per_hour": ">= 1",
        "rules.sharp": "did you mean 'sharpe'",
        "rules.sharpe.below": "number",
        "rules.fees": "one of 'above' and 'below'",
        "rules.drawdown": "good side",
        "rules.mine": "nothing is measured as 'pnl'",
        "to[0]": "one of 'token' and 'token_file'",
        "to[1]": "needs a kind",
        "to[2].ulr": "did you mean 'url'",
    }
    assert set(expected) == set(places)
    for place, what in expected.items():
        assert what in places[place]


def test_another_bound_of_a_rule_of_ours_leaves_its_hysteresis_behind(tmp_path):
    """It would be on the wrong side; a rule of one's own needs a measure."""
    path = tmp_path / "alerts.toml"
    path.write_text('[rules.sharpe]\nbelow = 2.0\n[rules.slow]\nmeasure = "response_ms"\nabove = 50\n')
    rules = load(path).rules
    assert (2.0, None, 600.0) == (rules["sharpe"].below, rules["sharpe"].mended, rules["sharpe"].for_s)
    assert Rule(measure="response_ms", above=50.0) == rules["slow"]


class Hook:
    """A server that keeps what is posted to it, and answers as it is told to."""

    def __init__(self) -> None:
        self.status = 200
        self.heard: list[tuple[str, dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.heard.append((self.path, body))
                self.send_response(outer.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A server for webhooks."""
    with contextlib.closing(Hook()) as one:
        yield one


def test_messages_reach_a_webhook_and_a_bot(hook, tmp_path):
    """With what each wants to hear; a file may hold the token."""
    (tmp_path / "token").write_text("123:abc\n")
    Webhook(url=f"{hook.url}/in").send("miner: silence", "BROKEN", urgent=True)
    Telegram(chat="7", token_file=str(tmp_path / "token"), api=hook.url).send("s", "t", urgent=False)
    (path, body), (bot, chat) = hook.heard
    assert ("/in", "miner: silence\nBROKEN", True) == (path, body["text"], body["urgent"])
    assert ("/bot123:abc/sendMessage", {"chat_id": "7", "text": "s\nt", "disable_notification": True}) == (
        bot,
        chat,
    )


def test_what_does_not_get_through_is_told_without_secrets(hook, tmp_path):
    """Of an address, a token, a password."""
    hook.status = 403
    telegram = Telegram(chat="7", token="123:abc", api=hook.url)
    assert "123:abc" not in repr(telegram)
    for channel, what in (
        (telegram, "HTTP 403"),
        (Telegram(chat="7", token="123:abc", api="http://127.0.0.1:1"), "no answer: ConnectError"),
        (Telegram(chat="7", token_file=str(tmp_path / "none")), "No such file"),
        (Webhook(url="no address"), "no answer"),
        (Email(host="127.0.0.1", port=1, sender="a@b", to=("c@d",)), "127.0.0.1:1"),
        (Command(command=("false",)), "status 1"),
        (Command(command=("no-such-program",)), "No such file"),
    ):
        with pytest.raises(Undelivered, match=what) as raised:
            channel.send("s", "t", urgent=True)
        assert "123:abc" not in str(raised.value)


class _Smtp(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        body: list[bytes] = []
        inside = False
        for line in self.rfile:
            if inside:
                inside = line != b".\r\n"
                body.append(line)
                self.wfile.write(b"" if inside else b"250 ok\r\n")
            elif line.upper().startswith(b"DATA"):
                inside = True
                self.wfile.write(b"354 go\r\n")
            else:
                self.wfile.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 ok\r\n")
                if line.upper().startswith(b"QUIT"):
                    break
        self.server.mail = b"".join(body).decode()  # type: ignore[attr-defined]


def test_a_mail_is_sent(tmp_path):
    """Through a server that speaks SMTP."""
    with socketserver.TCPServer(("127.0.0.1", 0), _Smtp) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        mail = Email(
            host="127.0.0.1", port=server.server_address[1], tls="none", sender="a@b.c", to=("d@e.f", "g@h.i")
        )
        mail.send("miner: silence", "BROKEN silence", urgent=True)
        thread.join(10.0)
        text = server.mail  # type: ignore[attr-defined]
    assert "Subject: miner: silence" in text
    assert "To: d@e.f, g@h.i" in text
    assert "BROKEN silence" in text


def test_a_command_hears_the_message(tmp_path):
    """On its standard input, and the subject in its environment; the log takes it too."""
    out = tmp_path / "out"
    Command(command=("sh", "-c", f'cat > {out}; echo "$OBMM_SUBJECT $OBMM_URGENT" >> {out}')).send(
        "miner: disk", "BROKEN", urgent=True
    )
    assert "miner: disk\nBROKEN\nminer: disk 1\n" == out.read_text()
    Log().send("s", "t", urgent=True)


def test_a_channel_that_was_down_gets_all_later(hook):
    """In their order; others need not wait for it."""
    settings = attrs.evolve(load(), to=(Webhook(url=hook.url),))
    alerts = Alerts(settings, dict)
    hook.status = 500
    alerts.send(Message("one", "1"))
    alerts.send(Message("two", "2"))
    assert ["one"] == [body["subject"] for _, body in hook.heard]
    hook.status = 200
    alerts._to[0][1].again_s = 0.0
    alerts.look()
    assert ["one", "one", "two"] == [body["subject"] for _, body in hook.heard]


def test_what_a_diagnosis_finds_goes_along_where_it_belongs(hook):
    """And is not made for what it does not explain."""
    settings = attrs.evolve(load(), to=(Webhook(url=hook.url),))
    asked = []
    alerts = Alerts(settings, dict, diagnose=lambda: asked.append(1) or "1. fees eat it")
    alerts.send(Message("disk", "full"))
    alerts.send(Message("fees", "high", diagnosed=True))
    assert [1] == asked
    assert ["disk\nfull", "fees\nhigh\n\n1. fees eat it"] == [body["text"] for _, body in hook.heard]


def test_it_looks_by_itself_and_survives_what_fails(hook):
    """What measures may raise; it goes on looking."""
    looks = iter([ValueError("once")])

    def measure() -> dict[str, Measured]:
        for error in looks:
            raise error
        return {"silent_s": Measured(999.0)}

    settings = attrs.evolve(load(), to=(Webhook(url=hook.url),))
    with Alerts(settings, measure, every_s=0.01) as alerts:
        waited_for(lambda: bool(hook.heard))
    assert ["silence"] == alerts.book.broken
    assert 1 == len(hook.heard)


def test_what_is_measured_is_what_happened():
    """Against counts by hand, on an agent that trades on paper."""
    maker, watch = MarketMaker(resolve("touch")), Watch(wait=True)
    maker.listeners.append(watch.hear)
    measures = Measures(watch, lambda: {"disk_free_gb": 3.0})
    paper, n = PaperOrders(3), 80
    states = random_states(5, n, n_books=3, events_per_book=20.0)
    for state in states:
        seen = paper.dressed(state)
        paper.submit(seen, maker.respond(seen))
    watch.close()
    told = measures.look()
    (one,) = watch.snapshot().simulations
    assert 3.0 == told["disk_free_gb"].value
    assert 0.0 == told["faults"].value == told["lost_steps"].value
    assert told["silent_s"].value < 60.0
    assert 0.0 < told["response_ms"].value
    assert one.total_drawdown / one.capital.sum() == pytest.approx(told["drawdown"].value)
    known = abs(one.limit_share)
    assert float((known >= 0.95).mean()) == told["at_limit"].value


class Story:
    """A watch, and what it says some time later."""

    def __init__(self, base: Snapshot) -> None:
        self.base, (self.one,) = base, base.simulations

    def snapshot(self) -> Snapshot:
        return attrs.evolve(self.base, simulations=(self.one,))


def of_a_moment() -> Snapshot:
    """What a watch knows of an agent after three states."""
    watch = Watch(wait=True)
    maker = MarketMaker(resolve("touch"))
    maker.listeners.append(watch.hear)
    for state in random_states(5, 3, n_books=2):
        maker.respond(state)
    watch.close()
    return watch.snapshot()


def test_rates_are_those_of_the_last_hour():
    """A simulation that began badly and goes well now is well."""
    story = Story(of_a_moment())
    measures, base = Measures(story), story.one

    def later(minutes: int, states: int, missed: int) -> float:
        story.one = attrs.evolve(
            base, time_ns=base.began_ns + minutes * 60 * 10**9, states=states, missed=missed
        )
        return measures.look()["lost_steps"].value

    assert 0.5 == later(10, 100, 100)
    assert 100 / 300 == pytest.approx(later(20, 200, 100))
    assert 0.0 == [later(m, 200 + 10 * m, 100) for m in range(21, 90)][-1]


def test_the_sharpe_ratio_is_that_of_minutes():
    """Mean by deviation, per hour; not known before there is an hour of them."""
    story = Story(of_a_moment())
    measures, pnl, rng = Measures(story), 0.0, np.random.default_rng(1)
    changes, told = rng.normal(0.1, 1.0, 100), []
    for minute, change in enumerate(changes, start=1):
        pnl += change
        base = story.base.simulations[0]
        story.one = attrs.evolve(
            base,
            pnl=np.full(base.n_books, pnl / base.n_books),
            time_ns=base.began_ns + minute * 60 * 10**9,
            states=base.states + minute,
        )
        told.append(measures.look()["sharpe"].value)
    later = changes[1:]
    assert np.isnan(told[59])
    assert later.mean() / later.std(ddof=1) * 60**0.5 == pytest.approx(told[-1])

"""The dashboard beside a live run."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the dashboard needs starlette")
pytest.importorskip("prometheus_client", reason="metrics need prometheus-client")
pytest.importorskip("httpx", reason="the tests of the dashboard need httpx")

import httpx

from cli.test_cli_run import QUOTING, ended, running
from live.agents import bodies
from live.recording import recorded
from obmm.agent import resolve
from obmm.cli import main
from obmm.cli._dashboard import FromRecording, of_run
from obmm.cli._steered import steers_at
from obmm.monitor import Watch
from obmm.wire.frames import Act
from obmm.wire.recording import Recording


def test_a_live_run_is_shown_while_it_answers(tmp_path: Path):
    """Its states are counted, its page is there and steers it, on record; it ends as quickly as without."""
    (tmp_path / "quoting.toml").write_text(QUOTING)
    words = ("--preset", str(tmp_path / "quoting.toml"), "--harness", "--port", "0")
    words += ("--dashboard", "127.0.0.1:0", "--metrics-per-book", "--record", str(tmp_path / "rec"))
    with running(*words, says="dashboard at") as (process, said):
        page = re.findall(r"http://\S+", said)[0]
        door = re.findall(r"http://\S+", process.stderr.readline().decode())[0]
        sent = bodies(1, 4, n_books=2)
        for body in sent:
            assert httpx.post(door, content=body).is_success
        with httpx.stream("GET", f"{page}events", timeout=20.0) as reply:
            told = {}
            for line in reply.iter_lines():
                if '"states":4' in line:
                    told["states"] = line
                    break
        metrics = httpx.get(f"{page}metrics").text
        token = tmp_path / "rec" / "dashboard.token"
        headers = {"authorization": f"Bearer {token.read_text().strip()}", "content-type": "application/json"}
        done = httpx.post(f"{page}steer", content='{"deed": "off", "words": {"books": "1"}}', headers=headers)
        took_s, _, _ = ended(process)
    assert told
    assert re.search(r'^obmm_states_total\{validator="[^"]*"\} 4\.0$', metrics, re.MULTILINE)
    assert 'obmm_book_mid_quote{book="1"' in metrics
    assert took_s < 2.5
    assert {"1": "off"} == done.json()["overrides"]
    assert 0o600 == stat.S_IMODE(token.stat().st_mode)
    assert token.read_text().strip() not in said
    acts = [f.about for f in Recording(tmp_path / "rec").frames() if isinstance(f.about, Act)]
    assert [("off", {"books": "1"}, "")] == [(a.what, {"books": a.about["books"]}, a.problem) for a in acts]


def test_a_page_steers_where_it_may(capsys):
    """On this machine's own address; elsewhere only if that is said."""
    expected = {"here": (True, False), "anywhere": (True, True), "never": (False, False)}
    for where, may in expected.items():
        assert may == tuple(steers_at(address, where) for address in ("127.0.0.1:8790", "0.0.0.0:8790"))


def test_a_decision_of_long_ago_is_found_in_the_recording(tmp_path: Path):
    """By a process of its own; what is not there is said."""
    (tmp_path / "quoting.toml").write_text(QUOTING)
    sent = bodies(1, 4, n_books=2)
    recorded(tmp_path / "rec", resolve(tmp_path / "quoting.toml"), [("5F", body) for body in sent])
    older = FromRecording(tmp_path / "rec")
    told = older(("5F", ""), 1, 601.5)
    assert (602.0, 1) == (told["time_s"], told["book"])
    with pytest.raises(LookupError, match="ends before"):
        older(("5F", ""), 1, 1e6)


def test_an_address_that_is_none_is_refused(capsys):
    """Before anything is served."""
    with pytest.raises(SystemExit) as ending:
        main(["run", "--harness", "--port", "0", "--preset", "touch", "--dashboard", "here"])
    assert 2 == ending.value.code
    assert "'here' is no address of a dashboard" in capsys.readouterr().err


def test_a_simulation_is_shown_while_it_goes_on(tmp_path: Path, obmm):
    """At a speed one can follow; what the page is told is what the records hold up to then."""
    pytest.importorskip("numba")
    pytest.importorskip("pyarrow")
    from obmm.lab.recorded import Run
    from obmm.lab.retell import retold

    (tmp_path / "quoting.toml").write_text(QUOTING)
    seen: list[dict] = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"

    def look() -> None:
        for _ in range(6000):
            with (
                contextlib.suppress(httpx.TransportError),
                httpx.stream("GET", f"http://{address}/events") as reply,
            ):
                told = (json.loads(line[6:]) for line in reply.iter_lines() if line.startswith("data: "))
                seen.extend(one["simulation"] for one in told if one["simulation"] is not None)
                return
            if seen:
                return
            time.sleep(0.01)

    looking = threading.Thread(target=look)
    looking.start()
    words = ("--preset", "quoting.toml", "--books", "2", "--hours", "0.01", "--out", "run", "--json")
    assert 0 == obmm("simulate", *words, "--dashboard", address, "--speed", "16").status
    looking.join()
    states = [one["states"] for one in seen]
    assert states == sorted(states)
    assert 0 < states[0] < states[-1]
    told = of_run(tmp_path / "run", 0)(("", ""), 1, 619.5)
    assert (620.0, 1) == (told["time_s"], told["book"])
    watch = Watch(wait=True)
    for decision in retold(Run(tmp_path / "run")):
        if decision.state.time_s <= seen[-1]["time_s"]:
            watch.hear(decision)
    watch.close(30.0)
    (one,) = watch.snapshot().simulations
    assert (one.states, one.fills.sum()) == (states[-1], seen[-1]["fills_total"])
    assert one.pnl.sum() == pytest.approx(seen[-1]["pnl_total"])


def shown(*words: str) -> tuple[int, str]:
    """States that `obmm dashboard` has come to when all are read, and what it says on the way."""
    command = [sys.executable, "-m", "obmm", "dashboard", *words, "--address", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            page = re.findall(r"http://\S+", process.stderr.readline().decode())[0]
            states = 0
            for _ in range(500):
                found = re.search(
                    r"^obmm_states_total\S* (\d+)", httpx.get(f"{page}metrics").text, re.MULTILINE
                )
                states = int(found[1]) if found else 0
                if states == 4:
                    break
                time.sleep(0.01)
            told = httpx.get(f"{page}explain", params={"validator": "5F", "book": 1, "at": 0.0}).text
            process.terminate()
            process.communicate(timeout=30)
            assert 0 == process.returncode
            return states, told
        finally:
            process.kill()


def test_a_recording_is_shown_from_its_beginning(tmp_path: Path):
    """With any decision, and until it is asked to end."""
    (tmp_path / "quoting.toml").write_text(QUOTING)
    asked = [("5F", body) for body in bodies(1, 4, n_books=2)]
    recorded(tmp_path / "rec", resolve(tmp_path / "quoting.toml"), asked)
    states, told = shown(str(tmp_path / "rec"))
    assert 4 == states
    assert "gates" in told
    began_s = time.monotonic()
    assert 4 == shown(str(tmp_path / "rec"), "--speed", "3")[0]
    assert time.monotonic() - began_s > 1.0


def test_the_dashboard_for_grafana_is_printed(capsys):
    """As JSON."""
    main(["dashboard", "--grafana"])
    assert "obmm" == json.loads(capsys.readouterr().out)["title"]


def test_what_is_neither_recording_nor_run_is_refused(tmp_path: Path, capsys):
    """Before anything is served."""
    for words, said in (([], "name the folder"), ([str(tmp_path)], "is no live recording")):
        with pytest.raises(SystemExit) as ending:
            main(["dashboard", *words])
        assert 2 == ending.value.code
        assert said in capsys.readouterr().err

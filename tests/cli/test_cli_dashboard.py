"""The dashboard beside a live run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the dashboard needs starlette")
pytest.importorskip("prometheus_client", reason="metrics need prometheus-client")
pytest.importorskip("httpx", reason="the tests of the dashboard need httpx")

import httpx

from cli.test_cli_run import QUOTING, ended, running
from live.agents import bodies
from obmm.cli import main


def test_a_live_run_is_shown_while_it_answers(tmp_path: Path):
    """Its states are counted, its page is there, and it ends as quickly as without."""
    (tmp_path / "quoting.toml").write_text(QUOTING)
    words = ("--preset", str(tmp_path / "quoting.toml"), "--harness", "--port", "0")
    words += ("--dashboard", "127.0.0.1:0", "--metrics-per-book")
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
        took_s, _, _ = ended(process)
    assert told
    assert re.search(r'^obmm_states_total\{validator="[^"]*"\} 4\.0$', metrics, re.MULTILINE)
    assert 'obmm_book_mid_quote{book="1"' in metrics
    assert took_s < 2.5


def test_an_address_that_is_none_is_refused(capsys):
    """Before anything is served."""
    with pytest.raises(SystemExit) as ending:
        main(["run", "--harness", "--port", "0", "--preset", "touch", "--dashboard", "here"])
    assert 2 == ending.value.code
    assert "'here' is no address of a dashboard" in capsys.readouterr().err

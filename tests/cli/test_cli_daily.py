"""`obmm daily`, and `obmm run --daily`."""

from __future__ import annotations

import datetime
import time
from pathlib import Path

import pytest
from tests.cli.test_cli_run import waited_for
from tests.lab.test_live_run import asked
from tests.live.recording import recorded
from tests.monitor.test_alerts import Hook, hook

from obmm.agent import resolve
from obmm.cli._daily import Daily, next_s
from obmm.cli._errors import UsageError
from obmm.lab.daily.day import ends_ns
from obmm.wire.frames import Exchange
from obmm.wire.recording import Recording

__all__ = ["hook"]


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A recording of 20 states."""
    recorded(tmp_path / "rec", resolve("balanced", ["min_edge_bps=-100"]), asked(1, "5Fone")[:20])
    return tmp_path / "rec"


@pytest.mark.usefixtures("one")
def test_the_day_is_told_kept_and_sent(hook: Hook, tmp_path, obmm):
    """The first time without a day before; a channel that is down is told, with status 1."""
    (tmp_path / "alerts.toml").write_text(f'[[to]]\nkind = "webhook"\nurl = "{hook.url}"\n')
    said = obmm("daily", "rec", "--alerts", "alerts.toml", "--json")
    assert (0, {"webhook": ""}, None) == (said.status, said.json["delivered"], said.json["before"])
    folder = Path(said.json["folder"])
    assert {"report.html", "figures.json", "text.txt"} <= {path.name for path in folder.iterdir()}
    assert hook.heard[0][1]["text"] == f"{said.json['subject']}\n{said.json['text']}"
    assert (folder / "text.txt").read_text() == f"{hook.heard[0][1]['text']}\n"
    hook.status = 500
    said = obmm("daily", "rec", "--alerts", "alerts.toml")
    assert (1, True) == (said.status, "webhook: HTTP 500" in said.out)
    assert f"report: {folder / 'report.html'}" in said.out


def test_the_day_before_is_made_of_the_recording(one, obmm):
    """Where it reaches so far back and no figures are kept."""
    frames = [frame.about for frame in Recording(one).frames() if isinstance(frame.about, Exchange)]
    middle_ns = (frames[9].received_ns + frames[10].received_ns) // 2
    hours = (ends_ns(Recording(one)) - middle_ns) / 3.6e12
    said = obmm("daily", "rec", "--hours", repr(hours), "--json")
    assert (0, True) == (said.status, said.json["before"] is not None)
    assert "in brackets against the day before" in said.json["text"]


def test_what_cannot_be_reported_is_refused(tmp_path, obmm):
    """With what would work."""
    assert "is no live recording" in obmm("daily", "rec").err
    assert "is called '0.5.9'" in obmm("daily", "rec", "--era", "0.5.9").err
    words = ("run", "--harness", "--port", "0", "--daily")
    assert "say where with --record" in obmm(*words, "07:00").err
    assert "is no time of the day; write 07:00" in obmm(*words, "7am", "--record", "rec").err


@pytest.mark.usefixtures("obmm")
def test_a_run_reports_at_its_time(hook: Hook, one, tmp_path):
    """By a process of its own, to the channels of its alerts."""
    (tmp_path / "alerts.toml").write_text(f'[[to]]\nkind = "webhook"\nurl = "{hook.url}"\n')
    seven_s = datetime.datetime(2026, 3, 1, 7).timestamp()
    began_s = time.monotonic()
    daily = Daily(
        "07:00",
        [str(one), "--alerts", str(tmp_path / "alerts.toml")],
        lambda: seven_s - 0.1 + time.monotonic() - began_s,
    )
    waited_for(lambda: bool(hook.heard))
    daily.close()
    assert "quote" in hook.heard[0][1]["subject"]


def test_the_next_time_is_later_than_now():
    """Today or tomorrow."""
    now_s = datetime.datetime(2026, 3, 1, 6, 59).timestamp()
    assert 60.0 == next_s(now_s, 7, 0) - now_s
    assert 24 * 3600.0 == next_s(now_s, 6, 59) - now_s
    with pytest.raises(UsageError):
        Daily("25:00", [])

"""A day of a recording: its figures, what changed, the page, the text."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
from tests.lab.test_live_run import asked
from tests.live.recording import interleaved, recorded

from obmm.agent import resolve
from obmm.lab.daily import Day, latest_before, measure_day, text_of, write_page
from obmm.lab.daily.day import ends_ns
from obmm.lab.daily.figures import MEASURES
from obmm.lab.daily.text import findings_of
from obmm.lab.live_run import import_recording
from obmm.lab.recorded import Run
from obmm.lab.summary import summarise
from obmm.wire.frames import Exchange
from obmm.wire.recording import Recording

HOUR_NS = 3600 * 10**9


@pytest.fixture(scope="module")
def recording(tmp_path_factory) -> Path:
    """Two validators, 40 states each."""
    folder: Path = tmp_path_factory.mktemp("days") / "rec"
    stream = interleaved(asked(1, "5Fone"), asked(2, "5Ftwo"))
    del stream[40]
    recorded(folder, resolve("balanced", ["min_edge_bps=-100"]), stream)
    return folder


@pytest.fixture(scope="module")
def day(recording: Path) -> Day:
    """All of it."""
    until_ns = ends_ns(Recording(recording))
    day = measure_day(recording, until_ns - HOUR_NS, until_ns, recording / "scratch")
    assert day is not None
    assert not (recording / "scratch").exists()
    return day


def test_a_day_is_the_sum_of_its_simulations(recording, day, tmp_path):
    """As the summaries of the runs tell them; the state that never came is lost."""
    told = [summarise(Run(run)) for run in import_recording(Recording(recording), tmp_path, eras=())]
    totals = day.totals
    assert list(MEASURES) == list(totals)
    for name, key in (("pnl", "pnl"), ("turnover", "traded_quote"), ("fills", "fills")):
        assert sum(one[key] for one in told) == pytest.approx(totals[name])
    assert sum(one["attribution"]["spread"] for one in told) == pytest.approx(totals["part_spread"])
    assert totals["pnl"] == pytest.approx(sum(v for k, v in totals.items() if k.startswith("part_")))
    assert pytest.approx(100.0 / 80.0) == totals["lost"]
    assert {"0 of 5Fone", "1 of 5Fone", "0 of 5Ftwo", "1 of 5Ftwo"} == set(day.books)


def test_a_window_holds_what_was_asked_within_it(recording, tmp_path):
    """Split in two, each part has its states; where nobody asked there is no day."""
    frames = [f.about for f in Recording(recording).frames() if isinstance(f.about, Exchange)]
    middle, end = frames[len(frames) // 2].received_ns, frames[-1].received_ns + 1
    first = measure_day(recording, frames[0].received_ns, middle, tmp_path / "scratch")
    second = measure_day(recording, middle, end, tmp_path / "scratch", keep=True)
    assert first is not None
    assert second is not None
    assert (tmp_path / "scratch").is_dir()
    states = [sum(one["states"] for one in part.simulations) for part in (first, second)]
    assert [
        sum(f.received_ns < middle for f in frames),
        sum(f.received_ns >= middle for f in frames),
    ] == states
    assert measure_day(recording, 0, 1, tmp_path / "scratch") is None
    assert measure_day(recording, end + HOUR_NS, end + 2 * HOUR_NS, tmp_path / "scratch") is None


def test_a_day_that_was_kept_is_the_day_before(day, tmp_path):
    """The newest that ended early enough; a file that is none is passed over."""
    day.write(tmp_path / "2020-01-01")
    older = attrs.evolve(day, since_ns=0, until_ns=day.until_ns - HOUR_NS)
    older.write(tmp_path / "2019-01-01")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "figures.json").write_text('{"simulations": 3}')
    found = latest_before(tmp_path, day.until_ns)
    assert found is not None
    assert day.totals == found.totals
    assert day.until_ns - HOUR_NS == getattr(latest_before(tmp_path, day.until_ns - 1), "until_ns", None)
    assert latest_before(tmp_path, 0) is None


def mirrored(day: Day) -> Day:
    """The day before, on which every book did the reverse."""
    simulations = [
        {**one, "pnl": -one["pnl"], "per_book": {book: -pnl for book, pnl in one["per_book"].items()}}
        for one in day.simulations
    ]
    return attrs.evolve(day, simulations=simulations, until_ns=day.until_ns - 24 * HOUR_NS)


def test_books_that_turned_are_told(day):
    """Largest change first; a book that was not there has not turned."""
    before = mirrored(day)
    down, up = day.turned(before)
    assert {book for book, pnl in day.books.items() if pnl} == {*down, *up}
    assert all(day.books[book] < 0.0 for book in down)
    sizes = [abs(day.books[book]) for book in up]
    assert sizes == sorted(sizes, reverse=True)
    assert ([], []) == day.turned(None) == day.turned(attrs.evolve(before, simulations=[]))


def test_changes_are_today_less_the_day_before(day):
    """And not known where one is not."""
    before = mirrored(day)
    changes = {name: change for name, _, _, change in day.changes(before)}
    assert 2.0 * day.totals["pnl"] == pytest.approx(changes["pnl"])
    assert 0.0 == changes["turnover"]
    assert {None} == {change for _, _, _, change in day.changes(None)}


def test_the_text_fits_a_phone(day):
    """Twelve short lines at most, with what changed and what was found."""
    text = text_of(day, mirrored(day))
    lines = text.splitlines()
    assert "in brackets against the day before" in lines[0]
    assert len(lines) <= 12
    assert len(text) < 1200
    assert "turned down: " in text
    assert f"1. {findings_of(day)[0]}" in lines
    assert findings_of(day)[0].startswith(("5Fone/run: ", "5Ftwo/run: "))
    assert "(" not in text_of(day, None).splitlines()[1]


def test_the_page_has_every_figure(day, tmp_path):
    """Beside those of the day before."""
    write_page(day, mirrored(day), tmp_path / "days" / "report.html")
    html = (tmp_path / "days" / "report.html").read_text()
    for words in ("P&amp;L of trading, quote", "Markout after 60 s, bp", "turned down", "What it cost"):
        assert words in html
    assert all(found["title"].split("<")[0][:20] in html for found in day.simulations[0]["findings"])

"""Trials: what they tell, and that it does not matter who plays them."""

from __future__ import annotations

import math
import os
import signal
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from lab import tiny_run
from obmm.agent import ConfigError, resolve
from obmm.lab.attribution import PARTS
from obmm.lab.first_hour import LATER
from obmm.lab.recorded import Run
from obmm.lab.runs import runs_in
from obmm.lab.simulate import Plan, simulate
from obmm.lab.summary import MARKOUT_S, filled_forward, summarise
from obmm.lab.trials import METRICS, Gather, LocalExecutor, Outcome, Stopped, Trial, play
from obmm.lab.trials.executor import WorkerLost
from obmm.sim import Scenario

SCENARIO = Scenario.load("taos-0.5.4")
#: Ten simulated minutes.
HOURS = 1 / 6


def trial(preset: str = "touch", **changes: Any) -> Trial:
    """Two books, two seeds."""
    given = {"scenario": SCENARIO, "books": 2, "hours": HOURS, "seeds": (3, 4)} | changes
    return Trial(config=resolve(preset), **given)


@pytest.fixture(scope="module")
def outcomes() -> tuple[Outcome, ...]:
    """The outcomes of `trial()`, under an era that has little to say so early."""
    return play(trial(eras=("0.5.4",)), threads=1)


def test_a_trial_is_the_run_that_simulate_records(outcomes: tuple[Outcome, ...], tmp_path: Path) -> None:
    """Digest by digest and figure by figure."""
    plan = Plan(config=resolve("touch"), scenario=SCENARIO, books=2, hours=HOURS, seed=4, threads=1, eras=())
    simulate(plan, tmp_path / "run")
    run = Run(tmp_path / "run")
    told, outcome = summarise(run), outcomes[1]
    assert (4, run.about["digest"], run.about["config_hash"]) == (
        outcome.seed,
        outcome.digest,
        outcome.config_hash,
    )
    hours = told["hours"]
    expected = {
        "pnl_per_book_hour": told["pnl_per_book_hour"],
        "pnl_bps": 1e4 * told["pnl"] / told["traded_quote"],
        "fees_per_book_hour": told["fees"] / 2 / hours,
        "fills_per_book_hour": told["fills"] / 2 / hours,
        "win_rate": told["win_rate"],
        "maker_share": told["maker_share"],
    }
    assert pytest.approx(expected) == {name: outcome.metrics[name] for name in expected}
    assert pytest.approx([row["pnl"] for row in told["per_book"]]) == outcome.books["pnl"].tolist()
    means = outcome.markouts["sum"] / outcome.markouts["count"]
    assert pytest.approx(list(told["markout_bps"].values())) == means.tolist()


def test_what_comes_after_the_first_hour_is_told_alike_by_trial_record_and_list(tmp_path: Path) -> None:
    """Of the agent and of a rival; the hour ends with the first state that is an hour after the first."""
    rules = attrs.evolve(SCENARIO.venue, publish_interval_s=20.0)
    slow = attrs.evolve(SCENARIO, venue=rules)
    mine, rival = resolve("touch"), resolve("balanced")
    plan = Plan(config=mine, rivals=(rival,), scenario=slow, books=2, hours=1.5, seed=4, threads=1, eras=())
    told = simulate(plan, tmp_path / "run")
    times, (bid, ask, base, quote) = Run(tmp_path / "run").grid(0, "bid", "ask", "base", "quote")
    hour = np.flatnonzero(times == times[0] + 3600 * 10**9)[0]
    worth = quote + base * filled_forward((bid + ask) / 2.0)
    held = quote[0] + base[0] * filled_forward((bid + ask) / 2.0)
    first = (worth - held)[hour]
    assert pytest.approx(first.tolist()) == [book["pnl_first_hour"] for book in told["per_book"]]
    later = (told["pnl"] - first.sum()) / 2 / (told["hours"] - 1.0)
    assert abs(later - told["pnl_per_book_hour"]) > 1.0
    (row,) = runs_in(tmp_path)
    (outcome,) = play(trial(rivals=(rival,), scenario=slow, hours=1.5, seeds=(4,)), threads=1)
    assert [pytest.approx(later)] * 3 == [
        told[LATER], row.pnl_after_first_hour, outcome.metric(LATER)
    ]  # fmt: skip
    assert pytest.approx(first.tolist()) == outcome.books["pnl_first_hour"].tolist()
    theirs = summarise(Run(tmp_path / "run"), 1)
    other = next(other for other in outcome.others if other.config_hash == rival.hash)
    assert pytest.approx([book["pnl_first_hour"] for book in theirs["per_book"]]) == (
        other.books["pnl_first_hour"].tolist()
    )
    assert pytest.approx(theirs[LATER]) == other.metric(LATER, outcome.hours)


def test_a_run_of_an_hour_or_less_has_no_later_hours(outcomes: tuple[Outcome, ...]) -> None:
    """Nothing is promised from ten minutes, and the reason is told."""
    (one, _) = outcomes
    assert math.isnan(one.metric(LATER))
    assert "the run lasts no more than an hour" == one.why_unknown(LATER)
    assert one.books["pnl"].tolist() == one.books["pnl_first_hour"].tolist()
    assert all(math.isnan(other.metric(LATER, one.hours)) for other in one.others)


def test_every_metric_is_told(outcomes: tuple[Outcome, ...]) -> None:
    """And the score of the era asked for."""
    assert {*METRICS, "score_0.5.4", "kappa_score_0.5.4"} == set(outcomes[0].metrics)


def test_the_parts_of_the_pnl_are_all_of_it(outcomes: tuple[Outcome, ...]) -> None:
    """Book by book, to a millionth."""
    for outcome in outcomes:
        parts = sum(outcome.books[part] for part in PARTS)
        assert np.abs(outcome.books["pnl"] - parts).max() < 1e-6
        assert np.abs(outcome.books["pnl"]).min() > 0.01


def test_a_tiny_run_by_hand() -> None:
    """Fills, mids and balances small enough to be added up: see `tiny_run`."""
    gather = Gather()
    for i in range(len(tiny_run.SECONDS)):
        gather.add(tiny_run.state(i))
    outcome = gather.outcome(seed=1, config_hash="", digest="", asset=np.array([0, 1]))
    parts = {part: outcome.books[part].tolist() for part in PARTS}
    # Bought 3 at 99.5 with the mid at 101 next, 104 a minute later; sold 1 at 102.5, the mid at 102 then 103.
    # Five minutes later there is only the end, at 98.
    assert {
        "spread": pytest.approx([3 * 1.5 + 0.5, 0.0]),
        "first_minute": pytest.approx([3 * 2.0 - 1.0, 0.0]),
        "one_to_five_minutes": pytest.approx([3 * -5.0 + 5.0, 0.0]),
        "held_longer": pytest.approx([0.0, 0.0]),
        "fees_and_rebates": pytest.approx([-0.07, 0.0]),
    } == parts
    assert pytest.approx(-0.07 + 5.0 + 5.0 - 10.0) == outcome.books["pnl"][0]
    assert [0.0, 60.0, 120.0, 300.0] == outcome.curves["time_s"].tolist()
    assert len(MARKOUT_S) == outcome.markouts["sum"].size


def test_processes_come_to_the_same(outcomes: tuple[Outcome, ...]) -> None:
    """Two of them for three trials, two of which share a market; and all that was done is told."""
    trials = [trial().on((seed,)) for seed in (3, 4, 5)]
    got: dict[int, tuple[Outcome, ...]] = {}
    done: list[float] = []
    LocalExecutor(jobs=2, progress=done.append).run(trials, got.__setitem__)
    assert [outcome.digest for outcome in outcomes] == [got[i][0].digest for i in range(2)]
    assert sum(t.book_seconds for t in trials) == done[-1]


class _Killed(Trial):
    """A trial whose process is killed as it unpacks it, as often as its file says."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _deadly, (os.environ["OBMM_TEST_DEATHS"], attrs.asdict(self, recurse=False))


def _deadly(path: str, fields: dict[str, Any]) -> Trial:
    left = int(Path(path).read_text())
    if left:
        Path(path).write_text(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    return Trial(**fields)


def deadly(monkeypatch: pytest.MonkeyPatch, folder: Path, deaths: int) -> Trial:
    """A trial over which so many processes die."""
    (folder / "deaths").write_text(str(deaths))
    monkeypatch.setenv("OBMM_TEST_DEATHS", str(folder / "deaths"))
    short = trial(seeds=(3,), hours=10 / 3600)
    return _Killed(**attrs.asdict(short, recurse=False))


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no SIGKILL here")
def test_a_trial_whose_process_is_killed_is_played_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Once killed, it comes to what it always does; killed each time, that is said."""
    short = trial(seeds=(3,), hours=10 / 3600)
    got: dict[int, tuple[Outcome, ...]] = {}
    LocalExecutor(jobs=2).run([deadly(monkeypatch, tmp_path, 1), short], got.__setitem__)
    assert got[0][0].digest == got[1][0].digest
    monkeypatch.setattr("obmm.lab.trials.executor.MAX_DEATHS", 1)
    with pytest.raises(WorkerLost, match=r"played seeds \[3\] of preset touch died 1 times"):
        LocalExecutor(jobs=2).run([deadly(monkeypatch, tmp_path, 9), short], got.__setitem__)


def test_ctrl_c_keeps_the_trials_that_are_done() -> None:
    """The rest is not begun."""
    got: list[int] = []

    def done(number: int, told: tuple[Outcome, ...]) -> None:
        got.append(number)
        os.kill(os.getpid(), signal.SIGINT)

    # Of different books: alike they would be one market.
    short = [trial(seeds=(1,), books=books, hours=10 / 3600) for books in (1, 2, 3)]
    with pytest.raises(Stopped, match="SIGINT"):
        LocalExecutor(jobs=1).run(short, done)
    assert [0] == got


def test_wrong_trials_are_refused_at_once() -> None:
    """All faults in one message."""
    with pytest.raises(ConfigError) as caught:
        trial(books=0, seeds=(1, 1), eras=("0.5.44",))
    told = str(caught.value)
    assert all(part in told for part in ("books", "all different", "eras 0.5.44", "did you mean '0.5.4'"))

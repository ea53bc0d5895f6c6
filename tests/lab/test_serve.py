"""The embedded market for agents elsewhere: the same run as in process, whatever the agents do."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from obmm.agent import ConfigError, MarketMaker, resolve
from obmm.lab.recorded import Run
from obmm.lab.serve import Job, Serving, serve
from obmm.lab.simulate import Plan, simulate
from obmm.market import MarketState, Orders
from obmm.sim import Scenario

SCENARIO = Scenario.load("taos-0.5.4")
BOOKS, HOURS = 2, 0.012


@attrs.frozen
class Answered:
    """What one agent answered."""

    orders: Orders | None
    took_s: float


@attrs.define
class InProcess:
    """Agents of ours in the place of others; those without a configuration never answer."""

    makers: list[MarketMaker | None]
    events: list[str] = attrs.field(factory=list)
    asked: int = 0
    interrupt_at: int = -1
    took_s: float = 0.05
    broken: bool = False

    @property
    def uids(self) -> range:
        return range(len(self.makers))

    def ask(self, states: Mapping[int, MarketState]) -> dict[int, Answered]:
        self.asked += 1
        if self.asked == self.interrupt_at:
            os.kill(os.getpid(), signal.SIGINT)
        if self.broken:
            raise RuntimeError("broken")
        return {
            uid: Answered(None if maker is None else maker.respond(states[uid]), self.took_s)
            for uid, maker in enumerate(self.makers)
        }

    def tell(self, event: Mapping[str, Any]) -> None:
        self.events.append(event["y"])

    def told(self) -> dict[int, dict[str, Any]]:
        counted = {"asked": self.asked, "dropped": {}, "problems": []}
        return {
            uid: {"agent": f"agent {uid}", "answered": self.asked if maker else 0, **counted}
            for uid, maker in enumerate(self.makers)
        }


def asker(*presets: str, **options: Any) -> InProcess:
    """Agents with these presets; one without a name never answers."""
    return InProcess([MarketMaker(resolve(preset)) if preset else None for preset in presets], **options)


def serving(**changes: Any) -> Serving:
    """A small market."""
    given = {
        "scenario": SCENARIO,
        "books": BOOKS,
        "hours": HOURS,
        "seed": 3,
        "threads": 1,
        "eras": ("0.5.4",),
    }
    return Serving(**(given | changes))


def test_served_run_is_the_simulated_run(tmp_path: Path) -> None:
    """With the same answer times, the same trades and balances, figures and records."""
    there = asker("touch")
    [told] = serve([Job(serving=serving(response_ms=100.0), asker=there, folder=tmp_path / "served")])
    plan = Plan(
        config=resolve("touch"),
        scenario=SCENARIO,
        books=BOOKS,
        hours=HOURS,
        seed=3,
        threads=1,
        eras=("0.5.4",),
    )
    simulated = simulate(plan, tmp_path / "simulated")
    account = told["agents"][0]
    assert simulated["digest"] == told["digest"]
    for name in ("fills", "pnl", "pnl_per_book_hour", "rejects", "scores"):
        assert simulated[name] == account[name]
    assert ["ESS", "ESE"] == there.events
    for table in ("orders", "fills", "trades", "rejects"):
        ours, theirs = (Run(tmp_path / name).table(table) for name in ("served", "simulated"))
        for column in theirs:
            np.testing.assert_array_equal(ours[column], theirs[column])


def test_an_answer_counts_with_the_time_it_took(tmp_path: Path) -> None:
    """Without a constant the measured time becomes the delay, so that other times make another run."""
    digests = set()
    for number, took_s in enumerate((0.01, 0.01, 2.9)):
        job = Job(serving=serving(), asker=asker("touch", took_s=took_s), folder=tmp_path / str(number))
        digests.add((took_s, serve([job])[0]["digest"]))
    assert 2 == len(digests) == len({digest for _, digest in digests})


def test_agents_that_never_answer_are_reported_beside_ours(tmp_path: Path) -> None:
    """A silent agent has an account without fills; a competing pipeline of ours is told like an agent."""
    there = asker("touch", "")
    job = Job(serving=serving(pipelines=(resolve("balanced"),)), asker=there, folder=tmp_path / "run")
    [told] = serve([job])
    assert [0, 1, 2] == [account["uid"] for account in told["agents"]]
    assert ["agent 0", "agent 1", "preset balanced"] == [account["agent"] for account in told["agents"]]
    states = told["states"]
    assert [states, 0, states] == [account["answered"] for account in told["agents"]]
    assert (0, None) == (told["agents"][1]["fills"], told["agents"][1]["respond_ms"]["p50"])
    assert told["completed"]


def test_interrupt_keeps_what_is_done(tmp_path: Path) -> None:
    """The state that was being served is finished, and the run says what ended it."""
    there = asker("touch", interrupt_at=7)
    [told] = serve([Job(serving=serving(), asker=there, folder=tmp_path / "run")])
    assert (7, "SIGINT", False) == (told["states"], told["ended"], told["completed"])
    assert 7 == len(Run(tmp_path / "run").of("answers", 0)["respond_ms"])
    assert ["ESS", "ESE"] == there.events


def test_several_markets_run_at_once_with_clocks_of_their_own(tmp_path: Path) -> None:
    """Each has its simulation, and one that fails ends the others."""
    jobs = [
        Job(serving=serving(seed=3 + i, clock_s=100.0 * i), asker=asker("touch"), folder=tmp_path / str(i))
        for i in range(2)
    ]
    told = serve(jobs)
    first = [Run(tmp_path / str(i)).grid(0, "bid")[0][0] / 1e9 for i in range(2)]
    assert [600.0, 701.0] == first
    assert 2 == len({run["simulation_id"] for run in told}) == len({run["digest"] for run in told})
    again = [attrs.evolve(job, folder=tmp_path / f"again-{i}") for i, job in enumerate(jobs)]
    broken = asker("touch", broken=True)
    with pytest.raises(RuntimeError, match="broken"):
        serve([attrs.evolve(again[0], asker=broken), attrs.evolve(again[1], serving=serving(hours=20.0))])
    about = json.loads((tmp_path / "again-1" / "run.json").read_text(encoding="utf-8"))
    assert "a market beside it failed" == about["ended"]
    assert threading.active_count() < 20


def test_realtime_takes_a_second_for_each(tmp_path: Path) -> None:
    """A simulated second is not over before a real one."""
    [told] = serve(
        [Job(serving=serving(hours=2 / 3600, realtime=True), asker=asker(""), folder=tmp_path / "run")]
    )
    assert told["wall_s"] >= told["states"] - 1 > 0


@pytest.mark.parametrize("change", [{"books": 0}, {"hours": 0.0}, {"hours": 1e9}])
def test_impossible_markets_are_refused(change: dict[str, float]) -> None:
    """With the name of what is wrong."""
    with pytest.raises(ConfigError, match=next(iter(change))):
        serving(**change)


def test_hours_end_with_the_scenario() -> None:
    """A market that begins later has less left."""
    assert 23.0 < serving(hours=50.0).hours_planned < 24.0
    assert (
        "the scenario lasts 24 h: 23.83 h are served after its first state, not 50" == serving(hours=50.0).cut
    )
    assert "" == serving().cut
    assert serving(hours=50.0, clock_s=3600.0).hours_planned == pytest.approx(
        serving(hours=50.0).hours_planned - 1.0
    )

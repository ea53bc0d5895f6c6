"""Several seeds of a trial at once: each comes to what it comes to alone, to the last bit."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, ClassVar

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.agent import resolve
from obmm.lab.trials import Outcome, Trial, play
from obmm.market import FloatArray, MarketState, Signals, Stage, memory
from obmm.settings.toml import parse_layer
from obmm.sim import Scenario

SEEDS = (3, 4, 9)
TWO_PIPELINES = (
    'extends = "balanced"\n'
    '[[assign]]\nbooks = "odd"\npipeline = "conservative"\n'
    "[books.1]\ngates.inventory.max_inventory_pct = 0.02\n"
    '[[gates]]\nkind = "exposure"\nmax_share = 0.0001\n'
    '[[gates]]\nkind = "drawdown"\nscope = "portfolio"\nthreshold = 0.00001\n'
)


def config(text: str) -> Any:
    """A configuration of a file of one's own."""
    return resolve(parse_layer(text, "my.toml"))


def plain(outcome: Outcome) -> str:
    """Everything it tells, every number to the last bit."""
    return json.dumps(attrs.asdict(outcome), default=np.ndarray.tolist, sort_keys=True)


def alone(trial: Trial) -> list[str]:
    """The outcomes of seeds that are played one at a time."""
    return [plain(play(trial.on((seed,)), threads=1)[0]) for seed in trial.seeds]


@pytest.mark.parametrize(
    ("text", "rivals", "scenario", "eras"),
    [
        (TWO_PIPELINES, ("touch",), "taos-0.5.4", ("0.1.51", "0.5.4")),
        ('extends = "fast"', (), "taos-0.6.2", ("0.6.3",)),
    ],
)
def test_each_seed_is_what_it_is_alone(
    text: str, rivals: tuple[str, ...], scenario: str, eras: tuple[str, ...]
) -> None:
    """Digest, books, curves, markouts and scores, in blocks of two books that do not fill up."""
    loaded = Scenario.load(scenario)
    blocks = attrs.evolve(loaded, venue=attrs.evolve(loaded.venue, books_per_block=2))
    trial = Trial(
        config=config(text),
        rivals=tuple(map(resolve, rivals)),
        scenario=blocks,
        books=3,
        hours=0.05,
        seeds=SEEDS,
        eras=eras,
    )
    together = play(trial, threads=1)
    assert alone(trial) == [plain(outcome) for outcome in together]
    assert all(outcome.books["fills"].sum() > 0 for outcome in together)


@attrs.define
class MeanMid(Stage):
    """The mean of all books, whoever they belong to, once in a while."""

    across_books: ClassVar[bool] = True
    calls: int = memory(int)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        self.calls += 1
        return np.full(state.n_books, np.nanmean(state.mid))


@attrs.define
class Fails(Stage):
    """Fails where a book is dear, which in some markets comes sooner than in others."""

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        if np.nanmax(state.mid) > 300.3:
            raise ValueError("too dear")
        return np.asarray(state.mid)


@pytest.mark.parametrize("stage", ["MeanMid", "Fails"])
def test_a_stage_that_cannot_be_wide_is_played_market_by_market(stage: str) -> None:
    """One that mixes groups, and one that fails in one of them."""
    text = (
        f'extends = "touch"\n[[signals]]\nkind = "lab.test_wide_play:{stage}"\nname = "mine"\n'
        '[builder]\nfair = "mine"\n'
    )
    trial = Trial(config=config(text), scenario=Scenario.load("taos-0.5.4"), books=1, hours=0.02, seeds=SEEDS)
    together = play(trial, threads=1)
    assert alone(trial) == [plain(outcome) for outcome in together]
    assert len({outcome.failed for outcome in together}) == (3 if stage == "Fails" else 1)


def test_progress_goes_up_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over the parts into which many seeds are cut: two of four states each."""
    monkeypatch.setattr(import_module("obmm.lab.trials.play"), "WIDE_BOOKS", 2)
    told: list[float] = []
    trial = Trial(
        config=resolve("touch"), scenario=Scenario.load("taos-0.5.4"), books=1, hours=4 / 3600, seeds=SEEDS
    )
    play(trial, told.append, threads=1)
    assert [0.0, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 0.75, 5 / 6, 11 / 12] == pytest.approx(told)

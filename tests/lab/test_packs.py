"""Trials of several configurations at once: each comes to what it comes to alone, to the last bit."""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.agent import Config, ConfigError, preset_names, resolve
from obmm.lab.trials import Outcome, Trial, play
from obmm.lab.trials.packs import packs_of
from obmm.lab.trials.play import goes_with, play_together
from obmm.settings.toml import parse_layer
from obmm.sim import Scenario, SimulatedMarket

#: The market whose rules pay each preset, and its era.
OLD, NEW = ("taos-0.5.4", "0.5.4"), ("taos-0.6.2", "0.6.3")


def plain(outcome: Outcome) -> str:
    """Everything it tells, every number to the last bit."""
    return json.dumps(attrs.asdict(outcome), default=np.ndarray.tolist, sort_keys=True)


def trial(config: Config, market: tuple[str, str] = OLD, **changes: Any) -> Trial:
    """Two books for a minute."""
    scenario, era = market
    given = {"scenario": Scenario.load(scenario), "books": 2, "hours": 1 / 60, "eras": (era,)} | changes
    return Trial(config=config, **given)


def variants(preset: str) -> list[Config]:
    """A preset, and two in which everything differs that may differ from book to book."""
    base = resolve(preset)
    found = [base]
    for factor in (1.25, 0.75):
        changes: dict[str, float] = {}
        for spec in base.all_specs:
            stage = spec.build()
            for field in attrs.fields(spec.cls):
                value = getattr(stage, field.name) if field.metadata.get("per_book") else None
                if not isinstance(value, (int, float)):
                    continue
                changed = value * factor or 0.1 * factor
                try:
                    resolve(preset, {f"{spec.path}.{field.name}": changed})
                except ConfigError:
                    continue
                changes[f"{spec.path}.{field.name}"] = changed
        found.append(resolve(preset, changes))
    return found


def expect_as_alone(trials: list[Trial]) -> None:
    """Played together and one by one, trials come to the same."""
    assert 1 == len({goes_with(one) for one in trials})
    markets: list[Any] = []

    def made(*args: Any, **said: Any) -> SimulatedMarket:
        markets.append(said["seed"])
        return SimulatedMarket(*args, **said)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(import_module("obmm.lab.trials.play"), "SimulatedMarket", made)
        together = play_together(trials, threads=1)
    assert [[seed for one in trials for seed in one.seeds]] == markets
    alone = [[plain(play(one.on((seed,)), threads=1)[0]) for seed in one.seeds] for one in trials]
    assert alone == [[plain(outcome) for outcome in told] for told in together]
    assert len({told[0].digest for told in together}) > 1


#: Presets of stages of their own; the others have the stages of `balanced`.
DISTINCT = {"balanced", "making", "money", "sharpe", "touch"}


@pytest.mark.parametrize(
    "preset",
    [name if name in DISTINCT else pytest.param(name, marks=pytest.mark.long) for name in preset_names()],
)
def test_each_configuration_is_what_it_is_alone(preset: str) -> None:
    """Every preset in three forms, on seeds of their own, on either market."""
    market = NEW if preset in ("making", "touch") else OLD
    seeds = ((3,), (4,), (3,))
    expect_as_alone(
        [trial(config, market, seeds=s) for config, s in zip(variants(preset), seeds, strict=True)]
    )


def test_signals_may_be_others_for_some() -> None:
    """Weights, time constants and even the kind: each configuration is told what its own signals say.

    Books wait for the signals of their own configuration; single books and assigned pipelines have theirs.
    """
    text = (
        'extends = "balanced"\n[[signals]]\nname = "trade_flow"\ntau_s = {tau}\n'
        '[[signals]]\nname = "lean"\nweights = {{ {weights} }}\n'
        '[[signals]]\nname = "volatility"\nkind = "{kind}"\n'
        "[books.1]\nbuilder.size_base = {size}\n"
        '[[assign]]\nbooks = [0]\npipeline = "touch"\n'
    )
    forms = [
        text.format(tau=10, weights="imbalance = -0.2", kind="volatility", size=0.5),
        text.format(tau=20, weights="imbalance = 0.4, trade_flow = 0.1", kind="spread", size=1.5),
        text.format(tau=20, weights="trade_flow = 0.3", kind="volatility", size=0.5),
    ]
    configs = [resolve(parse_layer(form, "my.toml")) for form in forms]
    expect_as_alone([trial(config, NEW, seeds=(3,), books=3) for config in configs])


def test_what_cannot_go_together_is_told_apart() -> None:
    """Other stages, other words, other books, rivals, hours, eras: each is a pack of its own."""
    base = trial(resolve("balanced"), eras=())
    others = [
        attrs.evolve(base, config=resolve("balanced", ["builder.fair=volatility"])),
        attrs.evolve(base, config=resolve("balanced", ["gates.drawdown.scope=portfolio"])),
        attrs.evolve(base, config=resolve("touch")),
        attrs.evolve(base, books=3),
        attrs.evolve(base, hours=0.5),
        attrs.evolve(base, response_ms=1.0),
        attrs.evolve(base, eras=("0.5.4",)),
        attrs.evolve(base, rivals=(resolve("touch"),)),
        attrs.evolve(base, scenario=Scenario.load(NEW[0])),
    ]
    assert [(i,) for i in range(1 + len(others))] == packs_of([base, *others], at_once=1)


def test_narrow_trials_share_a_pack_and_wide_ones_do_not() -> None:
    """As wide as pays, one for everybody who plays, and the same number for each of them."""
    sizes = [resolve("touch", [f"size_base={1 + i}"]) for i in range(6)]
    narrow = [trial(config, books=16, seeds=(1, 2)) for config in sizes]
    assert [(0, 1, 2), (3, 4, 5)] == packs_of(narrow, at_once=1)
    assert [(0, 1), (2, 3), (4,), (5,)] == packs_of(narrow, at_once=4)
    assert [(i,) for i in range(6)] == packs_of(narrow, at_once=6)
    wide = [trial(config, books=128) for config in sizes]
    assert [(i,) for i in range(6)] == packs_of(wide, at_once=2)

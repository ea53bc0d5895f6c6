"""The examples do what they say."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from obmm.agent import MarketMaker, resolve
from obmm.lab.check import check_config, check_stage
from obmm.settings.toml import file_layer
from obmm.testing import random_states
from obmm.testing.paper import PaperOrders
from obmm.testing.rules import violations

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CONFIGS = sorted(EXAMPLES.glob("*.toml"))


@pytest.fixture(autouse=True)
def _paths(monkeypatch):
    """Configurations put their folder on the module path; it is taken off again."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_is_fit_to_go_live(path):
    """On forty books; states enough to leave the warm-up."""
    found = list(check_config(resolve(path), [40], n_states=40))
    assert [] == [finding for finding in found if not finding.ok and "answers within" not in finding.name]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_configuration_tells_what_it_is_for(path):
    """In a comment at its head."""
    assert path.read_text().startswith("# ")


def test_a_signal_of_ones_own_takes_fifteen_lines():
    """From the first import to the last line, blank ones counted."""
    lines = (EXAMPLES / "fade.py").read_text().splitlines()
    assert 15 >= len(lines)
    assert 110 >= max(map(len, lines))


def test_it_is_swapped_in_by_one_line():
    """The configuration says what it extends, and names the stage."""
    table = file_layer(EXAMPLES / "fade.toml").table
    assert {"extends": "balanced", "signals": [{"kind": "fade:Fade", "name": "lean"}]} == dict(table)
    config = resolve(EXAMPLES / "fade.toml")
    assert "fade:Fade" == config.spec("signals.lean").kind
    others = [spec.path for spec in config.specs if spec.path != "signals.lean"]
    assert others == [s.path for s in resolve("balanced").specs if s.path != "signals.lean"]


def test_it_keeps_the_contract_of_a_stage():
    """Missing data, pickling, isolation of books."""
    fade = resolve(EXAMPLES / "fade.toml").spec("signals.lean").cls
    assert [] == [finding for finding in check_stage(fade) if not finding.ok]


def test_it_leans_against_the_heavier_side():
    """Half of the turned imbalance by default."""
    fade = resolve(EXAMPLES / "fade.toml").spec("signals.lean").build()
    state = random_states(1, 1, n_books=5)[0]
    bid, ask = state.bid_size[:, 0], state.ask_size[:, 0]
    np.testing.assert_allclose(0.5 * (ask - bid) / (ask + bid), fade(state, None))


def test_two_pipelines_share_the_books():
    """The touch agent has the even ones, and each book is quoted by its own builder alone."""
    config = resolve(EXAMPLES / "ab.toml")
    maker, paper = MarketMaker(config), PaperOrders(8)
    for bare in random_states(2, 60, n_books=8):
        state = paper.dressed(bare)
        decision = maker.decide(state)
        assert [] == violations(state, decision.orders)
        paper.submit(state, decision.orders)
    names = {step.name: step.books.tolist() for step in decision.steps}
    even = [book % 2 == 0 for book in range(8)]
    assert {"preset touch": even, str(EXAMPLES / "ab.toml"): [not flag for flag in even]} == names
    (own,) = (spec for spec in config.overrides)
    assert ("7", "gates.inventory", 0.15) == (own.selector, own.path, own.value)

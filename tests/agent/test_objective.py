"""What an agent plays for: said, or chosen by the venue."""

from __future__ import annotations

import json
import sys

import attrs
import numpy as np
import pytest

from agent.told import problems
from obmm.agent import Config, ConfigError, MarketMaker, feeds_of, paid_by, resolve
from obmm.agent.sessions import Session
from obmm.market import MarketState, Venue
from obmm.settings.toml import parse_layer

TWO_ASSETS = {"initial_price": np.array([300.0, 29.57])}


@pytest.fixture
def auto() -> Config:
    """Money by `money`, Kappa by `touch`, making by `balanced`."""
    choices = {
        name: attrs.evolve(resolve(preset), objective=name)
        for name, preset in (("money", "money"), ("kappa", "touch"), ("making", "balanced"))
    }
    return attrs.evolve(choices["money"], name="auto", objective="auto", choices=choices)


@pytest.mark.parametrize(
    ("venue", "expected"),
    [
        (Venue.of(2, version="0.1.9"), "sharpe"),
        (Venue.of(2, version="0.1.51"), "sharpe"),
        (Venue.of(2, version="0.3.5"), "kappa"),
        (Venue.of(2, version="0.5.4", **TWO_ASSETS), "kappa"),
        (Venue.of(2, version="0.5.7"), "kappa"),
        (Venue.of(2, version="0.6.0"), "making"),
        (Venue.of(2, version="0.6.2"), "making"),
        (Venue.of(2, version="0.9.0"), "making"),
        (Venue.of(2, version="0.0.1"), "making"),
        (Venue.of(2, simulation_id="taos-0.5.4-1"), "kappa"),
        (Venue.of(2, simulation_id="taos-0.5.4-1", validator="5F", **TWO_ASSETS), "making"),
        (Venue.of(2, **TWO_ASSETS), "making"),
        (Venue.of(2), "kappa"),
        (Venue.of(2, wealth_quote=100_000.0, turnover_cap_quote=2_000_000.0), "sharpe"),
    ],
)
def test_the_venue_says_what_it_pays(venue, expected):
    """By its version; else a scenario by its name; else by its layout."""
    assert expected == paid_by(venue).objective


def test_without_a_preset_for_what_is_paid_it_is_money():
    """And the reason says so."""
    chosen = paid_by(Venue.of(1, version="0.1.51"), ("money", "kappa"))
    assert ("money", True) == (chosen.objective, chosen.why.endswith("for which there is no preset"))
    assert "skill" == paid_by(Venue.of(1, version="0.6.2"), ("money", "skill")).objective


def test_a_session_runs_what_the_venue_chooses(auto):
    """One pipeline, whichever it is."""
    for version, expected in (
        ("0.5.4", "preset touch"),
        ("0.1.51", "preset money"),
        ("0.6.2", "preset balanced"),
    ):
        (pipeline,) = Session.bind(auto, Venue.of(2, version=version)).pipelines
        assert expected == pipeline.name


def test_states_are_decoded_for_all_that_may_be_chosen(auto):
    """The choice comes with the first state."""
    assert feeds_of(auto) >= feeds_of(resolve("balanced")) | feeds_of(resolve("money"))


def test_an_agent_that_lets_the_venue_choose_answers(auto):
    """Its decisions carry the hash of the whole, and the pipeline that decided."""
    venue = Venue.of(1, version="0.5.4")
    maker = MarketMaker(auto)
    decision = maker.decide(MarketState.of_books(venue, [[(299.0, 9.0)]], [[(301.0, 9.0)]]))
    assert (auto.hash, ["preset touch"]) == (decision.config_hash, [step.name for step in decision.steps])


def test_a_changed_configuration_keeps_what_is_the_same(auto):
    """Of what the venue had chosen before."""
    venue = Venue.of(1, version="0.5.4")
    before = Session.bind(auto, venue)
    after = before.changed(auto, resolve("touch"))
    assert before.pipelines[0].builder is after.pipelines[0].builder


def test_its_table_makes_it_again(auto):
    """As a run or a recording keeps it."""
    from obmm.lab.rebuild import rebuilt

    again = rebuilt("auto", json.loads(json.dumps(auto.as_table())), auto.hash)
    assert (auto.hash, list(auto.choices)) == (again.hash, list(again.choices))


def test_a_bare_objective_takes_the_preset_that_plays_for_it():
    """With what the file says laid over it."""
    mine = resolve(parse_layer('objective = "money"\n[builder]\nedge_bps = 3', "my.toml"))
    money = resolve("money")
    assert ("money", 3, money.gates) == (mine.objective, mine.builder.options["edge_bps"].value, mine.gates)


def test_the_preset_auto_takes_what_is_laid_over_it():
    """In every choice."""
    plain = resolve("auto")
    mine = resolve(
        parse_layer('extends = "auto"\n[[gates]]\nkind = "drawdown"', "my.toml"), ["threshold=0.02"]
    )
    assert ("auto", "auto") == (plain.objective, mine.objective)
    assert list(plain.choices) == list(mine.choices)
    assert all(one.description == resolve(name).description for name, one in mine.choices.items())
    assert all(0.02 == one.spec("gates.drawdown").build().threshold for one in mine.choices.values())


def test_what_fits_no_choice_is_told_with_the_objective():
    """The place of the mistake, and for what."""
    with pytest.raises(ConfigError, match=r"for money: parameter nonsense: no stage has this option"):
        resolve("auto", ["nonsense=1"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('objective = "monney"', "my.toml: objective: 'monney' is none; did you mean 'money'?"),
        ("objective = 3", "my.toml: objective: 3 is none; "),
        (
            '[[assign]]\nbooks = "even"\npipeline = "auto"',
            "my.toml: assign[0].pipeline: auto lets the venue choose for all books: name an objective",
        ),
    ],
)
def test_what_is_no_objective_is_refused(text, expected):
    """With its place."""
    assert problems(text)[0].startswith(expected)


def test_auto_chooses_the_stages_itself():
    """A builder beside it would be none that the venue chose."""
    with pytest.raises(ConfigError, match=r"chooses the stages .* leave the builder"):
        resolve(parse_layer('objective = "auto"\n[builder]\nkind = "touch"', "my.toml"))


def test_an_objective_without_a_preset_is_told(monkeypatch):
    """It is not silently another one."""
    monkeypatch.setattr(sys.modules["obmm.agent.resolve"], "preset_names", lambda: ["money", "touch"])
    with pytest.raises(ConfigError, match="no preset plays for 'skill' yet"):
        resolve(parse_layer('objective = "skill"', "my.toml"))


def test_an_ab_needs_configurations_of_one_objective():
    """Halves of the books could be chosen differently."""
    from obmm.agent import Choice, Trial

    with pytest.raises(ConfigError, match="lets the venue choose"):
        Choice("auto", trial=Trial("touch", "even")).resolve()


def test_a_search_is_for_one_objective():
    """Each choice has options of its own."""
    from obmm.lab.tune import read_space

    with pytest.raises(ConfigError, match="the venue chooses"):
        read_space("auto", resolve("auto"))


def test_a_check_tells_what_is_chosen_where(auto):
    """For a version of each way of paying."""
    from obmm.lab.check import check_config

    found = [next(findings) for findings in [check_config(auto)] for _ in range(3)]
    assert ["at 0.1.51: money", "at 0.5.4: kappa", "at 0.6.2: making"] == [one.name for one in found]

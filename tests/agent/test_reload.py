"""Configurations that change while the agent runs: good ones at once, bad ones never, and what is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from structlog.testing import capture_logs

from obmm.agent import Choice, Config, ConfigError, ConfigFile, Keeper, MarketMaker, resolve
from obmm.agent.sessions import Session
from obmm.agent.sources import files_of
from obmm.market import MarketState, Reason
from obmm.settings.toml import Layer
from obmm.testing import random_states

STATES = random_states(3, 60, n_books=3, events_per_book=30.0)


def of(**table: Any) -> Config:
    """`balanced` with something changed."""
    return resolve(Layer("changed", {"extends": "balanced", **table}))


def session_of(maker: MarketMaker) -> Session:
    """The only session."""
    (session,) = maker._sessions.values()
    return session


def warm(config: Config, n: int = 40) -> MarketMaker:
    """An agent that has answered some states."""
    maker = MarketMaker(config)
    for state in STATES[:n]:
        maker.decide(state)
    return maker


def test_a_changed_option_is_in_force_from_the_next_state_on():
    """And the decision carries the new hash; the configuration before can still be had."""
    maker, wide = warm(of()), of(builder={"target_spread_bps": 40.0})
    before = maker.decide(STATES[40])
    maker.reconfigure(wide)
    after = maker.decide(STATES[41])
    assert (of().hash, wide.hash) == (before.config_hash, after.config_hash)
    assert (of(), wide) == (maker.config_of(of().hash), maker.config_of(wide.hash))
    assert maker.config_of("another") is None
    spread = [d.steps[0].quotes.ask_price[:, 0] - d.steps[0].quotes.bid_price[:, 0] for d in (before, after)]
    assert np.all(spread[1] > spread[0])


def test_what_is_the_same_remembers():
    """Books stay warm, the clock goes on, and unchanged stages are the ones of before."""
    maker = warm(of())
    old = session_of(maker).pipelines[0]
    maker.reconfigure(of(gates=[{"name": "drawdown", "threshold": 0.2}]))
    new = session_of(maker).pipelines[0]
    same = {path for path in old._stages if new._stages[path] is old._stages[path]}
    assert {"gates.drawdown"} == set(old._stages) - same - {"gates.override"}
    decision = maker.decide(STATES[40])
    assert 40.0 == decision.steps[0].signals.age_s[0]
    assert Reason.LATE_STATE == maker.decide(STATES[30]).why(0)[0]


def test_a_new_signal_that_must_settle_lets_the_books_warm_up_again():
    """The warm-up gate would else let it speak before it knows anything."""
    maker = warm(of())
    maker.reconfigure(of(signals=[{"kind": "momentum"}]))
    assert 1.0 == maker.decide(STATES[40]).steps[0].signals.age_s[0]
    maker.reconfigure(of(signals=[{"kind": "momentum"}, {"kind": "microprice"}]))
    assert 2.0 == maker.decide(STATES[41]).steps[0].signals.age_s[0]


def test_a_stage_whose_books_differ_anew_is_another():
    """Options on single books count like options."""
    book = {"books": {"1": {"gates": {"inventory": {"max_inventory_pct": 0.1}}}}}
    assert "gates.inventory" not in of().same_as(of(**book))
    assert "gates.inventory" in of(**book).same_as(of(**book))
    assert "builder" in of().same_as(of(**book))


def test_pipelines_of_assigned_books_keep_what_they_know():
    """Each against the one in its place; one that is new begins anew."""
    one = [{"books": "1", "pipeline": "calm"}]
    two = [*one, {"books": "2", "pipeline": "touch"}]
    maker = warm(of(assign=one))
    maker.reconfigure(of(assign=two))
    ages = [step.signals.age_s[0] for step in maker.decide(STATES[40]).steps]
    assert [40.0, 40.0, 0.0] == ages


def test_what_is_remembered_is_saved_under_the_new_configuration(tmp_path):
    """A process that starts right after the change would else refuse the snapshot of before."""
    maker = warm(of())
    maker.keeper = Keeper(tmp_path)
    maker.reconfigure(resolve("calm"))
    assert maker.keeper.close(30.0)
    after = MarketMaker(resolve("calm"), keeper=Keeper(tmp_path))
    assert after.decide(STATES[40]).digest == maker.decide(STATES[40]).digest
    assert 1.0 <= session_of(after).pipelines[0]._age_s[0]


def test_overrides_stay_in_force(tmp_path):
    """A person's orders are no matter of the configuration."""
    (tmp_path / "o.toml").write_text('all = "off"')
    maker = MarketMaker.of(of(), tmp_path / "o.toml")
    maker.decide(STATES[0])
    maker.reconfigure(resolve("touch"))
    assert Reason.OVERRIDE == maker.decide(STATES[1]).why(0)[0]


def test_a_configuration_that_cannot_run_changes_nothing():
    """Here one whose signals read what is not there, which only binding finds."""
    maker = warm(of())
    bad = attrs.evolve(of(), signals=of().signals[1:])
    session = session_of(maker)
    with pytest.raises(ConfigError):
        maker.reconfigure(bad)
    assert (of().hash, session) == (maker.config_hash, session_of(maker))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A file that extends another, which gives books to a third, with a stage of one's own."""
    (tmp_path / "mine.py").write_text(stage_that_says(1.0))
    (tmp_path / "base.toml").write_text(
        'extends = "touch"\nassign = [{ books = "0", pipeline = "third.toml" }]'
    )
    (tmp_path / "third.toml").write_text('extends = "calm"')
    path = tmp_path / "my.toml"
    path.write_text('extends = "base.toml"\n[[signals]]\nkind = "mine:Says"\nname = "says"')
    return path


def stage_that_says(value: float) -> str:
    """The code of a signal."""
    return (
        "import attrs, numpy as np\nfrom obmm.market import Stage\n"
        f"@attrs.define\nclass Says(Stage):\n    def __call__(self, state, signals):\n"
        f"        return np.full(state.n_books, {value})\n"
    )


def rewrite(path: Path, text: str) -> None:
    """Write a file so that its stamp differs, however coarse the clock of the disk is."""
    path.write_text(text)
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))


def test_every_file_that_matters_is_looked_at(own):
    """The file, its base, the pipeline of assigned books, and the code."""
    assert {"my.toml", "base.toml", "third.toml"} == {path.name for path in files_of(own)}
    maker = MarketMaker(resolve(own))
    file = ConfigFile(maker, Choice(own))
    assert not file.look()
    hashes = [maker.config_hash]
    for name, text in [
        ("my.toml", own.read_text() + "\n[builder]\nsize_base = 0.7"),
        ("base.toml", 'extends = "calm"\nassign = [{ books = "0", pipeline = "third.toml" }]'),
        ("third.toml", 'extends = "fast"'),
        ("mine.py", stage_that_says(2.0)),
    ]:
        rewrite(own.parent / name, text)
        assert file.look()
        hashes.append(maker.config_hash)
    assert 5 == len(set(hashes))
    assert 2.0 == maker.decide(STATES[0]).steps[0].signals["says"][0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("my.toml", "not TOML ["),
        ("my.toml", ""),
        ("my.toml", 'extends = "balanced"\nunknown = 1'),
        ("third.toml", 'extends = "nothing"'),
        ("mine.py", "raise RuntimeError('no')"),
        ("mine.py", "exit()"),
        ("mine.py", None),
        ("my.toml", None),
    ],
)
def test_a_bad_file_keeps_the_configuration_and_is_told_once(own, name, text):
    """Until it is good again, which says nothing if it is as before."""
    maker = MarketMaker(resolve(own))
    file, before = ConfigFile(maker, Choice(own)), (own.parent / name).read_text()
    state: MarketState = STATES[0]
    with capture_logs() as logs:
        if text is None:
            (own.parent / name).unlink()
        else:
            rewrite(own.parent / name, text)
        assert [False, False, False] == [file.look(), file.look(anyway=True), file.look()]
        assert maker.config_hash == maker.decide(state).config_hash
    assert ["the configuration is not changed"] == [
        log["event"] for log in logs if log["log_level"] == "error"
    ]
    assert file.problem
    rewrite(own.parent / name, before)
    assert not file.look()
    assert "" == file.problem


def test_a_preset_has_no_file_to_change():
    """A signal makes no difference."""
    file = ConfigFile(MarketMaker(resolve("touch", ["size_base=1"])), Choice("touch", ("size_base=1",)))
    assert [False, False] == [file.look(), file.look(anyway=True)]
    assert "" == file.problem

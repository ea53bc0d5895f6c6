"""Stages are found by name, remember nothing after a reset, and name what is missing."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import (
    FloatArray,
    MarketState,
    Signal,
    Signals,
    Stage,
    builder,
    gate,
    memory,
    option,
    placer,
    signal,
    stages,
)


@attrs.define
class Counter(Stage):
    """Counts the states it has seen."""

    step: float = option(1.0, help="Added per state.", unit="1")
    seen: float = memory(lambda: 0.0)
    last: Any = memory()

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        """The count, for every book."""
        self.seen += self.step
        return np.full(state.n_books, self.seen)


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The registry as it was, after the test."""
    monkeypatch.setattr(stages, "_REGISTRY", {group: {} for group in stages.GROUPS})
    return


def test_memory_is_no_option_and_reset_forgets() -> None:
    """Memory is not in the constructor, is born with its first value and takes it again on reset."""
    counter = Counter(step=2.0)
    counter.seen, counter.last = 5.0, "x"
    counter.reset()
    assert (0.0, None, 2.0) == (counter.seen, counter.last, counter.step)
    assert "seen" not in repr(counter)
    with pytest.raises(TypeError):
        Counter(seen=1.0)


def test_stage_defaults() -> None:
    """A stage needs nothing, settles at once and has nothing to forget unless it says so."""
    plain = Stage()
    plain.reset()
    assert (frozenset(), 0.0, "", "") == (plain.needs, plain.warmup_s, plain.unit, plain.source)


def test_option_carries_help_and_unit() -> None:
    """What `help` and `unit` say can be read from the class."""
    assert {"help": "Added per state.", "unit": "1"} == dict(attrs.fields(Counter).step.metadata)


def test_protocol_accepts_any_callable_stage() -> None:
    """A class needs only `__call__`."""
    assert isinstance(Counter(), Signal)


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize(
    ("decorator", "group"), [(signal, "signals"), (gate, "gates"), (builder, "builders"), (placer, "placers")]
)
def test_registered_class_is_found_by_its_name(decorator: Any, group: str) -> None:
    """Each decorator enters the class in its group, and the name leads back and forth."""
    assert Counter is decorator("count")(Counter)
    assert Counter is stages.find(group, "count")
    assert "count" == stages.name_of(group, Counter)
    assert {"count": Counter} == stages.registered(group)


@pytest.mark.usefixtures("clean_registry")
def test_a_name_belongs_to_one_class() -> None:
    """Registering the same class again is fine, another under its name is refused."""
    signal("count")(signal("count")(Counter))
    with pytest.raises(ValueError, match=r"signal 'count' is already .*Counter"):
        signal("count")(Signals)


@pytest.mark.usefixtures("clean_registry")
def test_entry_points_of_other_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package may offer stages; our own names win."""
    point = importlib.metadata.EntryPoint("theirs", "obmm.market:Signals", "obmm.gates")
    monkeypatch.setattr(stages.importlib.metadata, "entry_points", lambda group: [point])
    assert Signals is stages.find("gates", "theirs")


def test_class_by_module_path() -> None:
    """`module:Class` needs no registration, and is its own name."""
    assert Signals is stages.find("signals", "obmm.market:Signals")
    assert "obmm.market.signals:Signals" == stages.name_of("signals", Signals)


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("cuont", "did you mean 'count'"),
        ("volatility", "there are count"),
        ("no.such.module:X", "cannot import 'no.such.module'"),
        ("obmm.market:Nothing", "module 'obmm.market' has no 'Nothing'"),
        ("obmm.market:BUY", "'obmm.market:BUY' is not a class"),
    ],
)
def test_unknown_stage_says_what_comes_near(kind: str, message: str) -> None:
    """A wrong name is a LookupError that helps."""
    signal("count")(Counter)
    with pytest.raises(LookupError, match=message):
        stages.find("signals", kind)

"""Stages are found by name, and a wrong name is told with what comes near."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import FloatArray, MarketState, Signals, Stage, option
from obmm.risk import InventoryGate
from obmm.settings import builder, gate, placer, registry, signal


@attrs.define
class Counter(Stage):
    """As many as it is told."""

    step: float = option(1.0, help="The number.", unit="1")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        """The number, for every book."""
        return np.full(state.n_books, self.step)


@pytest.fixture
def clean_registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The registry as it was, after the test."""
    monkeypatch.setattr(registry, "_REGISTRY", {group: {} for group in registry.GROUPS})
    return


@pytest.mark.usefixtures("clean_registry")
@pytest.mark.parametrize(
    ("decorator", "group"), [(signal, "signals"), (gate, "gates"), (builder, "builders"), (placer, "placers")]
)
def test_registered_class_is_found_by_its_name(decorator: Any, group: str) -> None:
    """Each decorator enters the class in its group, and the name leads back and forth."""
    assert Counter is decorator("count")(Counter)
    assert Counter is registry.find(group, "count")
    assert "count" == registry.name_of(group, Counter)
    assert {"count": Counter} == registry.registered(group)


@pytest.mark.usefixtures("clean_registry")
def test_a_name_belongs_to_one_class() -> None:
    """Registering the same class again is fine, another under its name is refused."""
    signal("count")(signal("count")(Counter))
    with pytest.raises(ValueError, match=r"signal 'count' is already .*Counter"):
        signal("count")(Signals)


@pytest.mark.usefixtures("clean_registry")
def test_entry_points_of_other_packages_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package may offer stages; our own names win."""
    point = importlib.metadata.EntryPoint("theirs", "obmm.risk:InventoryGate", "obmm.gates")
    monkeypatch.setattr(registry.importlib.metadata, "entry_points", lambda group: [point])
    assert InventoryGate is registry.find("gates", "theirs")


def test_class_by_module_path() -> None:
    """`module:Class` needs no registration, and is its own name."""
    assert Counter is registry.find("signals", f"{__name__}:Counter")
    assert f"{__name__}:Counter" == registry.name_of("signals", Counter)


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
        registry.find("signals", kind)

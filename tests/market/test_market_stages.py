"""Stages remember nothing after a reset, and their fields tell what they are."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import FloatArray, MarketState, Signal, Signals, Stage, memory, option


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
    """What `help`, `unit` and bounds say can be read from the class."""
    said = {"help": "Added per state.", "unit": "1", "bounds": (-1e12, 1e12)}
    assert said == dict(attrs.fields(Counter).step.metadata)


def test_protocol_accepts_any_callable_stage() -> None:
    """A class needs only `__call__`."""
    assert isinstance(Counter(), Signal)

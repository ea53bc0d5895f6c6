"""What holds for all gates together, on any state."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from obmm.market import Limits, MarketState, Signals
from obmm.risk import Override, OverrideGate
from obmm.testing import Flaw, random_state, spoiled
from risk.test_gate_contract import MODES

N = 5
STATES = st.builds(
    lambda seed, flaws: spoiled(random_state(seed, n_books=N, events_per_book=1.0), flaws),
    st.integers(0, 1000),
    st.dictionaries(st.integers(0, N - 1), st.sampled_from(list(Flaw)), max_size=3),
)
GATES = st.permutations([make for mode, make in MODES.items() if mode != "override"])


def heard(state: MarketState, volatility: float) -> Signals:
    """Signals that every gate can read, books of different age."""
    out = Signals(n_books=N, age_s=np.array([0.0, 10.0, 30.0, 60.0, 90.0]), warmup_s=30.0)
    out.add("volatility", np.full(N, volatility))
    out.add("microprice", np.where(state.sound, state.mid, np.nan))
    # Books that surely lose, that surely gain, and one of which nothing is known.
    out.add("fill_edge", np.array([[-9, 1, 1], [6, 1, 1], [-4, 3, 1], [0, 1, 1], [np.nan, np.nan, 0]]))
    return out


def verdicts(makers: list[Callable[[], Any]], state: MarketState, signals: Signals) -> list[Limits]:
    """What new gates say, a person's orders among them."""
    manual = OverrideGate()
    manual.overrides = [(np.arange(N) == 2, Override.REDUCE_ONLY), (np.arange(N) == 3, Override.TIGHT)]
    return [gate(state, signals) for gate in (manual, *(make() for make in makers))]


def joint(makers: list[Callable[[], Any]], state: MarketState, signals: Signals) -> Limits:
    """Limits after new gates, as a pipeline joins them."""
    return Limits.strictest(verdicts(makers, state, signals)).enforced(state.accounts.position)


@settings(max_examples=60)
@given(state=STATES, order=GATES, volatility=st.sampled_from([0.0, 1e-5, 1e-2, float("nan")]))
def test_the_order_of_gates_does_not_matter(
    state: MarketState, order: list[Callable[[], Any]], volatility: float
) -> None:
    """Any permutation of all gates leads to the same limits, reasons included."""
    signals = heard(state, volatility)
    sorted_order = sorted(order, key=list(MODES.values()).index)
    assert joint(sorted_order, state, signals) == joint(order, state, signals)


@settings(max_examples=60)
@given(state=STATES, order=GATES)
def test_joint_limits_are_never_looser_than_any_gate(
    state: MarketState, order: list[Callable[[], Any]]
) -> None:
    """Whatever one gate forbids stays forbidden."""
    said = verdicts(order, state, heard(state, 1e-2))
    together = Limits.strictest(said)
    assert all(together.allows_no_more_than(alone) for alone in said)


@settings(max_examples=40)
@given(state=STATES, order=GATES)
def test_a_closed_side_always_has_a_closing_reason(
    state: MarketState, order: list[Callable[[], Any]]
) -> None:
    """Whoever asks why a side is quiet gets an answer that explains it."""
    limits = joint(order, state, heard(state, 1e-2))
    for side in ("bid", "ask"):
        closed = ~getattr(limits, f"{side}_allowed")
        codes = getattr(limits, f"{side}_reason")[closed]
        assert np.all((codes > 0) & (codes < 50))


@given(book=st.integers(0, N - 1))
def test_options_may_differ_between_books(book: int) -> None:
    """A gate given an array (B,) treats each book as a gate with that number would."""
    state = random_state(3, n_books=N, events_per_book=1.0)
    signals = heard(state, 1e-2)
    for make in MODES.values():
        gate = make()
        fields = [f for f in attrs.fields(type(gate)) if f.metadata.get("per_book")]
        if getattr(gate, "scope", "book") == "portfolio":
            continue
        wide = {f.name: np.full(N, getattr(gate, f.name)) for f in fields}
        assert gate(state, signals) == attrs.evolve(gate, **wide)(state, signals)
        for field in fields:
            alone = attrs.evolve(gate, **{field.name: getattr(gate, field.name) * 0.9 + 0.1})
            mixed_values = np.full(N, getattr(gate, field.name))
            mixed_values[book] = getattr(alone, field.name)
            mixed = attrs.evolve(gate, **{field.name: mixed_values})(state, signals)
            expected = alone(state, signals)
            for column in attrs.fields(Limits):
                here, there = getattr(expected, column.name)[book], getattr(mixed, column.name)[book]
                assert np.array_equal(here, there, equal_nan=here.dtype.kind == "f")

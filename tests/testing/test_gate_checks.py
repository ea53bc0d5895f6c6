"""The rules of gates find the gate that breaks them."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from obmm.market import Limits, MarketState, Reason, Signals, Stage
from obmm.testing import checks_for, run_checks
from obmm.testing._trial import ContractError


def failed(stage: type) -> set[str]:
    """Names of the rules that a gate breaks."""
    return {result.name for result in run_checks(stage, "gates") if not result.passed}


@attrs.define(slots=False)
class Good(Stage):
    """Closes books whose spread is wide."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return Limits.of(state.n_books, allowed=~(state.spread > 1.1), reason=Reason.CUSTOM)


def test_sound_gate_passes() -> None:
    """A gate that keeps the contract passes every check."""
    assert set() == failed(Good)


class Loosens(Good):
    """Asks for twice the size."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return attrs.evolve(Limits.open(state.n_books), bid_size_factor=np.full(state.n_books, 2.0))


class Unbounded(Good):
    """Gives a bound that is no number."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return attrs.evolve(Limits.open(state.n_books), position_limit=np.full(state.n_books, np.nan))


class Silent(Good):
    """Closes without a reason."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return Limits.of(state.n_books, bid_allowed=False, reason=0)


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (Loosens, "loosens nothing"),
        (Unbounded, "loosens nothing"),
        (Silent, "says why it closes a side"),
    ],
)
def test_broken_gate_is_found(stage: type, rule: str) -> None:
    """The check of the rule that is broken raises."""
    check = next(check for check in checks_for(stage, "gates") if check.name == rule)
    with pytest.raises(ContractError):
        check.run()


def test_gates_must_give_limits() -> None:
    """Another type of output is named in the message."""

    class Nothing(Good):
        def __call__(self, state: MarketState, signals: Signals) -> object:
            return None

    messages = {result.message for result in run_checks(Nothing, "gates") if not result.passed}
    assert "obmm.testing._trial.ContractError: the output is a NoneType, expected Limits" in messages


def test_gates_must_answer_every_book() -> None:
    """Limits of another number of books are refused."""

    class OneBook(Good):
        def __call__(self, state: MarketState, signals: Signals) -> Limits:
            return Limits.open(7)

    messages = " ".join(result.message for result in run_checks(OneBook, "gates"))
    assert "the output has 7 books, expected 5" in messages

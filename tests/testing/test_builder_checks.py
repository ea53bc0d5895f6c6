"""The rules of builders find the builder that breaks them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import Feed, FloatArray, Limits, MarketState, Quotes, Signals, Stage
from obmm.testing import checks_for, run_checks
from obmm.testing._trial import ContractError


def failed(stage: type) -> set[str]:
    """Names of the rules that a builder breaks."""
    return {result.name for result in run_checks(stage, "builders") if not result.passed}


@attrs.define(slots=False)
class Good(Stage):
    """Two orders a side, at the touch and a tick behind it."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        return Quotes.of(**self.wish(state, limits))

    def wish(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        """Prices and sizes (B, 2) of both sides by field name."""
        behind = state.venue.grid.tick[:, None] * np.array([0.0, 1.0])
        sound, ones = state.sound[:, None], np.ones((state.n_books, 2))
        return {
            "bid_price": np.where(sound, state.best_bid[:, None] - behind, np.nan),
            "ask_price": np.where(sound, state.best_ask[:, None] + behind, np.nan),
            "bid_size": ones,
            "ask_size": ones,
        }


def test_sound_builder_passes() -> None:
    """A builder that keeps the contract passes every check."""
    assert set() == failed(Good)


class NegativeSizes(Good):
    """Takes sizes for signed."""

    def wish(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().wish(state, limits)
        return {**made, "ask_size": -made["ask_size"]}


class ZeroPrices(Good):
    """Bids nothing at all."""

    def wish(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().wish(state, limits)
        return {**made, "bid_price": 0.0 * made["bid_price"]}


class WorstFirst(Good):
    """Lists the deeper order first."""

    def wish(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().wish(state, limits)
        return {**made, "bid_price": made["bid_price"][:, ::-1]}


class SwapsSides(Good):
    """Bids at the ask."""

    def wish(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().wish(state, limits)
        bids: FloatArray = made["bid_price"]
        return {**made, "bid_price": bids + 2.0 * state.spread[:, None]}


class AppliesFactor(Good):
    """Multiplies by the size factor, as the lock will do again."""

    def wish(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().wish(state, limits)
        return {**made, "bid_size": made["bid_size"] * limits.bid_size_factor[:, None]}


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (NegativeSizes, "quotes positive prices, finite sizes, best first"),
        (ZeroPrices, "quotes positive prices, finite sizes, best first"),
        (WorstFirst, "quotes positive prices, finite sizes, best first"),
        (SwapsSides, "keeps bids below asks"),
        (AppliesFactor, "leaves size factors to the lock"),
    ],
)
def test_broken_builder_is_found(stage: type, rule: str) -> None:
    """The check of the rule that is broken raises."""
    check = next(check for check in checks_for(stage, "builders") if check.name == rule)
    with pytest.raises(ContractError):
        check.run()


@attrs.define(slots=False)
class AroundFair(Stage):
    """Quotes around whatever is called the fair value in the user's configuration."""

    fair: str = "my_price"
    lean: str = "my_signal"

    @property
    def needs(self) -> frozenset[Feed | str]:
        """Two signals of the user's own."""
        return frozenset({self.fair, self.lean})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        assert np.nanmax(np.abs(signals.scalar(self.lean))) <= 1.0
        fair = signals.scalar(self.fair)
        return Quotes.of(bid_price=fair * 0.999, ask_price=fair * 1.001, size=0.5)


def test_a_signal_of_the_users_own_is_one_of_its_kind() -> None:
    """A fair value is a price near the mid, told by the option that names it; others are numbers in ±1."""
    assert set() == failed(AroundFair)


def test_given_signals_are_heard() -> None:
    """As `obmm check` of a configuration gives them."""

    class Fixed(Stage):
        def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
            return np.full(state.n_books, -1.0)

    told = run_checks(AroundFair, "builders", {"my_price": Fixed})
    failures = " ".join(result.message for result in told)
    assert "bid prices must be positive" in failures
    assert "-0.999" in failures

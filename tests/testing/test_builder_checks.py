"""The rules of builders find the builder that breaks them."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import FloatArray, Limits, MarketState, Quotes, Signals, Stage
from obmm.testing import checks_for, run_checks
from obmm.testing._trial import ContractError


def failed(stage: type) -> set[str]:
    """Names of the rules that a builder breaks."""
    return {result.name for result in run_checks(stage, "builders") if not result.passed}


@attrs.define(slots=False)
class Good(Stage):
    """Two orders a side, at the touch and a tick behind it, where allowed."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        return attrs.evolve(Quotes.none(state.n_books, 2), **self.quotes(state, limits))

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        """Prices and sizes (B, 2) of both sides by field name."""
        behind = state.venue.grid.tick[:, None] * np.array([0.0, 1.0])
        bid_on = (state.sound & limits.bid_allowed)[:, None]
        ask_on = (state.sound & limits.ask_allowed)[:, None]
        ones = np.ones((state.n_books, 2))
        return {
            "bid_price": np.where(bid_on, state.best_bid[:, None] - behind, np.nan),
            "ask_price": np.where(ask_on, state.best_ask[:, None] + behind, np.nan),
            "bid_size": np.where(bid_on, ones * limits.bid_size_factor[:, None], 0.0),
            "ask_size": np.where(ask_on, ones * limits.ask_size_factor[:, None], 0.0),
        }


def test_sound_builder_passes() -> None:
    """A builder that keeps the contract passes every check."""
    assert set() == failed(Good)


class NegativeSizes(Good):
    """Takes sizes for signed."""

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().quotes(state, limits)
        return {**made, "ask_size": -made["ask_size"]}


class ZeroPrices(Good):
    """Fills missing prices with 0."""

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().quotes(state, limits)
        return {**made, "bid_price": np.nan_to_num(made["bid_price"])}


class WorstFirst(Good):
    """Lists the deeper order first."""

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().quotes(state, limits)
        return {**made, "bid_price": made["bid_price"][:, ::-1]}


class SwapsSides(Good):
    """Bids at the ask."""

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().quotes(state, limits)
        bids: FloatArray = made["bid_price"]
        return {**made, "bid_price": bids + 2.0 * state.spread[:, None]}


class IgnoresLimits(Good):
    """Quotes where it is told not to."""

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        return super().quotes(state, Limits.open(state.n_books))


class InvertsFactor(Good):
    """Divides by the size factor."""

    def quotes(self, state: MarketState, limits: Limits) -> dict[str, Any]:
        made = super().quotes(state, limits)
        return {**made, "bid_size": made["bid_size"] / limits.bid_size_factor[:, None] ** 2}


@pytest.mark.parametrize(
    ("stage", "rule"),
    [
        (NegativeSizes, "quotes positive prices, finite sizes, best first"),
        (ZeroPrices, "quotes positive prices, finite sizes, best first"),
        (WorstFirst, "quotes positive prices, finite sizes, best first"),
        (SwapsSides, "keeps bids below asks"),
        (IgnoresLimits, "leaves closed sides empty"),
        (InvertsFactor, "never quotes more at a smaller size factor"),
    ],
)
def test_broken_builder_is_found(stage: type, rule: str) -> None:
    """The check of the rule that is broken raises."""
    check = next(check for check in checks_for(stage, "builders") if check.name == rule)
    with pytest.raises(ContractError):
        check.run()

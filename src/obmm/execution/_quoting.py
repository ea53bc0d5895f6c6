"""What builders of one quote per side have in common."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from obmm.execution._shape import SIGN, away, fitted_lots, quotes_of
from obmm.execution.fill_rate import FillRate
from obmm.market import BoolArray, FloatArray, Limits, MarketState, PerBook, Quotes, Stage, memory, option


def _fresh(controller: FillRate | dict[str, Any]) -> FillRate:
    """A controller of the same options that remembers nothing: no two builders share one.

    Inside a ladder the options come as the plain table of a configuration.
    """
    return FillRate(**controller) if isinstance(controller, dict) else attrs.evolve(controller)


@attrs.define(kw_only=True)
class Quoting(Stage):
    """Size, edge and fill-rate control.

    Attributes:
        lifted: (B,) books on which the last quote was lifted to the venue's minimum size.
    """

    size_base: PerBook = option(0.5, help="Size of an order", unit="base", per_book=True, low=0.0)
    min_edge_bps: PerBook = option(
        2.0, help="Least distance from the fair value, after the current maker rate", unit="bp", per_book=True
    )
    controller: FillRate | None = option(
        None,
        help="Steers the spread toward a share of orders that trade",
        converter=attrs.converters.optional(_fresh),
    )
    lifted: BoolArray | None = memory()

    def reset(self) -> None:
        super().reset()
        if self.controller is not None:
            self.controller.reset()

    def _widening(self, state: MarketState, limits: Limits) -> FloatArray:
        """(B,) what the half-spread is multiplied by."""
        if self.controller is None:
            return limits.spread_factor
        return limits.spread_factor * self.controller(state)

    def _quotes(
        self, state: MarketState, limits: Limits, fair: FloatArray, distance: FloatArray, size: FloatArray
    ) -> Quotes:
        """Quotes `distance` (2, B) quote away from `fair` (B,), of `size` (2, B) base before the factors.

        The edge comes first: a distance below `min_edge_bps` plus the maker rate is raised to it, and with a
        large rebate still no quote passes the fair value.
        """
        edge_bps = np.maximum(self.min_edge_bps + 1e4 * state.accounts.maker_rate, 0.0)
        signed = away(fair - SIGN * np.maximum(distance, fair * edge_bps / 1e4), state.venue)
        factors = np.array([limits.bid_size_factor, limits.ask_size_factor])
        lots, self.lifted = fitted_lots((size * factors)[..., None], state, limits)
        return quotes_of(state, limits, signed[..., None], lots)

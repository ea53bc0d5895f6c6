"""What a person orders overrides what the strategy wants."""

from __future__ import annotations

import enum
from collections.abc import Mapping

import attrs
import numpy as np

from obmm.market import BoolArray, Limits, MarketState, Reason, Signals, Stage, memory, option
from obmm.settings import gate


class Override(str, enum.Enum):
    """A manual order for some books."""

    OFF = "off"
    REDUCE_ONLY = "reduce-only"
    TIGHT = "tight"


@gate("override")
@attrs.define(kw_only=True)
class OverrideGate(Stage):
    """Obeys manual orders: quotes off, reduce-only, or tight limits, for any set of books.

    The gate does no input of its own: whoever hears of an order steers it.

    Attributes:
        overrides: The orders in force, as (books (B,), what) pairs. Several for one book all apply.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(2), [[(299.9, 1.0)]] * 2, [[(300.1, 1.0)]] * 2)
    >>> gate = OverrideGate()
    >>> gate.steer({"tight": np.array([True, True]), "off": np.array([False, True])})
    >>> limits = gate(state, Signals(n_books=2))
    >>> limits.bid_allowed, limits.position_factor
    (array([ True, False]), array([0.5, 0.5]))
    """

    tight_size_factor: float = option(0.5, help="Multiplies sizes under 'tight'", unit="1", low=0.0, high=1.0)
    tight_position_factor: float = option(
        0.5, help="Multiplies position bounds under 'tight'", unit="1", low=0.0, high=1.0
    )
    tight_spread_factor: float = option(1.5, help="Multiplies spreads under 'tight'", unit="1", low=1.0)
    overrides: list[tuple[BoolArray, Override]] = memory(list)

    def steer(self, orders: Mapping[str, BoolArray]) -> None:
        """Put orders in force instead of those before: books (B,) by mode.

        Raises:
            ValueError: A mode is none of `Override`.
        """
        self.overrides = [(books, Override(mode)) for mode, books in orders.items()]

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        limits = Limits.open(state.n_books)
        for books, what in self.overrides:
            if what is Override.OFF:
                limits = limits.tightened(allowed=~books, reason=Reason.OVERRIDE)
            elif what is Override.REDUCE_ONLY:
                limits = limits.tightened(reduce_only=books, reason=Reason.OVERRIDE)
            else:
                limits = limits.tightened(
                    size_factor=np.where(books, self.tight_size_factor, 1.0),
                    position_factor=np.where(books, self.tight_position_factor, 1.0),
                    spread_factor=np.where(books, self.tight_spread_factor, 1.0),
                    reason=Reason.OVERRIDE_TIGHT,
                )
        return limits

"""The fee state of each book."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage
from obmm.settings import signal


@signal("fee_state")
@attrs.define
class FeeState(Stage):
    """Maker share of the miners' volume, and the rates that follow from it.

    Returns (B, 3): maker ratio (0 … 1, NaN if not told), maker rate and taker rate as fractions of
    notional, negative for a rebate; the rates are NaN where the account is not known.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, maker_rate=-0.0004, taker_rate=0.0006)
    >>> state = MarketState.of_books(Venue.of(1), [[]], [[]], accounts=accounts)
    >>> FeeState()(state, Signals(n_books=1))
    array([[ 0.4   , -0.0004,  0.0006]])
    """

    unit: ClassVar[str] = "maker share; fraction of notional; fraction of notional"
    source: ClassVar[str] = "the state's book and account"

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        accounts = state.accounts
        value = np.column_stack([state.maker_ratio, accounts.maker_rate, accounts.taker_rate])
        value[~accounts.known, 1:] = np.nan
        return value

"""Inventory in units of its limit."""

from __future__ import annotations

from typing import ClassVar, Literal

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, PerBook, Signals, Stage, option
from obmm.settings import signal
from obmm.signals._books import on_sound, quotient


@signal("inventory")
@attrs.define
class Inventory(Stage):
    """Position times mid, as a fraction of the limit max_inventory_pct · wealth.

    The position is own base less the endowment: an account starts with base worth up to half of its wealth,
    and that is not a position. `against="zero"` counts it as one.

    Returns (B,): 0 without a position, ±1 at the limit, not clipped beyond; NaN where the account is not
    known or the book is not sound.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, base=85.0, base_initial=80.0, quote=26_000.0)
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 1)]], [[(300.5, 1)]], accounts=accounts)
    >>> Inventory(max_inventory_pct=0.30)(state, Signals(n_books=1))
    array([0.1])
    """

    unit: ClassVar[str] = "position / limit"
    source: ClassVar[str] = "definition"

    max_inventory_pct: PerBook = option(
        0.30,
        help="Limit of the position's value as a share of wealth",
        unit="fraction",
        per_book=True,
        low=1e-6,
    )
    against: Literal["endowment", "zero"] = option(
        "endowment",
        help="What counts as no position: the base the account started with, or none at all",
        validator=attrs.validators.in_(("endowment", "zero")),
    )

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        accounts = state.accounts
        position = accounts.position if self.against == "endowment" else accounts.base_own
        limit_quote = self.max_inventory_pct * state.venue.wealth_quote
        share = quotient(position * np.where(state.sound, state.mid, np.nan), limit_quote)
        return on_sound(state, np.where(accounts.known, share, np.nan))

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
    """Position as a fraction of the limit that the gate `inventory` of the same options sets.

    The limit is max_inventory_pct of the account's worth at mid. The position is own base less the endowment:
    an account starts with base worth up to half of its wealth, and that is not a position.
    `reference="zero"` counts it as one.

    Returns (B,): 0 without a position, ±1 at the limit, not clipped beyond; where the account is worth
    nothing any position is at the limit. NaN where the account is not known or the book is not sound.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, base=85.0, base_initial=80.0, quote=24_500.0)
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 1)]], [[(300.5, 1)]], accounts=accounts)
    >>> Inventory(max_inventory_pct=0.30)(state, Signals(n_books=1))
    array([0.1])
    """

    unit: ClassVar[str] = "position / limit"
    source: ClassVar[str] = "definition"

    max_inventory_pct: PerBook = option(
        0.30,
        help="Limit of the position as a share of the account's worth",
        unit="fraction",
        per_book=True,
        low=1e-6,
    )
    reference: Literal["endowment", "zero"] = option(
        "endowment",
        help="What counts as no position: the base the account started with, or none at all",
        validator=attrs.validators.in_(("endowment", "zero")),
    )

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        accounts = state.accounts
        position = accounts.position if self.reference == "endowment" else accounts.base_own
        mid = np.where(state.sound, state.mid, np.nan)
        limit = accounts.share_in_base(self.max_inventory_pct, mid)
        share = np.where(limit > 0.0, quotient(position, limit), np.sign(position))
        return on_sound(state, np.where(accounts.known, share, np.nan))

"""How far the position of a book may go."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from obmm.market import FloatArray, Limits, MarketState, PerBook, Reason, Signals, Stage, memory, option
from obmm.risk._marks import mark_prices
from obmm.settings import gate


@gate("inventory")
@attrs.define(kw_only=True)
class InventoryGate(Stage):
    """Bounds |position| by a share of the account's wealth at mid: limit = pct x wealth / mid, base.

    From `soft_share` of the limit on, the side that adds to the position is closed; at the limit the book is
    reduce-only. The position is measured against the endowment: base that the account was given is none.
    With `reference = "zero"` every unit of base counts; the gate then closes sides itself, so position
    factors of other gates do not reach its bounds and no builder leans on them.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, base=130.0, base_initial=80.0, quote=11_000.0)
    >>> state = MarketState.of_books(Venue.of(1), [[(299.9, 1.0)]], [[(300.1, 1.0)]], accounts=accounts)
    >>> limits = InventoryGate(max_inventory_pct=0.3)(state, Signals(n_books=1))
    >>> limits.position_limit, limits.position_soft
    (array([50.]), array([40.]))
    >>> limits.enforced(accounts.position)
    Limits(1 books, bids on 0, asks on 1)
    """

    max_inventory_pct: PerBook = option(
        0.30, help="Largest position as a share of wealth", unit="fraction", per_book=True, low=0.0
    )
    soft_share: PerBook = option(
        0.8,
        help="Share of the limit from which the side that adds is closed",
        unit="fraction",
        per_book=True,
        low=0.0,
        high=1.0,
    )
    reference: Literal["endowment", "zero"] = option(
        "endowment",
        help="What counts as no position: the base the account started with, or none at all",
        validator=attrs.validators.in_(("endowment", "zero")),
    )
    _marks: FloatArray | None = memory()

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        marks = self._marks = mark_prices(self._marks, state)
        limit = state.accounts.share_in_base(self.max_inventory_pct, marks)
        soft = self.soft_share * limit
        if self.reference == "endowment":
            return Limits.of(
                state.n_books, position_limit=limit, position_soft=soft, reason=Reason.NEAR_LIMIT
            )
        held = state.accounts.base_own
        why = np.where(np.abs(held) < limit, int(Reason.NEAR_LIMIT), int(Reason.POSITION_LIMIT))
        return Limits.of(state.n_books, bid_allowed=held < soft, ask_allowed=-held < soft, reason=why)

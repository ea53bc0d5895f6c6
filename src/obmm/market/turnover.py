"""One's own turnover, counted from the notices of fills as the venue counts it against the cap."""

from __future__ import annotations

import numpy as np

from obmm.market.arrays import FloatArray, as_floats, zero_for_nan
from obmm.market.notices import NoticeKind
from obmm.market.state import MarketState

#: What the venue's cap on turnover is for.
DAY_S = 86_400
#: The venue samples turnover in slots of ten minutes.
SLOT_S = 600
SLOTS = DAY_S // SLOT_S


def filled_quote(state: MarketState) -> FloatArray | None:
    """(B,) quote that our fills of this state's notices traded; None if there are none."""
    notices = state.notices
    ours = (notices.kind == int(NoticeKind.FILL)) & (notices.book >= 0)
    if not ours.any():
        return None
    amount = zero_for_nan(notices.price[ours] * notices.size[ours])
    return as_floats(np.bincount(notices.book[ours], weights=amount, minlength=state.n_books))


def slot_of(state: MarketState) -> int:
    """The venue's slot of turnover that a state falls into."""
    return state.time_ns // (SLOT_S * 10**9)


def roll(slots: FloatArray, last: int, now: int) -> None:
    """Empty, in `slots` (SLOTS, B), those that passed since the slot `last` and now stand for newer ones."""
    slots[np.arange(last + 1, min(now, last + SLOTS) + 1) % SLOTS] = 0.0

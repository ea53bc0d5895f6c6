"""Who still answers the validator's queries."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray

DEFAULT_WINDOW = 50


@attrs.define
class Presence:
    """Outcomes of the last queries of each uid.

    Attributes:
        window: Queries that count; 0 stands for 50.

    >>> presence = Presence(2)
    >>> for answered in (True, False, False):
    ...     presence.note({4: answered, 5: True})
    >>> presence.absent([4, 5]), presence.share([4, 5, 6])
    (array([ True, False]), array([ 0.,  1., nan]))
    """

    window: int = DEFAULT_WINDOW
    _outcomes: dict[int, deque[bool]] = attrs.field(factory=dict)

    def note(self, answered: Mapping[int, bool]) -> None:
        """Add the outcome of one query for each of the uids."""
        length = self.window or DEFAULT_WINDOW
        for uid, outcome in answered.items():
            self._outcomes.setdefault(uid, deque(maxlen=length)).append(bool(outcome))

    def absent(self, uids: list[int]) -> BoolArray:
        """(U,) uids whose last `window` queries all failed; fewer queries than that excuse."""
        length = self.window or DEFAULT_WINDOW
        known = (self._outcomes.get(uid, ()) for uid in uids)
        return np.array([len(queries) == length and not any(queries) for queries in known], dtype=np.bool_)

    def share(self, uids: list[int]) -> FloatArray:
        """(U,) share of the last `window` queries answered, NaN for a uid that was never asked."""
        known = (self._outcomes.get(uid, ()) for uid in uids)
        return np.array([sum(queries) / len(queries) if queries else np.nan for queries in known])

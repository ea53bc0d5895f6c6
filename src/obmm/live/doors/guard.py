"""Who is answered: validators of the subnet, and those who are named."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import attrs

#: In place of a hotkey: everybody who signs.
EVERYBODY = "all"


@attrs.frozen
class Guard:
    """Permits senders by their hotkeys. It only reads: what it judges is not proven yet.

    Attributes:
        allowed: Hotkeys that are always answered; "all" for everybody.
        validators: Tells the stake of each hotkey that has a validator's permit, as last read from the chain.
        min_stake: Validators with less are not answered.

    >>> guard = Guard(allowed={"5Mine"}, validators=lambda: {"5Rich": 9000.0, "5Poor": 1.0}, min_stake=100.0)
    >>> [guard.permits(name) for name in ("5Mine", "5Rich", "5Poor", "5None")]
    [True, True, False, False]
    """

    allowed: Collection[str] = ()
    validators: Callable[[], Mapping[str, float]] = dict
    min_stake: float = 0.0

    def permits(self, hotkey: str) -> bool:
        """Whether `hotkey` is answered."""
        if hotkey in self.allowed or EVERYBODY in self.allowed:
            return True
        stake = self.validators().get(hotkey)
        return stake is not None and stake >= self.min_stake

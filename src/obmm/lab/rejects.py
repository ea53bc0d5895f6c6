"""What the venue means by its answers to orders it refuses."""

from __future__ import annotations

_MEANINGS = {
    "INSUFFICIENT_BASE": "an ask of more base than the account has free",
    "INSUFFICIENT_QUOTE": "a bid of more quote than the account has free",
    "EMPTY_BOOK": "a market order with nobody to trade with",
    "PRICE_INCREMENT_VIOLATED": "a price off the grid",
    "VOLUME_INCREMENT_VIOLATED": "a size off the grid",
    "CONTRACT_VIOLATION": (
        "a post-only order that would have traded at once, or one that must trade at once and could not; "
        "mostly because the book moved while the answer was under way"
    ),
    "INVALID_VOLUME": "a size of nothing, or larger than the venue takes",
    "INVALID_PRICE": "a price of nothing, or higher than the venue takes",
    "EXCEEDING_MAX_ORDERS": "more open orders in one book than the venue allows",
    "MINIMUM_ORDER_SIZE_VIOLATION": "a size below the venue's minimum",
    "NOT_SIMULATED": "loans and other instructions that the embedded market does not have",
}


def meaning(reject: str) -> str:
    """A reject in words; nothing for one that explains itself.

    >>> meaning("MINIMUM_ORDER_SIZE_VIOLATION")
    "a size below the venue's minimum"
    """
    return _MEANINGS.get(reject, "")

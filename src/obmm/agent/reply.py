"""What the answer of a pipeline must be before it leaves the agent."""

from __future__ import annotations

import numpy as np

from obmm.market import IntArray, Orders, Reason
from obmm.market.arrays import as_flags
from obmm.market.rules import message_rules

_REASONS = np.zeros(max(Reason) + 1, dtype=np.bool_)
_REASONS[[int(reason) for reason in Reason]] = True


def check_reply(orders: Orders, n_books: int) -> None:
    """Refuse what no placer may give.

    Raises:
        TypeError: Something else than orders.
        ValueError: An instruction for which a whole message is lost.
    """
    if not isinstance(orders, Orders):
        raise TypeError(f"the placer gives a {type(orders).__name__}, expected Orders")
    if orders.n_books != n_books:
        raise ValueError(f"the placer speaks of {orders.n_books} books, expected {n_books}")
    if orders.kind.ndim != 1:
        raise ValueError(f"the placer gives orders of shape {orders.kind.shape}, expected one dimension")
    if not len(orders):
        return
    if orders.sound:
        return
    for name, reason, broken in message_rules(orders, n_books):
        if broken.any():
            raise ValueError(f"the placer gives an instruction with {name}: {reason}")


def check_reasons(codes: IntArray) -> None:
    """Refuse codes that are no `Reason`.

    Raises:
        ValueError: There is one.
    """
    inside = as_flags((codes >= 0) & (codes < _REASONS.size))
    if not (inside.all() and _REASONS[codes].all()):
        unknown = sorted({int(code) for code in codes.ravel() if not (0 <= code < _REASONS.size)} or {-1})
        raise ValueError(f"a stage gives reasons that do not exist, such as {unknown[0]}")

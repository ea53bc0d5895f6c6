"""What the answer of a pipeline must be before it leaves the agent."""

from __future__ import annotations

import numpy as np

from obmm.market import InstructionKind, IntArray, Orders, Quotes, Reason
from obmm.market.arrays import as_flags

_REASONS = np.zeros(max(Reason) + 1, dtype=np.bool_)
_REASONS[[int(reason) for reason in Reason]] = True


def check_reply(orders: Orders, quotes: Quotes, n_books: int) -> None:
    """Refuse what no placer and no builder may give; what the venue's rules say is checked at the border.

    Raises:
        TypeError: Something else than orders or quotes.
        ValueError: Books that the state does not have, or a placement without side, size or price.
    """
    if not isinstance(quotes, Quotes):
        raise TypeError(f"the builder gives a {type(quotes).__name__}, expected Quotes")
    if quotes.n_books != n_books:
        raise ValueError(f"the builder gives quotes of {quotes.n_books} books, expected {n_books}")
    if not isinstance(orders, Orders):
        raise TypeError(f"the placer gives a {type(orders).__name__}, expected Orders")
    if orders.kind.ndim != 1:
        raise ValueError(f"the placer gives orders of shape {orders.kind.shape}, expected one dimension")
    if not len(orders):
        return
    book, kind = orders.book, orders.kind
    if book.min() < 0 or book.max() >= n_books:
        raise ValueError(f"the placer names books outside 0…{n_books - 1}")
    if kind.min() < 0 or kind.max() > max(InstructionKind):
        raise ValueError("the placer gives an instruction of no kind")
    placed, limit = ~orders.is_cancel, as_flags(kind == int(InstructionKind.LIMIT))
    if not np.all((orders.side == 0) | (orders.side == 1) | ~placed):
        raise ValueError("the placer gives an order with a side other than 0 and 1")
    for name, values, rows in (("size", orders.size, placed), ("price", orders.price, limit)):
        if not np.all(((values > 0.0) & (values < np.inf)) | ~rows):
            raise ValueError(f"the placer gives an order whose {name} is no positive number")
    if orders.delay_ns.min() < 0 or orders.expiry_ns.min() < 0:
        raise ValueError("the placer gives an order with a negative delay or expiry")


def check_reasons(codes: IntArray) -> None:
    """Refuse codes that are no `Reason`.

    Raises:
        ValueError: There is one.
    """
    inside = as_flags((codes >= 0) & (codes < _REASONS.size))
    if not (inside.all() and _REASONS[codes].all()):
        unknown = sorted({int(code) for code in codes.ravel() if not (0 <= code < _REASONS.size)} or {-1})
        raise ValueError(f"a stage gives reasons that do not exist, such as {unknown[0]}")

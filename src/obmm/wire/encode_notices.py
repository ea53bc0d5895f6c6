"""Notices as a validator would send them, one message per row."""

from __future__ import annotations

import math
from typing import Any

from obmm.market import MarketState, NoticeKind

_CANCELS = {
    NoticeKind.CANCELLED: ("RDCO", "c"),
    NoticeKind.CANCEL_FAILED: ("ERDCO", "c"),
    NoticeKind.CLOSED: ("RDCP", "o"),
    NoticeKind.CLOSE_FAILED: ("ERDCP", "o"),
}


def encode_notices(state: MarketState) -> list[dict[str, Any]]:
    """The notices of a state as plain values.

    A placement without a price is one of a market order; the far side of a fill is told by its account only.
    """
    n = state.notices
    columns = (
        *(n.kind, n.time_ns, n.book, n.order_id, n.client_id, n.side, n.price, n.size),
        *(n.maker_id, n.taker_id, n.fee, n.trade_id),
    )
    agent = state.uid or None
    fills: set[tuple[int, int]] = set()
    encoded = []
    for kind, t, book, order, client, side, p, q, maker, taker, fee, trade, message in zip(
        *(column.tolist() for column in columns), n.message, strict=True
    ):
        book_id = int(state.venue.book_ids[book]) if book >= 0 else None
        head = {"t": t, "a": agent, "b": book_id}
        order_id, client_id = _or_none(order), _or_none(client)
        price, size = _number(p), _number(q)
        if kind in (NoticeKind.ACCEPTED, NoticeKind.REJECTED):
            accepted = kind == NoticeKind.ACCEPTED
            name = ("" if accepted else "E") + ("RDPOM" if price is None else "RDPOL")
            limit = {"r": 0} if price is None else {"p": price}
            outcome = {
                "o": order_id,
                "c": client_id,
                "s": _or_none(side),
                "q": size,
                "u": accepted,
                "m": message,
            }
            encoded.append({"y": name, **head, **outcome, "l": 0.0, "f": -2, **limit})
        elif kind in _CANCELS:
            name, key = _CANCELS[NoticeKind(kind)]
            done = not name.startswith("E")
            item = {"t": t, "b": book_id, "o": order_id, "q": size, "u": done, "m": message}
            encoded.append({"y": name, **head, key: [item]})
        elif kind == NoticeKind.FILL:
            # Of a trade with ourselves the venue tells the maker first.
            taking = taker == state.uid and (maker != taker or (book, trade) in fills)
            fills.add((book, trade))
            ids = {"Ta": taker, "Ti": order if taking else 0, "Ma": maker, "Mi": 0 if taking else order}
            fees = {"Tf": fee if taking else 0.0, "Mf": 0.0 if taking else fee}
            aggressor = None if side < 0 else side if taking else 1 - side
            encoded.append(
                {
                    "y": "ET",
                    **head,
                    "i": trade,
                    "c": client_id,
                    **ids,
                    **fees,
                    "s": aggressor,
                    "p": price,
                    "q": size,
                }
            )
        elif kind == NoticeKind.RESET:
            item = {"a": agent, "t": t, "u": True, "m": message}
            encoded.append({"y": "RDRA", "t": t, "a": None, "r": [item]})
        elif kind == NoticeKind.STARTED:
            encoded.append({"y": "ESS", "t": t, "a": None, "l": message})
        else:
            encoded.append({"y": "ESE" if kind == NoticeKind.ENDED else "?", "t": t, "a": None, "b": book_id})
    return encoded


def _or_none(number: int) -> int | None:
    return None if number < 0 else number


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value

"""A wide state cut into the states of its groups, as far as scoring reads them."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from obmm.market import Accounts, Feed, MarketState, NoticeKind, Notices, OpenOrders, Tape
from obmm.market.layout import columns_of

_FILL, _RESET, _NO_NOTICES = int(NoticeKind.FILL), int(NoticeKind.RESET), Notices.none()


def of_groups(
    state: MarketState, feeds: frozenset[Feed] = frozenset(), *, accounts: bool = True
) -> tuple[MarketState, ...]:
    """The states of the groups of a wide market, each by itself, as far as scoring needs them.

    Open orders are left out, notices of anything but fills and resets, the tape unless `feeds` ask for it,
    and `accounts` where no era values them. The books of a group must stand together.

    >>> from obmm.market import Venue
    >>> from obmm.testing import random_state
    >>> state = random_state(1, venue=Venue.of(4, groups=[0, 0, 1, 1], book_ids=[0, 1, 0, 1]))
    >>> [part.n_books for part in of_groups(state)], of_groups(state)[1].mid == state.mid[2:]
    ([2, 2], array([ True,  True]))
    """
    venue = state.venue
    if venue.n_groups == 1:
        return (state,)
    cuts = [(int(rows[0]), int(rows[-1]) + 1) for rows in venue.group_rows]
    notices = _notices_of_groups(state.notices, cuts)
    tape = state.tape if Feed.TAPE in feeds else None
    parts = []
    for group, (first, last) in enumerate(cuts):
        # Slices of what is read-only are read-only: nothing is copied.
        rows = slice(first, last)
        balances = {name: values[rows] for name, values in columns_of(state.accounts).items() if accounts}
        parts.append(
            MarketState(
                venue=venue.of_group(group),
                time_ns=state.time_ns,
                uid=state.uid,
                bid_price=state.bid_price[rows],
                bid_size=state.bid_size[rows],
                ask_price=state.ask_price[rows],
                ask_size=state.ask_size[rows],
                maker_ratio=state.maker_ratio[rows],
                accounts=Accounts(**balances) if accounts else _no_accounts(last - first),
                open_orders=_no_orders(last - first),
                notices=notices[group],
                tape=None if tape is None else _part_of_tape(tape, first, last),
            )
        )
    return tuple(parts)


@functools.lru_cache(maxsize=16)
def _no_accounts(n_books: int) -> Accounts:
    return Accounts.unknown(n_books)


@functools.lru_cache(maxsize=16)
def _no_orders(n_books: int) -> OpenOrders:
    return OpenOrders.empty(n_books)


def _notices_of_groups(notices: Notices, cuts: Sequence[tuple[int, int]]) -> list[Notices]:
    """Fills and resets of the books of each cut, in their order; what is about no book is for all."""
    told = np.flatnonzero((notices.kind == _FILL) | (notices.kind == _RESET))
    if not told.size:
        return [_NO_NOTICES] * len(cuts)
    book, parts = notices.book[told], []
    for first, last in cuts:
        rows = told[(book < 0) | ((book >= first) & (book < last))]
        if not rows.size:
            parts.append(_NO_NOTICES)
            continue
        taken = {name: values[rows] for name, values in columns_of(notices).items()}
        taken["book"] = np.where(taken["book"] < 0, -1, taken["book"] - first)
        parts.append(Notices(**taken, message=("",) * rows.size))
    return parts


def _part_of_tape(tape: Tape, first: int, last: int) -> Tape:
    offset = tape.offset[first : last + 1]
    rows = slice(int(offset[0]), int(offset[-1]))
    columns = {name: values[rows] for name, values in columns_of(tape).items() if name != "offset"}
    return Tape(offset=offset - offset[0], **columns)

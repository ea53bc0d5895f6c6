"""The states of a recorded run, rebuilt from its tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from obmm.lab.recorded import Run, RunError
from obmm.lab.tables import Table
from obmm.market import (
    Accounts,
    EventKind,
    FeePolicy,
    MarketState,
    NoticeKind,
    Notices,
    OpenOrders,
    Tape,
    Venue,
)


def states_of(run: Run) -> Iterator[dict[int, MarketState]]:
    """The states of a recorded run by uid, rebuilt as far as scoring needs them.

    The touch, balances, fills and trades are what they were; depth, open orders and other notices are not
    recorded and stay empty.

    Raises:
        EmptyRun: It holds no state.
        RunError: The clock of the run runs back: it holds several simulations.
    """
    venue = venue_of(run.about)
    uids = [int(uid) for uid in run.about["accounts"]]
    times, _ = run.grid(uids[0], "bid")
    if np.any(np.diff(times) <= 0):
        raise RunError(f"{run.folder} holds several simulations: its clock runs back")
    tapes = tapes_of(run.table("trades"), venue, times)
    notices = {uid: _fills(run, venue, uid, times) for uid in uids}
    market = ("bid", "ask", "bid_size", "ask_size", "maker_ratio")
    names = (*market, "maker_rate", "taker_rate", "base", "quote", "position")
    grids = {uid: dict(zip(names, run.grid(uid, *names)[1], strict=True)) for uid in uids}
    nobody = OpenOrders.empty(venue.n_books)
    for row, time_ns in enumerate(times.tolist()):
        states = {}
        for uid in uids:
            g = {name: values[row] for name, values in grids[uid].items()}
            states[uid] = MarketState(
                venue=venue,
                time_ns=time_ns,
                uid=uid,
                bid_price=g["bid"][:, None],
                bid_size=g["bid_size"][:, None],
                ask_price=g["ask"][:, None],
                ask_size=g["ask_size"][:, None],
                maker_ratio=g["maker_ratio"],
                accounts=Accounts.of(
                    venue.n_books,
                    base=g["base"],
                    quote=g["quote"],
                    base_initial=g["base"] - g["position"],
                    maker_rate=g["maker_rate"],
                    taker_rate=g["taker_rate"],
                ),
                open_orders=nobody,
                notices=notices[uid].get(row, Notices.none()),
                tape=tapes.get(row, Tape.empty(venue.n_books)),
            )
        yield states


def venue_of(about: Mapping[str, Any]) -> Venue:
    """The venue that `run.json` describes."""
    described = dict(about["venue"])
    return Venue(**{**described, "fees": FeePolicy(**described["fees"])})


def _rows_by_state(table: Table, times: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(state, rows of `table` told with it): an event belongs to the first state after it."""
    state = np.searchsorted(times, table["time_ns"], side="right")
    order = np.argsort(state, kind="stable")
    cuts = np.flatnonzero(np.diff(state[order])) + 1
    for rows in np.split(order, cuts):
        if rows.size:
            yield int(state[rows[0]]), rows


def _positions(venue: Venue, book_id: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.array([venue.index_of(int(book)) for book in book_id], dtype=np.int64)


def tapes_of(table: Table, venue: Venue, times: npt.NDArray[np.int64]) -> dict[int, Tape]:
    """State → its tape, of the states that have trades in a table of them."""
    tapes = {}
    for state, rows in _rows_by_state(table, times):
        book = _positions(venue, table["book"][rows])
        rows, book = rows[np.argsort(book, kind="stable")], np.sort(book)
        none = np.full(rows.size, -1)
        columns: dict[str, Any] = {name: table[name][rows] for name in ("time_ns", "side", "price", "size")}
        columns |= {name: table[name][rows] for name in ("maker_id", "taker_id", "maker_fee", "taker_fee")}
        tapes[state] = Tape(
            offset=np.concatenate([[0], np.cumsum(np.bincount(book, minlength=venue.n_books))]),
            kind=np.full(rows.size, int(EventKind.TRADE)),
            order_id=none,
            taker_order_id=none,
            client_id=none,
            **columns,
        )
    return tapes


def _fills(run: Run, venue: Venue, uid: int, times: npt.NDArray[np.int64]) -> dict[int, Notices]:
    table = run.of("fills", uid)
    told = {}
    for state, rows in _rows_by_state(table, times):
        maker = table["maker"][rows].astype(np.bool_)
        columns: dict[str, Any] = {
            name: table[name][rows]
            for name in ("time_ns", "side", "price", "size", "fee", "order_id", "client_id", "trade_id")
        }
        told[state] = Notices(
            kind=np.full(rows.size, int(NoticeKind.FILL)),
            book=_positions(venue, table["book"][rows]),
            maker_id=np.where(maker, uid, table["other"][rows]),
            taker_id=np.where(maker, table["other"][rows], uid),
            message=("",) * rows.size,
            **columns,
        )
    return told

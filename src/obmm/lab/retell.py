"""A run told again as it happened, from its records, also while it grows: for whoever watches it.

The touch, balances, trades, own best quotes, fills, rejects, instructions and reasons are what they were.
Depth, and what the records do not hold of a decision, stays empty.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.agent import Decision
from obmm.agent.decision import Step
from obmm.lab.recorded import Run, RunError
from obmm.lab.recorded_states import tapes_of, venue_of
from obmm.lab.tables import COLUMNS, Table
from obmm.market import (
    Accounts,
    Limits,
    MarketState,
    NoticeKind,
    Notices,
    OpenOrders,
    Orders,
    Quotes,
    Reason,
    Signals,
    Tape,
    Venue,
)
from obmm.settings.lock import holder

#: Real seconds between two looks whether a run has grown.
LOOK_S = 0.5
_TABLES = ("states", "fills", "rejects", "orders", "answers")


def retold(run: Run, uid: int = 0, going: Callable[[], bool] = lambda: False) -> Iterator[Decision]:
    """The decisions of an account, oldest first; of a run that goes on also those to come, while `going`.

    Raises:
        RunError: A part is damaged, or the run has no such account.
    """
    if str(uid) not in run.about["accounts"]:
        raise RunError(f"{run.folder} has no account {uid}; there are {', '.join(run.about['accounts'])}")
    account = run.about["accounts"][str(uid)]
    teller = _Teller(venue_of(run.about), uid, str(account["name"]), str(account["config_hash"]))
    done = 0
    while True:
        alive = holder(run.folder) is not None
        run = Run(run.folder)
        for part in range(done, run.about["parts"]):
            tables = {name: run.parts(name, uid, [part], list(COLUMNS[name])) for name in _TABLES}
            yield from teller.decisions(tables, run.trades([part]))
        done = run.about["parts"]
        if not (alive and going()):
            return
        time.sleep(LOOK_S)


@attrs.frozen
class _Teller:
    venue: Venue
    uid: int
    name: str
    config_hash: str

    def decisions(self, tables: dict[str, Table], trades: Table) -> Iterator[Decision]:
        """Those of one part, with the trades of everybody."""
        n = self.venue.n_books
        states = {name: values.reshape(-1, n) for name, values in tables["states"].items()}
        times = states["time_ns"][:, 0]
        # An event belongs to the first state after it; an instruction and an answer to their own.
        cuts = {
            name: np.searchsorted(times, tables[name]["time_ns"], side="right" if name in _EVENTS else "left")
            for name in _TABLES[1:]
        }
        tapes = tapes_of(trades, self.venue, times.astype(np.int64))
        for row, time_ns in enumerate(times.tolist()):
            last = row == times.size - 1
            told = {}
            for name, at in cuts.items():
                rows = (at == row) | (last & (at > row))
                told[name] = {column: values[rows] for column, values in tables[name].items()}
            tape = tapes.get(row, Tape.empty(n))
            yield self._decision(int(time_ns), {k: v[row] for k, v in states.items()}, told, tape)

    def _decision(self, time_ns: int, at: Table, told: dict[str, Table], tape: Tape) -> Decision:
        n = self.venue.n_books
        state = MarketState(
            venue=self.venue,
            time_ns=time_ns,
            uid=self.uid,
            bid_price=at["bid"][:, None],
            bid_size=at["bid_size"][:, None],
            ask_price=at["ask"][:, None],
            ask_size=at["ask_size"][:, None],
            maker_ratio=at["maker_ratio"],
            accounts=Accounts.of(
                n,
                base=at["base"],
                quote=at["quote"],
                base_initial=at["base"] - at["position"],
                maker_rate=at["maker_rate"],
                taker_rate=at["taker_rate"],
            ),
            open_orders=_resting(at["own_bid"], at["own_ask"]),
            notices=self._notices(told["fills"], told["rejects"]),
            tape=tape,
        )
        orders = self._orders(told["orders"])
        limit = np.where(np.isnan(at["position_limit"]), np.inf, at["position_limit"])
        step = Step(
            name=self.name,
            books=np.ones(n, dtype=np.bool_),
            signals=Signals(n_books=n),
            limits=Limits.of(n, position_limit=limit, reason=Reason.OPEN),
            quotes=Quotes.none(n),
            orders=orders,
        )
        took_ms = told["answers"]["respond_ms"]
        return Decision(
            state=state,
            orders=orders,
            steps=(step,),
            bid_reason=at["bid_reason"].astype(np.int64),
            ask_reason=at["ask_reason"].astype(np.int64),
            elapsed_ms=float(took_ms[-1]) if took_ms.size else np.nan,
            config_hash=self.config_hash,
        )

    def _orders(self, rows: Table) -> Orders:
        n = rows["kind"].size
        columns = {name: rows[name] for name in COLUMNS["orders"] if name not in ("uid", "time_ns", "book")}
        zero, nan = np.zeros(n, np.int64), np.full(n, np.nan)
        return Orders(
            n_books=self.venue.n_books,
            book=self._positions(rows["book"]),
            delay_ns=zero,
            urgency=zero,
            self_trade=zero,
            in_quote=zero.astype(np.bool_),
            leverage=np.zeros(n),
            max_slippage=nan,
            **columns,
        )

    def _notices(self, fills: Table, rejects: Table) -> Notices:
        n_fills, n = fills["price"].size, fills["price"].size + rejects["price"].size
        if not n:
            return Notices.none()
        none, nan = np.full(n - n_fills, -1), np.full(n - n_fills, np.nan)
        other, ours = fills["other"].astype(np.int64), np.full(n_fills, self.uid)
        maker = fills["maker"].astype(np.bool_)

        def both(name: str) -> npt.NDArray[Any]:
            return np.concatenate([fills[name], rejects[name]])

        return Notices(
            kind=np.repeat([int(NoticeKind.FILL), int(NoticeKind.REJECTED)], [n_fills, n - n_fills]),
            book=self._positions(both("book")),
            order_id=np.concatenate([fills["order_id"], none]),
            trade_id=np.concatenate([fills["trade_id"], none]),
            maker_id=np.concatenate([np.where(maker, ours, other), none]),
            taker_id=np.concatenate([np.where(maker, other, ours), none]),
            fee=np.concatenate([fills["fee"], nan]),
            message=("",) * n_fills + tuple(map(str, rejects["reason"])),
            **{name: both(name) for name in ("time_ns", "side", "price", "size", "client_id")},
        )

    def _positions(self, ids: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
        return np.array([self.venue.index_of(int(book)) for book in ids], dtype=np.int64)


_EVENTS = ("fills", "rejects")


def _resting(bid: npt.NDArray[np.float64], ask: npt.NDArray[np.float64]) -> OpenOrders:
    """One order on each side that had any: of the others the records tell no price."""
    price = np.stack([bid, ask], axis=1)
    there = np.isfinite(price)
    side = np.broadcast_to([0, 1], price.shape)[there]
    none = np.full(side.size, -1)
    return OpenOrders(
        offset=np.concatenate([[0], np.cumsum(there.sum(axis=1))]),
        order_id=none,
        client_id=none,
        side=side,
        price=price[there],
        size=np.zeros(side.size),
        time_ns=np.zeros(side.size, np.int64),
        queue_ahead=np.full(side.size, np.nan),
    )


def is_run(path: Path) -> bool:
    """Whether a path is the folder of a run."""
    return (path / "run.json").is_file()

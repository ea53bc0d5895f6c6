"""Miners' instructions: when they act, what comes back and when."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from obmm.market import InstructionKind, NoticeKind, TimeInForce
from obmm.sim._loop import run
from obmm.sim.background._layout import BACKGROUND
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._instructions import drop_instructions, submit_rows
from obmm.sim.exchange._layout import BUY, INSTRUCTION, REJECT_CODES, SELL, STP_OLDEST
from obmm.sim.exchange._orders import place_limit, place_market
from obmm.sim.exchange._setup import make_book

SECOND = 10**9
MS = 10**6
ANYONE = 5


class Exchange:
    """One book without a background, with miners 0 to 2 watched."""

    def __init__(self, **rules: Any) -> None:
        self.books = make_book(n_miners=3, min_lots=2500, **rules)
        self.backgrounds = np.zeros(1, dtype=BACKGROUND)
        self.book = self.books[0]
        for agent in (0, 1, 2, ANYONE):
            open_account(self.book, agent, 10**7, 10**16)
            self.book["accounts"][agent]["watched"] = agent < 3

    def send(self, delay_ns: int, kind: InstructionKind = InstructionKind.LIMIT, **columns: Any) -> None:
        """Submit one instruction; a bid of 1 base at 299.00 by miner 0 unless told."""
        row = np.zeros(1, dtype=INSTRUCTION)
        given = {"tick": 29_900, "amount": 10_000, "self_trade": STP_OLDEST, "client_id": -1} | columns
        for name, value in {"kind": int(kind), "delay_ns": delay_ns, **given}.items():
            row[name] = value
        submit_rows(self.books, row)

    def run(self, seconds: float) -> None:
        """Let simulated time pass, up to `seconds` from the start."""
        assert run(self.books, self.backgrounds, 0, int(seconds * SECOND), SECOND) == 1

    def notices(self, *names: str) -> list[tuple[int, ...]]:
        """Columns of all notices so far."""
        rows = self.book["notices"][: int(self.book["notice_count"])]
        return [tuple(int(row[name]) for name in names) for row in rows]


def test_an_accepted_order_acts_after_its_delay_and_is_confirmed_one_delay_later() -> None:
    """Placed at T + d, told at T + 2d."""
    exchange = Exchange()
    exchange.send(600 * MS, client_id=7)
    exchange.run(1)
    assert exchange.notices("kind", "time_ns", "deliver_ns", "client_id", "order_id") == [
        (NoticeKind.ACCEPTED, 600 * MS, 1200 * MS, 7, 1)
    ]
    assert exchange.book["orders"][1]["time_ns"] == 600 * MS


def test_a_rejection_is_told_at_once_with_its_code() -> None:
    """Placed and told at T + d."""
    exchange = Exchange()
    exchange.send(10 * MS, amount=2499)
    exchange.run(1)
    [(kind, time_ns, deliver_ns, reason, order_id)] = exchange.notices(
        "kind", "time_ns", "deliver_ns", "reason", "order_id"
    )
    assert (kind, time_ns, deliver_ns, order_id) == (NoticeKind.REJECTED, 10 * MS, 10 * MS, -1)
    assert REJECT_CODES[reason] == "MINIMUM_ORDER_SIZE_VIOLATION"
    assert exchange.book["rejects"][1].sum() == 1


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"leverage": 4.5}, "INVALID_LEVERAGE"),
        ({"leverage": -0.1}, "INVALID_LEVERAGE"),
        ({"leverage": 1.0}, "NOT_SIMULATED"),
        ({"not_simulated": 1}, "NOT_SIMULATED"),
        ({"leverage": 1.0, "amount": 0}, "NOT_SIMULATED"),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(columns: dict[str, Any], code: str) -> None:
    """Leverage and stop orders have a reject code of their own."""
    exchange = Exchange()
    exchange.send(10 * MS, **columns)
    exchange.run(1)
    assert [REJECT_CODES[reason] for (reason,) in exchange.notices("reason")] == [code]


def test_equal_times_act_in_the_order_of_submission() -> None:
    """First come, first served at one nanosecond."""
    exchange = Exchange()
    for agent in (2, 0, 1):
        exchange.send(10 * MS, agent=agent)
    exchange.run(1)
    assert exchange.notices("agent", "order_id") == [(2, 1), (0, 2), (1, 3)]


def test_cancels_answer_for_each_order_after_a_second_delay() -> None:
    """One good and one bad id: one success, one failure; foreign orders count as unknown."""
    exchange = Exchange()
    exchange.send(10 * MS)
    exchange.send(10 * MS, agent=1)
    exchange.run(1)
    for order_id in (1, 2, 99):
        exchange.send(20 * MS, InstructionKind.CANCEL, order_id=order_id, amount=0)
    exchange.run(2)
    done, failed = NoticeKind.CANCELLED, NoticeKind.CANCEL_FAILED
    assert exchange.notices("kind", "order_id", "time_ns", "deliver_ns")[2:] == [
        (done, 1, SECOND + 20 * MS, SECOND + 40 * MS),
        (failed, 2, SECOND + 20 * MS, SECOND + 40 * MS),
        (failed, 99, SECOND + 20 * MS, SECOND + 40 * MS),
    ]


def test_a_partial_cancel_keeps_the_rest_and_an_excessive_one_takes_all() -> None:
    """4 of 10 base, then 100 of the remaining 6."""
    exchange = Exchange()
    exchange.send(0, amount=100_000)
    exchange.send(1, InstructionKind.CANCEL, order_id=1, amount=40_000)
    exchange.run(1)
    assert exchange.book["orders"][1]["lots"] == 60_000
    exchange.send(0, InstructionKind.CANCEL, order_id=1, amount=10**6)
    exchange.run(2)
    assert exchange.book["live"].tolist() == [0, 0]
    assert [kind for (kind,) in exchange.notices("kind")] == [NoticeKind.ACCEPTED] + 2 * [
        NoticeKind.CANCELLED
    ]


def test_an_expiry_is_told_one_whole_period_late() -> None:
    """Placed at P, gone at P + 5 s, told at P + 10 s."""
    exchange = Exchange()
    exchange.send(10 * MS, time_in_force=TimeInForce.GTT, expiry_ns=5 * SECOND)
    exchange.run(5)
    assert exchange.book["live"].tolist() == [1, 0]
    exchange.run(6)
    assert exchange.book["live"].tolist() == [0, 0]
    assert exchange.notices("kind", "time_ns", "deliver_ns", "order_id")[1:] == [
        (NoticeKind.CANCELLED, 5 * SECOND + 10 * MS, 10 * SECOND + 10 * MS, 1)
    ]


def test_the_timer_of_a_filled_order_ends_in_a_failed_cancel() -> None:
    """Filled after two seconds: at five a failure and no other effect."""
    exchange = Exchange()
    exchange.send(0, time_in_force=TimeInForce.GTT, expiry_ns=5 * SECOND)
    exchange.run(2)
    assert place_market(exchange.book, ANYONE, SELL, 10_000) == 0
    exchange.run(6)
    kinds = [kind for (kind,) in exchange.notices("kind")]
    assert kinds == [NoticeKind.ACCEPTED, NoticeKind.FILL, NoticeKind.CANCEL_FAILED]
    assert exchange.book["accounts"][0]["base_free"] == 10**7 + 10_000


def test_a_good_till_time_order_without_an_expiry_rests_for_good() -> None:
    """No timer is set."""
    exchange = Exchange()
    exchange.send(0, time_in_force=TimeInForce.GTT, expiry_ns=0)
    exchange.run(100)
    assert exchange.book["live"].tolist() == [1, 0]
    assert exchange.book["event_count"] == 0


def test_an_immediate_or_cancel_order_reports_what_it_found() -> None:
    """Two of five base are there: the acceptance says two."""
    exchange = Exchange()
    place_limit(exchange.book, ANYONE, SELL, 30_000, 20_000, False)
    exchange.send(0, tick=30_000, amount=50_000, time_in_force=TimeInForce.IOC)
    exchange.run(1)
    fill, accepted = exchange.notices("kind", "lots", "side", "tick")
    assert fill == (NoticeKind.FILL, 20_000, BUY, 30_000)
    assert accepted == (NoticeKind.ACCEPTED, 20_000, BUY, 30_000)


def test_both_sides_of_a_fill_are_told_when_it_happens() -> None:
    """Each with its own order, side, fee and the ids of both."""
    exchange = Exchange()
    exchange.send(0, agent=1, side=SELL, tick=30_000, client_id=11)
    exchange.send(5 * MS, InstructionKind.MARKET, agent=2, side=BUY, client_id=22)
    exchange.run(1)
    fills = exchange.notices("kind", "agent", "side", "client_id", "order_id", "deliver_ns")
    assert [fill for fill in fills if fill[0] == NoticeKind.FILL] == [
        (NoticeKind.FILL, 2, BUY, 22, 2, 5 * MS),
        (NoticeKind.FILL, 1, SELL, 11, 1, 5 * MS),
    ]
    assert exchange.notices("maker_id", "taker_id", "trade_id")[1] == (1, 2, 1)


@pytest.mark.parametrize("told", [False, True])
def test_self_trade_prevention_is_told_only_where_the_version_does(told: bool) -> None:
    """The resting order goes either way; 0.6 sends its owner a notice."""
    exchange = Exchange(self_trade_notices=told)
    exchange.send(0, tick=30_000)
    exchange.send(1, side=SELL, tick=30_000)
    exchange.run(1)
    kinds = [kind for (kind,) in exchange.notices("kind")]
    assert kinds.count(NoticeKind.CANCELLED) == int(told)
    assert exchange.book["live"].tolist() == [0, 1]


def test_instructions_of_a_deregistered_miner_never_act() -> None:
    """Those of others do."""
    exchange = Exchange()
    exchange.send(10 * MS, agent=0)
    exchange.send(10 * MS, agent=1)
    drop_instructions(exchange.book, 0)
    exchange.run(1)
    assert exchange.notices("agent") == [(1,)]


def test_rows_of_instructions_are_reused() -> None:
    """Instructions that come one at a time, need one row."""
    exchange = Exchange()
    for i in range(200):
        exchange.send(0, InstructionKind.CANCEL, order_id=99, amount=0)
        exchange.run(i + 1)
    assert exchange.book["instruction_top"] == 1


def test_accounts_that_nobody_watches_get_no_notices() -> None:
    """Synthetic miners do not fill the list."""
    exchange = Exchange()
    exchange.book["accounts"][0]["watched"] = 0
    exchange.send(0)
    exchange.run(1)
    assert exchange.notices("kind") == []
    assert exchange.book["live"].tolist() == [1, 0]

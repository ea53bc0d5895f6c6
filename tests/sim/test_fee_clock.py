"""One clock for the fees of a block of books: by hand, and over a recorded hour of the real venue."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

from obmm.market import BUY, SELL, FeePolicy, InstructionKind
from obmm.sim._jit import kernel
from obmm.sim._loop import run
from obmm.sim._world import build_book
from obmm.sim.background._layout import BACKGROUND
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._fees import MAKER, TAKER, record_volume
from obmm.sim.exchange._instructions import submit_each
from obmm.sim.exchange._layout import BOOK, INSTRUCTION, STP_OLDEST
from obmm.sim.exchange._orders import place_limit
from obmm.sim.exchange._publish import collected
from obmm.sim.exchange._setup import make_book
from obmm.sim.scenario import Scenario

SECOND, MS = 10**9, 10**6
VENUE = 30  # an account that is no miner
PRICE = 30_000


class Blocks:
    """Books without a background, two blocks of three, deep on both sides; miners 0 to 2."""

    def __init__(self, slots: int) -> None:
        self.books = np.zeros(6, dtype=BOOK)
        self.backgrounds = np.zeros(6, dtype=BACKGROUND)
        for i in range(6):
            record = self.books[i : i + 1]
            make_book(index=i, n_miners=3, fees=FeePolicy(history_slots=slots), into=record)
            for agent in (0, 1, 2, VENUE):
                open_account(record[0], agent, 10**12, 10**18)
            place_limit(record[0], VENUE, SELL, PRICE, 10**9, False)
            place_limit(record[0], VENUE, BUY, PRICE - 1, 10**9, False)
            self.backgrounds[i]["block"] = i // 3

    def take(self, book: int, agent: int, delay_ns: int) -> None:
        """A market order of 1 base."""
        self._send(book, agent, delay_ns, kind=int(InstructionKind.MARKET), side=BUY)

    def quote(self, book: int, agent: int, delay_ns: int) -> None:
        """A limit order of 1 base that does not trade."""
        self._send(book, agent, delay_ns, kind=int(InstructionKind.LIMIT), side=BUY, tick=PRICE - 100)

    def run(self, seconds: int) -> None:
        """Close the interval that ends then."""
        assert run(self.books, self.backgrounds, 0, seconds * SECOND, SECOND) == 6

    @property
    def slots(self) -> list[int]:
        """Instants that each book's window holds."""
        return self.books["fee_count"].tolist()

    def _send(self, book: int, agent: int, delay_ns: int, **columns: int) -> None:
        row = np.zeros(1, dtype=INSTRUCTION)
        given = {"amount": 10_000, "self_trade": STP_OLDEST, "client_id": -1, "agent": agent} | columns
        for name, value in {"delay_ns": delay_ns, **given}.items():
            row[name] = value
        submit_each(self.books, np.array([book]), row)


def test_of_all_books_of_a_block_the_first_one_opens_the_slot_of_an_instant() -> None:
    """A miner that takes on all books at once moves the lowest book of each block."""
    blocks = Blocks(slots=3)
    for book in (5, 4, 3, 2, 1, 0):
        blocks.take(book, 0, 10 * MS)
    blocks.run(1)
    assert blocks.slots == [1, 0, 0, 1, 0, 0]
    assert blocks.books["fee_total"][:, TAKER].tolist() == [300 * 10**10] * 6


def test_books_that_trade_at_instants_of_their_own_all_open_slots() -> None:
    """A nanosecond apart is another instant."""
    blocks = Blocks(slots=3)
    for book in range(6):
        blocks.take(book, 0, 10 * MS + book)
    blocks.run(1)
    assert blocks.slots == [1] * 6


def test_at_one_instant_orders_are_taken_by_sender_before_book() -> None:
    """Miner 0 on book 2 comes before miner 1 on book 0, as their answers do."""
    blocks = Blocks(slots=3)
    blocks.take(0, 1, 10 * MS)
    blocks.take(2, 0, 10 * MS)
    blocks.run(1)
    assert blocks.slots == [0, 0, 1, 0, 0, 0]


def test_an_order_that_does_not_trade_opens_no_slot() -> None:
    """The clock is that of miners' volume, not of their orders."""
    blocks = Blocks(slots=3)
    blocks.quote(0, 0, 10 * MS)
    blocks.take(1, 0, 10 * MS)
    blocks.run(1)
    assert blocks.slots == [0, 1, 0, 0, 0, 0]


def test_volume_of_a_taken_instant_goes_to_the_newest_slot_and_leaves_the_ratio() -> None:
    """Nothing leaves the window, the ratio is that of the last slot the book opened itself."""
    blocks = Blocks(slots=1)
    for second in (1, 2):
        blocks.take(1, 0, 10 * MS)
        blocks.run(second)
    before = blocks.books[1].copy()
    blocks.take(0, 0, 10 * MS)
    blocks.take(1, 0, 10 * MS)
    blocks.run(3)
    after = blocks.books[1]
    assert after["fee_ring"][0, TAKER] == 2 * before["fee_ring"][0, TAKER] == 600 * 10**10
    assert after["fee_frozen"].tolist() == before["fee_frozen"].tolist()
    assert (after["mtr"], after["fee_count"]) == (before["mtr"], 1)


def test_a_book_run_alone_keeps_the_clock_for_itself() -> None:
    """Blocks of one book each: every book opens its own slot."""
    blocks = Blocks(slots=3)
    blocks.backgrounds["block"] = np.arange(6)
    for book in range(6):
        blocks.take(book, 0, 10 * MS)
    blocks.run(1)
    assert blocks.slots == [1] * 6


def test_a_block_that_had_to_stop_for_its_tape_goes_on_where_it_was() -> None:
    """Called again with the book that was full, the run is that of a block which never stopped."""
    digests = []
    for tape in (False, True):
        books, backgrounds = np.zeros(3, BOOK), np.zeros(3, BACKGROUND)
        for i in range(3):
            build_book(Scenario.load("taos-0.5.4"), 0, i, 1, 1, books[i : i + 1], backgrounds[i : i + 1])
        books["tape_on"] = tape
        stops = []
        at = run(books, backgrounds, 0, 900 * SECOND, SECOND)
        while at < 3:
            stops.append(at)
            collected(books[at : at + 1])
            at = run(books, backgrounds, at, 900 * SECOND, SECOND)
        assert (len(set(stops)) == 3) == tape
        digests.append(books["digest"].tolist())
    assert digests[0] == digests[1]


@kernel
def _replay(books, time_ns, book, role, units, state_ns, ratio) -> None:
    done = 0
    for s in range(state_ns.size):
        while done < time_ns.size and time_ns[done] < state_ns[s]:
            b = books[book[done]]
            b.now_ns = time_ns[done]
            b.fee_block_ns = books[0].fee_block_ns
            record_volume(b, 0, role[done], units[done])
            books[0].fee_block_ns = b.now_ns
            done += 1
        for i in range(books.size):
            ratio[s, i] = books[i].mtr


@pytest.mark.parametrize("takers", ["same_instant", "spread"])
def test_recorded_trades_give_the_recorded_maker_shares(shared_data: Path, takers: str) -> None:
    """An hour of sixteen real books, to seven digits, whether takers come at one instant or spread out."""
    with np.load(shared_data / "captures" / "fee-clock.npz") as file:
        found = {name.removeprefix(f"{takers}_"): file[name] for name in file if name.startswith(takers)}
    n_books = found["maker_ratio"].shape[1]
    books = np.concatenate([make_book(index=i, n_miners=32, fees=FeePolicy()) for i in range(n_books)])
    sender = np.where(found["is_taker"], found["uid"], found["counterparty"])
    order = np.lexsort((found["is_taker"], found["trade_id"], found["book"], sender, found["time_ns"]))
    columns = {
        "time_ns": found["time_ns"],
        "book": found["book"].astype(np.int64),
        "role": np.where(found["is_taker"], TAKER, MAKER),
        "units": np.rint(found["base"] * found["price"] * 1e10).astype(np.int64),
    }
    ratio = np.zeros(found["maker_ratio"].shape)
    _replay(books, *(column[order] for column in columns.values()), found["state_ns"], ratio)
    assert (found["maker_ratio"] != np.float32(0.4)).any()
    np.testing.assert_allclose(ratio, found["maker_ratio"], atol=1e-6)

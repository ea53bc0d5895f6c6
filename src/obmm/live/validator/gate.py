"""What a validator drops of an answer before its simulator sees it, in the subnet's order."""

from __future__ import annotations

from collections import Counter

import attrs
import numpy as np

from obmm.market import BoolArray, IntArray, MarketState, Orders, TimeInForce
from obmm.wire.answer import (
    Answer,
    CancelOrders,
    OfBook,
    ResetAgent,
    orders_of,
)

#: Why a whole answer is dropped.
WRONG_AGENT, RESET_AGENT = "WRONG_AGENT", "RESET_AGENT"
#: Why a single instruction is.
UNKNOWN_BOOK, TURNOVER_CAP, INSTRUCTION_LIMIT = "UNKNOWN_BOOK", "TURNOVER_CAP", "INSTRUCTION_LIMIT"
#: What the embedded market does not have: loans, and orders that wait for a price.
NOT_SIMULATED, TRIGGER_LOST = "NOT_SIMULATED", "TRIGGER_LOST"
#: More under way on one book than a market in memory has room for.
NO_ROOM = "NO_ROOM"

#: Rows of all agents that may wait on one book: instructions on their way, and timers of timed orders.
_INSTRUCTIONS, _TIMERS = 4096, 8192
#: The longest that a venue's own delay makes of an instruction's.
_VENUE_DELAY_NS = 1_100_000_000
#: Seventy years, which no simulation lasts.
_LONGEST_NS = 2**61


class Refused(Exception):
    """A whole answer is dropped; the reason is its text."""


@attrs.define
class Waiting:
    """What waits on the books until its time comes, with a bound a book."""

    most: int
    _book: IntArray = attrs.field(init=False, factory=lambda: np.zeros(0, dtype=np.int64))
    _due_ns: IntArray = attrs.field(init=False, factory=lambda: np.zeros(0, dtype=np.int64))

    def fit(self, book: IntArray, now_ns: int, n_books: int) -> BoolArray:
        """Which of the rows on `book` still have room, beside what waits at `now_ns`."""
        waits = self._due_ns > now_ns
        self._book, self._due_ns = self._book[waits], self._due_ns[waits]
        taken = np.bincount(self._book, minlength=n_books)
        order = np.argsort(book, kind="stable")
        rank = np.empty(book.size, dtype=np.int64)
        rank[order] = np.arange(book.size) - np.searchsorted(book[order], book[order])
        fits: BoolArray = taken[book] + rank < self.most
        return fits

    def add(self, book: IntArray, due_ns: IntArray) -> None:
        """Let these rows wait."""
        self._book = np.concatenate([self._book, book])
        self._due_ns = np.concatenate([self._due_ns, due_ns])


@attrs.define
class Gate:
    """The gates of one agent; it remembers what the agent has under way.

    Attributes:
        share: Of how many agents this is one: they share the room of the books.
    """

    share: int = 1
    _under_way: Waiting = attrs.field(init=False)
    _timers: Waiting = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._under_way, self._timers = (
            Waiting(max(most // self.share, 1)) for most in (_INSTRUCTIONS, _TIMERS)
        )

    def admit(self, answer: Answer, state: MarketState) -> tuple[Orders, Counter[str]]:
        """The orders that pass, and how much was dropped by reason.

        Raises:
            Refused: The whole answer is dropped.

        >>> from obmm.testing import random_state
        >>> from obmm.wire.answer import read_answer
        >>> order = b'''{"type": "PLACE_ORDER_MARKET", "agentId": 0, "bookId": 9, "direction": 0,
        ...     "quantity": 1.0, "clientOrderId": null}'''
        >>> answer = read_answer(b'{"agent_id": 0, "instructions": [' + order + b"]}")
        >>> orders, dropped = Gate().admit(answer, random_state(1, n_books=2))
        >>> len(orders), dict(dropped)
        (0, {'UNKNOWN_BOOK': 1})
        """
        uid = state.uid
        if answer.agent_id != uid or any(one.agentId != uid for one in answer.instructions):
            raise Refused(WRONG_AGENT)
        told = [one for one in answer.instructions if not isinstance(one, ResetAgent)]
        if len(told) < len(answer.instructions):
            raise Refused(RESET_AGENT)
        dropped: Counter[str] = Counter()
        passed = _by_book(told, state, dropped)
        understood = orders_of(passed, state.venue)
        dropped[NOT_SIMULATED] += understood.closes
        dropped[TRIGGER_LOST] += understood.triggers
        orders = understood.orders
        # The longest periods that the model takes would run beyond what a market's clock counts.
        orders = attrs.evolve(orders, expiry_ns=np.minimum(orders.expiry_ns, _LONGEST_NS))
        return self._with_room(orders, state, dropped), +dropped

    def _with_room(self, orders: Orders, state: MarketState, dropped: Counter[str]) -> Orders:
        now_ns, n_books = state.time_ns, state.n_books
        fits = self._under_way.fit(orders.book, now_ns, n_books)
        timed = np.flatnonzero(fits & (orders.time_in_force == int(TimeInForce.GTT)))
        fits[timed] = self._timers.fit(orders.book[timed], now_ns, n_books)
        if not fits.all():
            dropped[NO_ROOM] += int((~fits).sum())
            orders = orders.take(fits)
        acts_ns = now_ns + orders.delay_ns + _VENUE_DELAY_NS
        self._under_way.add(orders.book, acts_ns)
        timed = np.flatnonzero(orders.time_in_force == int(TimeInForce.GTT))
        self._timers.add(orders.book[timed], acts_ns[timed] + orders.expiry_ns[timed])
        return orders


def _by_book(instructions: list[OfBook], state: MarketState, dropped: Counter[str]) -> list[OfBook]:
    """The instructions on books that there are, below the cap, the first few of each book."""
    venue = state.venue
    traded = state.accounts.traded_quote
    with np.errstate(invalid="ignore"):
        capped = dict(
            zip(venue.book_ids.tolist(), (traded >= venue.turnover_cap_quote).tolist(), strict=True)
        )
    count: Counter[int] = Counter()
    passed = []
    for told in instructions:
        book = told.bookId
        if book not in capped:
            dropped[UNKNOWN_BOOK] += 1
        elif capped[book] and not isinstance(told, CancelOrders):
            dropped[TURNOVER_CAP] += 1
        elif count[book] >= venue.max_instructions:
            dropped[INSTRUCTION_LIMIT] += 1
        else:
            count[book] += 1
            passed.append(told)
    return passed

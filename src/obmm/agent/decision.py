"""What the agent decided for one state, and why."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import attrs
import numpy as np

from obmm.agent.faults import Fault
from obmm.agent.reply import check_reasons
from obmm.market import (
    BoolArray,
    IntArray,
    Limits,
    MarketState,
    News,
    Orders,
    Quotes,
    Reason,
    Signals,
    Unplaced,
)
from obmm.market.arrays import as_ints
from obmm.market.layout import books_of
from obmm.market.reasons import strictest_of

_INSTRUCTION = tuple(field.name for field in attrs.fields(Orders) if field.name != "n_books")


@attrs.frozen(kw_only=True)
class Step:
    """What one pipeline did with a state.

    Attributes:
        name: The pipeline's name.
        books: (B,) the books whose orders are this pipeline's.
        signals: All signals by name.
        limits: The strictest of all verdicts, with position bounds enforced.
        quotes: What the builder wanted, after the lock.
        orders: What the placer sent, on all books.
        gate_limits: The verdict of each gate by its name; `limits` is the strictest of them.
        news: What the stages tell of this state about these books.
    """

    name: str
    books: BoolArray
    signals: Signals
    limits: Limits
    quotes: Quotes
    orders: Orders
    gate_limits: dict[str, Limits] = attrs.field(factory=dict)
    news: tuple[News, ...] = ()

    @property
    def reasons(self) -> IntArray:
        """(2, B) the strictest reason of limits, quotes and placer for bids and asks.

        Raises:
            ValueError: A stage gives a code that is no `Reason`.
        """
        unplaced = [told for told in self.news if isinstance(told, Unplaced)]
        parts: list[Limits | Quotes | Unplaced] = [self.limits, self.quotes, *unplaced]
        said = as_ints([[part.bid_reason, part.ask_reason] for part in parts])
        check_reasons(said)
        return strictest_of(said)

    def of_books(self, at: IntArray) -> Step:
        """What was done with the books at the positions `at`, which are 0, 1, … from now on."""
        return Step(
            name=self.name,
            books=self.books[at],
            signals=Signals(
                n_books=at.size,
                age_s=self.signals.age_s[at],
                warmup_s=np.broadcast_to(self.signals.warmup_s, self.books.shape)[at],
                values={name: value[at] for name, value in self.signals.items()},
            ),
            limits=books_of(self.limits, at),
            quotes=books_of(self.quotes, at),
            orders=of_books(self.orders, at, self.books.size),
            gate_limits={name: books_of(verdict, at) for name, verdict in self.gate_limits.items()},
            news=tuple(told.of_books(at) for told in self.news),
        )


def of_books(orders: Orders, at: IntArray, n_books: int) -> Orders:
    """The rows on the books at the positions `at` of `n_books`, which are 0, 1, … from now on."""
    index = np.full(n_books, -1)
    index[at] = np.arange(at.size)
    kept = orders.take(index[orders.book] >= 0)
    return attrs.evolve(kept, book=index[kept.book], n_books=at.size)


@attrs.frozen(kw_only=True)
class Decision:
    """The answer to one state with all that led to it.

    Attributes:
        state: The state answered.
        orders: Instructions to send, most urgent first on each book.
        steps: One per pipeline that decided, the main one first.
        faults: What went wrong, one per pipeline that could not decide; its books are quiet, and what rested
            on them is cancelled.
        bid_reason: (B,) `Reason` why no bid is wanted or standing, or why it is narrowed; 0 if nothing speaks
            against it.
        ask_reason: (B,) the same for asks.
        elapsed_ms: Real time the decision took.
        config_hash: Hash of the configuration that decided.
        overrides: What a person had ordered: books and modes.
    """

    state: MarketState
    orders: Orders
    steps: tuple[Step, ...]
    bid_reason: IntArray
    ask_reason: IntArray
    elapsed_ms: float
    config_hash: str
    overrides: Mapping[str, str] = attrs.field(factory=dict)
    faults: tuple[Fault, ...] = ()

    @property
    def news(self) -> tuple[News, ...]:
        """What the stages of all pipelines tell of this state."""
        return tuple(told for step in self.steps for told in step.news)

    @property
    def error(self) -> str:
        """The first fault in words, "" if there was none."""
        return str(self.faults[0]) if self.faults else ""

    @property
    def digest(self) -> str:
        """Sixteen hex digits of what was decided: the instructions, and the reasons of every side.

        Two decisions that differ in either have different ones; those of the same have the same.
        """
        told = hashlib.blake2b(digest_size=8)
        for name in _INSTRUCTION:
            told.update(getattr(self.orders, name).tobytes())
        for why in (self.bid_reason, self.ask_reason):
            told.update(why.tobytes())
        return told.hexdigest()

    def why(self, book: int) -> tuple[Reason, Reason]:
        """The reasons of one book by position: bid, ask."""
        return Reason(int(self.bid_reason[book])), Reason(int(self.ask_reason[book]))

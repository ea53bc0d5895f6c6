"""What the agent decided for one state, and why."""

from __future__ import annotations

import attrs

from obmm.market import BoolArray, IntArray, Limits, MarketState, Orders, Quotes, Reason, Signals
from obmm.risk.drawdown import Transition


@attrs.frozen(kw_only=True)
class Step:
    """What one pipeline did with a state.

    Attributes:
        name: The pipeline's name.
        books: (B,) the books whose orders are this pipeline's.
        signals: All signals by name.
        limits: The strictest of all verdicts, with position bounds enforced.
        quotes: What the builder wanted.
        orders: What the placer sent, on all books.
        lifted: (B,) books on which a size below the venue's minimum was lifted to it.
        gate_limits: The verdict of each gate by its name; `limits` is the strictest of them.
        transitions: Drawdown stops that began or ended with this state.
    """

    name: str
    books: BoolArray
    signals: Signals
    limits: Limits
    quotes: Quotes
    orders: Orders
    lifted: BoolArray
    gate_limits: dict[str, Limits] = attrs.field(factory=dict)
    transitions: tuple[Transition, ...] = ()


@attrs.frozen(kw_only=True)
class Decision:
    """The answer to one state with all that led to it.

    Attributes:
        state: The state answered.
        orders: Instructions to send, most urgent first on each book.
        steps: One per pipeline; empty when the agent could not decide.
        bid_reason: (B,) `Reason` why no bid is wanted or standing, or why it is narrowed; 0 if nothing speaks
            against it.
        ask_reason: (B,) the same for asks.
        elapsed_ms: Real time the decision took.
        config_hash: Hash of the configuration that decided.
        error: What went wrong inside a stage, "" if nothing did.
    """

    state: MarketState
    orders: Orders
    steps: tuple[Step, ...]
    bid_reason: IntArray
    ask_reason: IntArray
    elapsed_ms: float
    config_hash: str
    error: str = ""

    def why(self, book: int) -> tuple[Reason, Reason]:
        """The reasons of one book by position: bid, ask."""
        return Reason(int(self.bid_reason[book])), Reason(int(self.ask_reason[book]))

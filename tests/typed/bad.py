"""What must not type-check: each marked line fails with the code that it names, and no other does."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

import obmm
from obmm.agent import Decision, MarketMaker, resolve
from obmm.market import (
    Book,
    Builder,
    FloatArray,
    Gate,
    Limits,
    MarketState,
    Orders,
    Placer,
    Quotes,
    Reason,
    Signal,
    Signals,
    Stage,
    Venue,
    memory,
    option,
    per_book,
)
from obmm.settings import gate, signal
from obmm.sim import Scenario, SimulatedMarket
from obmm.testing import checks_for, random_states, violations
from obmm.wire import Decoder


@attrs.define
class Distance(Stage):
    """A signal; it is no gate, no builder and no placer."""

    tau_s: float = option(300.0, help="Time constant", unit="s")
    _mean: FloatArray = memory(lambda: np.array(np.nan))

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return state.mid


@attrs.define
class Loose(Stage):
    """What it says of its needs is no set."""

    @property
    def needs(self) -> list[str]:  # error: override
        return ["mid"]

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return Limits.of(state.n_books)  # error: call-arg


@per_book
def spread(book: Book) -> float:
    """A signal, one book at a time."""
    width: float = book.spreads  # error: attr-defined
    return width


def kinds() -> None:
    """A stage of one kind is no stage of another."""
    fits: Signal = Distance()
    as_gate: Gate = Distance()  # error: assignment
    as_builder: Builder = Distance()  # error: assignment
    as_placer: Placer = Distance()  # error: assignment
    per_book_as_gate: Gate = spread()  # error: assignment
    Distance(tau="60")  # error: call-arg
    Distance(tau_s="60")  # error: arg-type
    option(3.0)  # error: call-arg
    signal(Distance)  # error: arg-type
    gate("mine")(3)  # error: type-var
    print(fits, as_gate, as_builder, as_placer, per_book_as_gate)


def one_by_one(name: Callable[[Book], str]) -> None:
    """A function per book returns a number, limits or quotes."""
    per_book(name)  # error: arg-type
    per_book(needs=3)  # error: call-overload


def values(state: MarketState, limits: Limits) -> None:
    """Values are complete, of the right kind, and stay as they are."""
    Quotes.of(bid_price=299.0)  # error: call-arg
    Limits.of(2, reason="why")  # error: arg-type
    Limits.open()  # error: call-arg
    Orders.cancels(n_books=2, book=[0])  # error: call-arg
    Venue.of("2")  # error: arg-type
    state.time_ns = 3  # error: misc
    limits.spread_factor = np.ones(2)  # error: misc
    state.bid_prices  # error: attr-defined
    Reason.WHIM  # error: attr-defined


def tell(message: str) -> None:
    """No listener: those hear of a `Decision`."""


def agent(maker: MarketMaker, decision: Decision, state: MarketState) -> None:
    """Whoever mixes up bytes, states and configurations hears of it."""
    from obmm import MarketMakr  # error: attr-defined

    obmm.MarketMakr  # error: attr-defined
    MarketMaker("balanced")  # error: arg-type
    resolve(3)  # error: arg-type
    resolve("balanced", 0.1)  # error: arg-type
    maker.respond(b"{}")  # error: arg-type
    answer: bytes = maker.respond(state)  # error: assignment
    decision.why("book 3")  # error: arg-type
    decision.order  # error: attr-defined
    maker.listeners.append(tell)  # error: arg-type
    Decoder(uid="7")  # error: arg-type
    Decoder().request("{}")  # error: arg-type
    print(answer, MarketMakr)


def market(state: MarketState) -> None:
    """The embedded market and the checks."""
    Scenario.load(54)  # error: arg-type
    SimulatedMarket(book=16)  # error: call-arg
    SimulatedMarket(books="16")  # error: arg-type
    random_states(1)  # error: call-arg
    violations(state, Quotes.none(2))  # error: arg-type
    list(checks_for(Distance()))  # error: arg-type

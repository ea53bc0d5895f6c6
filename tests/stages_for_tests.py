"""Small stages that tests of the agent put into configurations."""

from __future__ import annotations

import sys
from typing import Any, Literal

import attrs
import numpy as np

from obmm.market import Feed, FloatArray, Limits, MarketState, PerBook, Reason, Signals, Stage, option


@attrs.define
class Constant(Stage):
    """The same value everywhere."""

    value: PerBook = option(1.0, help="the value", per_book=True)
    shape: Literal["flat", "wide"] = option("flat", help="columns")
    flag: bool = option(False, help="nothing")
    levels: tuple[int, ...] = option((1, 2), help="nothing")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return np.broadcast_to(self.value, (state.n_books,)).astype(float)


@attrs.define
class Twice(Stage):
    """Two times another signal, ten seconds after it."""

    of: str = option(help="the other signal")

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.of})

    @property
    def warmup_s(self) -> float:
        return 10.0

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return 2.0 * signals[self.of]


@attrs.define
class NoUnit(Constant):
    """It cannot say its unit."""

    @property
    def unit(self) -> str:
        raise RuntimeError("spoilt")


@attrs.define
class Sly(Stage):
    """Reads a signal that it does not declare."""

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return 2.0 * signals["one"]


@attrs.define
class Raises(Stage):
    """Fails from the third state on."""

    calls: int = attrs.field(default=0, init=False)

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({Feed.TAPE})

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        self.calls += 1
        if self.calls > 2:
            raise RuntimeError("spoiled")
        return np.zeros(state.n_books)


@attrs.define
class Shut(Stage):
    """Closes every bid."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        return Limits.of(state.n_books, bid_allowed=False, reason=Reason.CUSTOM)


class Bare:
    """No attrs class."""


@attrs.define
class Holds(Stage):
    """Holds an array and a set."""

    of: frozenset[str] = option(frozenset(), help="a set", converter=frozenset)
    shape: FloatArray = option(factory=lambda: np.ones(3), help="an array", eq=False)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return np.zeros(state.n_books)


@attrs.define
class HoldsFunction(Stage):
    """Holds what no file could say."""

    how: Any = option(lambda x: x, help="a function")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return np.zeros(state.n_books)


@attrs.define
class Unmade(Stage):
    """Raises when it is made."""

    how: str = option(help="raise or exit")

    def __attrs_post_init__(self) -> None:
        if self.how == "exit":
            sys.exit(3)
        raise ZeroDivisionError("no")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return np.zeros(state.n_books)


@attrs.define
class CannotSay(Stage):
    """Raises when it is asked what it needs."""

    @property
    def needs(self) -> frozenset[Feed | str]:
        raise RuntimeError("no")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        return np.zeros(state.n_books)

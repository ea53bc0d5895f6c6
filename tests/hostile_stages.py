"""Stages and listeners that do what no stage should."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from typing import Any, Literal

import attrs
import numpy as np

from obmm.market import Limits, News, Orders, Quotes, Stage, Unplaced, memory, option


class Unspeakable(Exception):
    """Its words cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def recurse() -> None:
    """Never ends by itself."""
    recurse()


def raising(error: BaseException) -> Callable[[], None]:
    """A deed that raises `error`."""

    def deed() -> None:
        raise error

    return deed


def warn() -> None:
    """An error where warnings are errors, as in these tests."""
    warnings.warn("beware", UserWarning, stacklevel=1)


#: What a stage or a listener may do before it answers, by name.
DEEDS: dict[str, Callable[[], Any]] = {
    "nothing": lambda: None,
    "raises": raising(ValueError("spoiled")),
    "raises what cannot be said": raising(Unspeakable()),
    "raises a long word": raising(ValueError("x" * 10**6)),
    "raises a group of words": raising(KeyError(("a", {"b": [1]}))),
    "exits": lambda: sys.exit("bye"),
    "exits with a number": lambda: sys.exit(3),
    "closes its generator": raising(GeneratorExit()),
    "runs out of memory": raising(MemoryError()),
    "stops an iteration": raising(StopIteration()),
    "asserts": raising(AssertionError()),
    "recurses": recurse,
    "warns": warn,
}

#: What a stage may do to what it is given, by name.
SCRIBBLES: dict[str, Callable[[Any], Any]] = {
    "prices": lambda state: state.bid_price.fill(1.0),
    "mid": lambda state: np.copyto(state.mid, 1.0),
    "touch": lambda state: state.competing_touch.sort(),
    "position": lambda state: state.accounts.position.__iadd__(1.0),
    "own orders": lambda state: state.open_orders.price.fill(1.0),
    "flag": lambda state: state.ask_price.setflags(write=True),
    "books": lambda state: state.venue.book_ids.fill(7),
    "clock": lambda state: setattr(state, "time_ns", 0),
}


def answers(n: int) -> dict[str, Callable[[], Any]]:
    """What a placer may give on `n` books, by name."""

    def limit(**columns: Any) -> Orders:
        return Orders.limits(**{"n_books": n, "book": [0], "side": 0, "price": 1.0, "size": 1.0, **columns})

    return {
        "none": lambda: None,
        "a list": list,
        "a number": lambda: 7,
        "quotes": lambda: Quotes.none(n),
        "limits": lambda: Limits.open(n),
        "another book": lambda: limit(book=[99]),
        "a negative book": lambda: limit(book=[-1]),
        "no side": lambda: limit(side=7),
        "a NaN price": lambda: limit(price=np.nan),
        "an infinite price": lambda: limit(price=np.inf),
        "a negative price": lambda: limit(price=-1.0),
        "a NaN size": lambda: limit(size=np.nan),
        "no size": lambda: limit(size=0.0),
        "an infinite size": lambda: limit(size=np.inf),
        "a negative delay": lambda: limit(delay_ns=-1),
        "a negative expiry": lambda: limit(expiry_ns=-1),
        "another kind": lambda: attrs.evolve(limit(), kind=[9]),
        "columns of unlike length": lambda: attrs.evolve(limit(), size=[1.0, 2.0]),
        "reasons in the orders": lambda: attrs.evolve(limit(), bid_reason=np.zeros(n)),
        "orders for other books": lambda: Orders.none(n + 3),
        "columns of words": lambda: attrs.evolve(limit(), price=["x"]),
        "a table": lambda: attrs.evolve(
            limit(), **{f.name: [getattr(limit(), f.name)] for f in attrs.fields(Orders)}
        ),
    }


#: Whether stages refuse to be made.
UNMADE: list[str] = []


@attrs.define
class HostileSignal(Stage):
    """Does one of `DEEDS` or `SCRIBBLES`, then gives zeros."""

    deed: str = option("nothing", help="what it does")

    def __attrs_post_init__(self) -> None:
        if UNMADE:
            sys.exit(UNMADE[0])

    def __call__(self, state: Any, signals: Any) -> Any:
        if self.deed in SCRIBBLES:
            SCRIBBLES[self.deed](state)
        elif self.deed != "gives another shape":
            DEEDS[self.deed]()
        return np.zeros(state.n_books + (self.deed == "gives another shape"))


@attrs.define
class HostileGate(Stage):
    """The same, of a gate."""

    deed: str = option("nothing", help="what it does")

    def __call__(self, state: Any, signals: Any) -> Any:
        if self.deed == "gives nothing":
            return None
        DEEDS[self.deed]()
        return Limits.open(state.n_books)


@attrs.define
class HostileBuilder(Stage):
    """The same, of a builder."""

    deed: str = option("nothing", help="what it does")

    def __call__(self, state: Any, signals: Any, limits: Any) -> Any:
        if self.deed == "gives nothing":
            return None
        if self.deed == "gives another shape":
            return Quotes.none(state.n_books + 1)
        if self.deed == "gives another reason":
            why = np.full(state.n_books, 999_999)
            return attrs.evolve(Quotes.none(state.n_books), bid_reason=why, ask_reason=-why)
        DEEDS[self.deed]()
        return Quotes.none(state.n_books)


@attrs.define
class HostilePlacer(Stage):
    """Gives one of `answers`, or does one of `DEEDS` first."""

    deed: str = option("nothing", help="what it does")
    group: Literal["deed", "answer"] = option("deed", help="which list the deed is in")

    news: tuple[News, ...] = memory(tuple)

    def __call__(self, state: Any, quotes: Any, limits: Any) -> Any:
        if self.deed == "tells another reason":
            why = np.full(state.n_books, 999_999)
            self.news = Unplaced.of(why, -why)
            return Orders.none(state.n_books)
        if self.group == "answer":
            return answers(state.n_books)[self.deed]()
        DEEDS[self.deed]()
        return Orders.none(state.n_books)

"""What a stage is.

A stage is a small attrs class: its fields are its options, `__call__` does the work on all books at once, and
whatever it remembers lives in fields made by `memory`, born new for each validator and simulation. No I/O, no
logging and no clock inside a stage.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, runtime_checkable

import attrs
import numpy as np

from obmm.market.arrays import FloatArray
from obmm.market.limits import Limits
from obmm.market.orders import Orders
from obmm.market.quotes import Quotes
from obmm.market.signals import Signals
from obmm.market.state import MarketState


class Feed(enum.Enum):
    """Parts of a state that are decoded only when a stage asks for them."""

    TAPE = "tape"
    QUEUE = "queue"


@runtime_checkable
class Signal(Protocol):
    """Turns a state into one number, or a few, per book: (B,) or (B, K)."""

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray: ...


@runtime_checkable
class Gate(Protocol):
    """Gives its own verdict on each book and says why; the strictest of all verdicts holds."""

    def __call__(self, state: MarketState, signals: Signals) -> Limits: ...


@runtime_checkable
class Builder(Protocol):
    """Decides where and how much to quote; never looks at open orders."""

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes: ...


@runtime_checkable
class Placer(Protocol):
    """The least instructions that lead from open orders to desired quotes; never looks at signals."""

    def __call__(self, state: MarketState, quotes: Quotes, limits: Limits) -> Orders: ...


class Stage:
    """Defaults shared by stages; a class needs nothing of it but `__call__`.

    Attributes:
        needs: Feeds and names of other signals it reads.
        warmup_s: Simulated seconds of data after which its output has settled.
        unit: Unit of its output, for people.
        source: Where its formula comes from, for people.
    """

    __slots__ = ()

    unit: ClassVar[str] = ""
    source: ClassVar[str] = ""

    @property
    def needs(self) -> frozenset[Feed | str]:
        """Feeds and names of other signals this stage reads."""
        return frozenset()

    @property
    def warmup_s(self) -> float:
        """Simulated seconds of data after which the output has settled."""
        return 0.0

    def reset(self) -> None:
        """Forget everything: every `memory` field takes its starting value again."""
        for name, start in _memories(type(self)).items():
            setattr(self, name, start())


def memory(start: Callable[[], Any] = lambda: None) -> Any:
    """A field in which a stage remembers something between states; `start` makes its first value.

    It is no option: not in the constructor, not compared, not shown.
    """
    return attrs.field(
        default=attrs.Factory(start),
        init=False,
        repr=False,
        eq=False,
        # Set anew with every state, and there is nothing to convert or validate.
        on_setattr=attrs.setters.NO_OP,
        metadata={"memory": start},
    )


def _memories(cls: type) -> dict[str, Callable[[], Any]]:
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return {f.name: f.metadata["memory"] for f in fields if "memory" in f.metadata}


def option(
    default: Any = attrs.NOTHING,
    *,
    help: str,
    unit: str = "",
    per_book: bool = False,
    low: float | None = None,
    high: float | None = None,
    **more: Any,
) -> Any:
    """A field that configurations may set, with the sentence and unit that `obmm stages` prints.

    With `per_book` its value may be one number or an array (B,), compared by content. A value below `low`,
    above `high`, or NaN where either is given, raises ValueError when the stage is made.

    >>> @attrs.define
    ... class Wide(Stage):
    ...     factor: float = option(1.5, help="Multiplies the spread", low=1.0)
    >>> Wide(0.5)
    Traceback (most recent call last):
    ValueError: factor must be at least 1, got 0.5
    """
    if per_book:
        more.setdefault("eq", attrs.cmp_using(eq=np.array_equal))
    if low is not None or high is not None:
        more.setdefault("validator", _within(low, high))
    metadata: dict[str, Any] = {"help": help, "unit": unit}
    if per_book:
        metadata["per_book"] = True
    return attrs.field(default=default, metadata=metadata, **more)


def _within(low: float | None, high: float | None) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    least, most = -np.inf if low is None else low, np.inf if high is None else high
    bounds = f"at least {least:g}" if high is None else f"in {least:g}…{most:g}"

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        values = np.asarray(value, dtype=np.float64)
        if not np.all((values >= least) & (values <= most)):
            raise ValueError(f"{attribute.name} must be {bounds}, got {value}")

    return check

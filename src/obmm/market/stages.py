"""What a stage is.

A stage is a small attrs class: its fields are its options, `__call__` does the work on all books at once, and
whatever it remembers lives in fields made by `memory`, born new for each validator and simulation. No I/O, no
logging and no clock inside a stage.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol, runtime_checkable

import attrs
import numpy as np

from obmm.market.arrays import BoolArray, FloatArray
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


@runtime_checkable
class Steerable(Protocol):
    """A stage, as a rule a gate, that obeys what a person orders while the agent runs."""

    def steer(self, orders: Mapping[str, BoolArray]) -> None:
        """Put orders in force instead of those before: books (B,) by mode, such as "reduce-only"."""


@runtime_checkable
class Lens(Protocol):
    """A gate through which all stages of a pipeline see the state, such as against what a position counts."""

    def through(self, state: MarketState) -> MarketState:
        """What the stages are given in place of `state`; of the same books, at the same time."""


class Stage:
    """Defaults shared by stages; a class needs nothing of it but `__call__`.

    A stage that has something to tell people keeps the `News` of its last call in a field of its own,
    `news: tuple[News, ...] = memory(tuple)`.

    Attributes:
        needs: Feeds and names of other signals it reads.
        warmup_s: Simulated seconds of data after which its output has settled.
        unit: Unit of its output, for people.
        source: Where its formula comes from, for people.
        only_trades: Of a tape it looks at nothing but the trades. If that holds of all stages that read it,
            live states have no other events.
    """

    __slots__ = ()

    unit: ClassVar[str] = ""
    source: ClassVar[str] = ""
    only_trades: ClassVar[bool] = False

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
    endless: bool = False,
    **more: Any,
) -> Any:
    """A field that configurations may set, with the sentence and unit that `obmm stages` prints.

    With `per_book` its value may be one number or an array (B,), compared by content. A number, or one in a
    list or table, that is below `low`, above `high` or not finite raises ValueError when the stage is made;
    without bounds those of the unit hold: a fraction lies in 0…1, and nobody means more than 10,000 bp,
    1,000 levels or three years. `endless` admits infinity, as does a default of infinity.

    >>> @attrs.define
    ... class Wide(Stage):
    ...     factor: float = option(1.5, help="Multiplies the spread", low=1.0)
    ...     share: float = option(0.5, help="Part of the wealth", unit="fraction")
    >>> Wide(0.5)
    Traceback (most recent call last):
    ValueError: factor must be at least 1, got 0.5
    >>> Wide(share=30)
    Traceback (most recent call last):
    ValueError: share must be in 0…1 (a fraction: 0.30 means 30 %), got 30
    """
    if per_book:
        more.setdefault("eq", attrs.cmp_using(eq=np.array_equal, require_same_type=False))
    endless = endless or (isinstance(default, float) and default == np.inf)
    given = more.pop("validator", [])
    least, most = _OF_UNIT.get(unit, _OF_ANY)
    bounds = (least if low is None else low, most if high is None else high)
    said = _bounded(bounds, high is not None, unit, endless)
    more["validator"] = [said, *(given if isinstance(given, list) else [given])]
    metadata: dict[str, Any] = {"help": help, "unit": unit, "bounds": bounds}
    if per_book:
        metadata["per_book"] = True
    return attrs.field(default=default, metadata=metadata, **more)


#: Least and greatest number of a unit, where an option does not say; the greatest keeps memory bounded.
_OF_UNIT = {
    "fraction": (0.0, 1.0),
    "levels": (0.0, 1000.0),
    "s": (-1e8, 1e8),
    "bp": (-1e4, 1e4),
    "ticks": (-1e9, 1e9),
    "base": (-1e9, 1e9),
}
_OF_ANY = (-1e12, 1e12)
_HINTS = {"fraction": " (a fraction: 0.30 means 30 %)"}


def _bounded(
    bounds: tuple[float, float], ends: bool, unit: str, endless: bool
) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    least, most = bounds
    bounded = ends or unit in _HINTS
    hint = _HINTS.get(unit, "")

    def check(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        numbers = _numbers(value)
        numbers = numbers[~np.isposinf(numbers)] if endless else numbers
        if np.all((numbers >= least) & (numbers <= most)):
            return
        if not np.isfinite(numbers).all():
            said = "a finite number"
        elif bounded:
            said = f"in {least:g}…{most:g}"
        else:
            said = f"at most {most:g}" if np.any(numbers > most) else f"at least {least:g}"
        raise ValueError(f"{attribute.name} must be {said}{hint}, got {value}")

    return check


def _numbers(value: Any) -> FloatArray:
    """All numbers of an option; none of a text or a flag."""
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "iuf":
        return np.asarray(value, dtype=np.float64).reshape(-1)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return np.array([_float(value)])
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)) and value:
        return np.concatenate([_numbers(item) for item in value])
    return np.zeros(0)


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf

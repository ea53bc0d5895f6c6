"""Running a stage of any group over a history, and comparing what came out."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import Feed, FloatArray, Limits, Orders, Quotes, Signal
from obmm.market.layout import columns_of
from obmm.market.news import news_of
from obmm.settings.registry import GROUPS, registered
from obmm.testing._scenes import Scene, Step, stand_in, steps, supporting

Output: TypeAlias = FloatArray | Limits | Quotes | Orders
Rows: TypeAlias = dict[str, npt.NDArray[Any]]


class ContractError(AssertionError):
    """A stage breaks its contract; the message says where and how."""


@attrs.frozen(slots=False)
class Trial:
    """A stage under test.

    Attributes:
        make: Makes a new instance: the class, or a function that gives it options.
        group: "signals", "gates", "builders" or "placers".
        signals: What makes the signals that it may read, by name.
    """

    make: Callable[[], Any]
    group: str
    signals: Mapping[str, Callable[[], Signal]] = attrs.field(factory=dict)

    def needs(self) -> frozenset[Feed | str]:
        """What the stage declares, checked for the ways to get it wrong."""
        needs: frozenset[Any] = getattr(self.make(), "needs", frozenset())
        if isinstance(needs, str) or not all(isinstance(need, (str, Feed)) for need in needs):
            raise ContractError(f"needs must be a set of Feed members and signal names, got {needs!r}")
        return frozenset(needs)

    def warmup_s(self) -> float:
        """Seconds after which the stage says that it has settled."""
        warmup = float(getattr(self.make(), "warmup_s", 0.0))
        if not 0.0 <= warmup < np.inf:
            raise ContractError(f"warmup_s must be a finite number of seconds, got {warmup}")
        return warmup

    @property
    def across_books(self) -> bool:
        """Whether one book's data may change another's output: so says the stage, or a signal it reads."""
        read = supporting(self.needs(), dict(self._sources)).values()
        return any(getattr(stage, "across_books", False) for stage in (self.make(), *read))

    def scene(self, **changes: Any) -> Scene:
        """A history long enough to outlast the stage's warm-up, 40 states by default."""
        interval_s = max(1, math.ceil(self.warmup_s() / 35.0))
        return Scene(needs=self.needs(), interval_s=interval_s, sources=self._sources, **changes)

    @functools.cached_property
    def _sources(self) -> tuple[tuple[str, Callable[[], Signal]], ...]:
        """The given signals; a name that is none of them nor registered gets one of its option's kind."""
        stage, known = self.make(), {*self.signals, *registered("signals")}
        unknown = sorted(need for need in self.needs() if isinstance(need, str) and need not in known)
        options = attrs.fields(type(stage)) if unknown and attrs.has(type(stage)) else ()
        role = {getattr(stage, f.name): f.name for f in options if isinstance(getattr(stage, f.name), str)}
        made = {name: functools.partial(stand_in, role.get(name, name)) for name in unknown}
        return (*self.signals.items(), *made.items())

    @functools.cached_property
    def plain(self) -> list[Output]:
        """Outputs over the plain history, to compare others with."""
        return self.run(self.scene())

    def run(self, scene: Scene) -> list[Output]:
        """Outputs of a new instance over a history."""
        return self.feed(self.make(), steps(scene))

    def feed(self, stage: Any, history: Sequence[Step]) -> list[Output]:
        """Outputs of `stage` over a history."""
        return [self.call(stage, step) for step in history]

    def call(self, stage: Any, step: Step) -> Output:
        """One call, its output checked for type and shape."""
        state, signals = step.state, step.signals
        output: Output
        if self.group in ("signals", "gates"):
            output = stage(state, signals)
        else:
            limits = step.limits.enforced(state.accounts.position)
            wish = signals if self.group == "builders" else step.quotes
            output = stage(state, wish, limits)
        _check_form(self.group, output, step.state.n_books)
        for told in news_of(stage):
            if told.books.shape != (state.n_books,):
                shape = f"{told.books.shape}, expected ({state.n_books},)"
                raise ContractError(f"the books of {type(told).__name__}, which it tells, have shape {shape}")
        return output


def _check_form(group: str, output: Output, n_books: int) -> None:
    wanted = {"signals": np.ndarray, "gates": Limits, "builders": Quotes, "placers": Orders}[group]
    if not isinstance(output, wanted):
        hint = "; a gate annotates its result as Limits" if isinstance(output, Limits) else ""
        raise ContractError(f"the output is a {type(output).__name__}, expected {wanted.__name__}{hint}")
    if isinstance(output, np.ndarray):
        if output.ndim not in (1, 2) or output.shape[0] != n_books:
            raise ContractError(
                f"the output has shape {output.shape}, expected ({n_books},) or ({n_books}, K)"
            )
        if output.dtype != np.float64:
            raise ContractError(f"the output has dtype {output.dtype}, expected float64")
    elif isinstance(output, Orders):
        if output.n_books != n_books:
            raise ContractError(f"the output has {output.n_books} books, expected {n_books}")
        if not np.all((output.book >= 0) & (output.book < n_books)):
            raise ContractError(f"an instruction names a book outside 0…{n_books - 1}")
    elif output.n_books != n_books:
        raise ContractError(f"the output has {output.n_books} books, expected {n_books}")


def group_of(cls: Any) -> str:
    """The group a class is registered in, or that its `__call__` belongs to by its arguments and result.

    Signals and gates take the same arguments: a gate annotates its result as `Limits`.

    Raises:
        LookupError: Neither tells.

    >>> from obmm.signals import Mid
    >>> group_of(Mid)
    'signals'
    """
    for group in GROUPS:
        if any(found is cls for found in registered(group).values()):
            return group
    called = inspect.signature(cls.__call__)
    names = tuple(called.parameters)[1:]
    result = called.return_annotation
    gives = result if isinstance(result, str) else getattr(result, "__name__", "")
    if names == ("state", "signals"):
        return "gates" if gives == "Limits" else "signals"
    if names == ("state", "signals", "limits") and gives != "Limits":
        return "builders"
    if names == ("state", "quotes", "limits"):
        return "placers"
    raise LookupError(
        f"cannot tell what kind of stage {cls!r} is: register it with one of the decorators "
        "signal, gate, builder, placer, or name the group"
    )


def rows(output: Output) -> Rows:
    """The arrays of an output by name."""
    if isinstance(output, np.ndarray):
        return {"value": output}
    return columns_of(output)


def of_book(output: Output, book: int) -> Rows:
    """What an output says about one book.

    Of orders, numbers that only tell them apart or rank them are left out: these may depend on other books.
    """
    if not isinstance(output, Orders):
        return {name: array[book] for name, array in rows(output).items()}
    mine = output.book == book
    return {name: array[mine] for name, array in rows(output).items() if name not in _NOT_OF_BOOK}


_NOT_OF_BOOK = ("book", "client_id", "urgency")


def expect_same(expected: Rows, actual: Rows, where: str, *, exactly: bool = True) -> None:
    """Raise ContractError unless both are equal; not `exactly` means up to rounding.

    >>> expect_same({"value": np.array([1.0])}, {"value": np.array([2.0])}, "in state 3")
    Traceback (most recent call last):
    obmm.testing._trial.ContractError: value differs in state 3: expected [1.0], got [2.0]
    """
    for name, wanted in expected.items():
        found = actual[name]
        if wanted.shape == found.shape and wanted.tobytes() == found.tobytes():
            continue  # Nearly always so, and a tenth of the time that comparing numbers takes.
        if exactly or wanted.dtype.kind != "f":
            same = np.array_equal(wanted, found, equal_nan=wanted.dtype.kind == "f")
        else:
            same = wanted.shape == found.shape and np.allclose(
                wanted, found, rtol=1e-9, atol=1e-12, equal_nan=True
            )
        if not same:
            raise ContractError(f"{name} differs {where}: expected {wanted.tolist()}, got {found.tolist()}")

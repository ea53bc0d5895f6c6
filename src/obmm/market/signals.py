"""What signals hand to gates and builders."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping

import attrs
import numpy as np

from obmm.market.arrays import FloatArray, PerBook, as_floats, column, sealed


@attrs.define(eq=False)
class Signals(Mapping[str, FloatArray]):
    """Signal values of one state by name, each (B,) or (B, K), computed once and read-only.

    Attributes:
        n_books: Number of books B.
        age_s: (B,) simulated seconds for which each book has been fed with good data.
        warmup_s: Seconds after which every signal of the pipeline has settled, (B,) where books differ.

    >>> signals = Signals(n_books=2)
    >>> signals.add("imbalance", np.array([0.5, -0.1]))
    >>> signals["imbalance"]
    array([ 0.5, -0.1])
    >>> signals["imbalnce"]
    Traceback (most recent call last):
    KeyError: "no signal 'imbalnce'; did you mean 'imbalance'?"
    """

    n_books: int
    age_s: FloatArray = column(
        as_floats, default=attrs.Factory(lambda self: np.full(self.n_books, np.inf), takes_self=True)
    )
    warmup_s: PerBook = 0.0
    _values: dict[str, FloatArray] = attrs.field(factory=dict, alias="values")
    _needs: frozenset[str] | None = attrs.field(default=None, alias="needs")

    def add(self, name: str, value: FloatArray) -> None:
        """Enter a signal.

        Raises:
            ValueError: The first axis is not the books.
        """
        array = sealed(as_floats(value))
        if array.ndim not in (1, 2) or array.shape[0] != self.n_books:
            raise ValueError(
                f"signal {name!r} has shape {array.shape}, expected ({self.n_books},) or (.., K)"
            )
        if self._needs is not None:
            # The values are those of all stages; what one of them adds is its own.
            self._values, self._needs = {**self._values}, self._needs | {name}
        self._values[name] = array

    def declared(self, needs: frozenset[str]) -> Signals:
        """What a stage that declares `needs` may read of these; the rest is refused, naming what is missing.

        >>> signals = Signals(n_books=1)
        >>> signals.add("mid", np.array([300.0]))
        >>> signals.declared(frozenset())["mid"]
        Traceback (most recent call last):
        KeyError: "signal 'mid' is read without being declared: add it to `needs`"
        """
        return Signals(self.n_books, self.age_s, self.warmup_s, self._values, needs)

    def scalar(self, name: str) -> FloatArray:
        """(B,) the signal, or its first column when it has several."""
        value = self[name]
        return value if value.ndim == 1 else value[:, 0]

    def __getitem__(self, name: str) -> FloatArray:
        if self._needs is not None and name not in self._needs:
            raise KeyError(f"signal {name!r} is read without being declared: add it to `needs`")
        try:
            return self._values[name]
        except KeyError:
            close = difflib.get_close_matches(name, self, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; there are {sorted(self)}"
            raise KeyError(f"no signal {name!r}{hint}") from None

    def __iter__(self) -> Iterator[str]:
        needs = self._needs
        return iter(self._values) if needs is None else (name for name in self._values if name in needs)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return f"Signals({self.n_books} books: {', '.join(self) or 'none'})"

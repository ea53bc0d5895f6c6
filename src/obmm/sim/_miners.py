"""What every miner of the books owns and did, the synthetic ones too."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import FloatArray, IntArray
from obmm.market.arrays import as_floats
from obmm.sim.exchange._layout import LOTS_PER_BASE, UNITS_PER_QUOTE

Rows = npt.NDArray[np.void]


@attrs.frozen(kw_only=True, eq=False)
class Miners:
    """Accounts of all miners of a market, arrays (U, B): the caller's first, then quoters, then takers.

    Attributes:
        base: Owned, reserved or not.
        quote: Owned, reserved or not.
        base_initial: The endowment.
        quote_initial: The endowment.
        turnover: Quote traded since the start.
        fees: Quote paid, rebates negative.
    """

    base: FloatArray
    quote: FloatArray
    base_initial: FloatArray
    quote_initial: FloatArray
    turnover: FloatArray
    fees: FloatArray

    @classmethod
    def of(cls, records: Sequence[Rows], count: int) -> Miners:
        """The first `count` accounts of books, given as records of dtype BOOK."""

        def column(name: str, unit: int) -> FloatArray:
            parts = [books["accounts"][name][:, :count] for books in records]
            return as_floats(np.concatenate(parts).T / unit)

        return cls(
            base=column("base_free", LOTS_PER_BASE) + column("base_reserved", LOTS_PER_BASE),
            quote=column("quote_free", UNITS_PER_QUOTE) + column("quote_reserved", UNITS_PER_QUOTE),
            base_initial=column("base_initial", LOTS_PER_BASE),
            quote_initial=column("quote_initial", UNITS_PER_QUOTE),
            turnover=column("turnover", UNITS_PER_QUOTE),
            fees=column("fees", UNITS_PER_QUOTE),
        )

    def pnl(self, mid: FloatArray) -> FloatArray:
        """(U, B) what trading earned against holding the endowment, fees included, at mids (B,)."""
        return (self.quote - self.quote_initial) + (self.base - self.base_initial) * mid

    def on(self, books: IntArray) -> Miners:
        """The same on some books, by position."""
        return Miners(**{f.name: getattr(self, f.name)[:, books] for f in attrs.fields(Miners)})

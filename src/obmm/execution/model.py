"""Quotes from a model of inventory risk and arriving orders."""

from __future__ import annotations

from typing import Literal

import attrs
import numpy as np

from obmm.execution.optimal import avellaneda_stoikov, cartea_jaimungal, glft, glft_exact
from obmm.execution.quoting import Quoting
from obmm.market import (
    Feed,
    FloatArray,
    IntArray,
    Limits,
    MarketState,
    PerBook,
    Quotes,
    Signals,
    memory,
    option,
)
from obmm.market.arrays import as_floats
from obmm.settings import builder

_FORMS = ("glft", "glft_exact", "avellaneda_stoikov", "cartea_jaimungal")
#: Parameters may move by this share before a table is computed anew.
_MOVED = 0.1


@builder("model")
@attrs.define(kw_only=True)
class ModelBuilder(Quoting):
    """One bid and one ask at the optimal distances of a model, in bp of the fair value.

    Orders arrive as A exp(-k d) per second and side at d bp (signal `arrivals`, calibrated per book), the
    fair value moves by sigma bp per √s (signal `volatility`), and the inventory q is the position in units of
    `size_base`, within ±`most`.

    * `glft`: Guéant, Lehalle and Fernandez-Tapia far from the horizon, closed form; the default
    * `glft_exact`: the same from the full system, `horizon_s` before the end
    * `avellaneda_stoikov`: with `horizon_s` always left
    * `cartea_jaimungal`: `risk` is the penalty on q² in bp per second; `adverse_bps` is what a fill moves the
      fair value against us, and comes on top

    A leading signal in ±1 moves the fair value by `signal_bps`. Until signals know, the defaults of the
    signals stand, so nothing waits for a calibration. The edge of all builders still holds.

    >>> from obmm.market import Venue
    >>> state = MarketState.of_books(Venue.of(1), [[(299.5, 9.0)]], [[(300.5, 9.0)]])
    >>> signals = Signals(n_books=1)
    >>> for name, value in (("arrivals", [[0.05, 0.1, 0.2]]), ("volatility", [1e-4])):
    ...     signals.add(name, np.array(value))
    >>> quotes = ModelBuilder(size_base=1.0)(state, signals, Limits.open(1))
    >>> quotes.bid_price.round(2), quotes.ask_price.round(2)
    (array([[299.69]]), array([[300.31]]))
    """

    form: Literal["glft", "glft_exact", "avellaneda_stoikov", "cartea_jaimungal"] = option(
        "glft", help="The model", validator=attrs.validators.in_(_FORMS)
    )
    risk: PerBook = option(
        0.01, help="Risk aversion, or the running penalty", unit="1/bp", per_book=True, low=1e-9
    )
    horizon_s: float = option(600.0, help="Seconds to the horizon", unit="s", low=1.0, high=1e5)
    most: int = option(10, help="Largest inventory that the model knows", unit="orders", low=1, high=50)
    adverse_bps: float = option(
        0.0, help="What a fill moves the fair value against us (cartea_jaimungal)", unit="bp", low=0.0
    )
    fair: str = option("", help="Signal of the fair value; empty: the middle of the competing touch")
    arrivals: str = option("arrivals", help="Signal of the arrivals: A per s and side, k per bp")
    volatility: str = option("volatility", help="Signal of the volatility, log return per √s")
    signal: str = option("", help="Signal in ±1 that leads; empty: none")
    signal_bps: PerBook = option(
        0.0, help="Shift of the fair value per unit of signal", unit="bp", per_book=True
    )
    _fitted: FloatArray | None = memory()
    _table: FloatArray = memory()

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.fair, self.arrivals, self.volatility, self.signal, self.maker_rate} - {""})

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        fair = signals.scalar(self.fair) if self.fair else state.competing_touch.mean(axis=0)
        if self.signal:
            lean = np.nan_to_num(np.clip(signals.scalar(self.signal), -1.0, 1.0))
            fair = fair * (1.0 + self.signal_bps / 1e4 * lean)
        known = signals[self.arrivals]
        a, k = (known[:, 0], known[:, 1]) if known.ndim == 2 else (known, known)
        sigma_bps = 1e4 * signals.scalar(self.volatility)
        unit = np.maximum(np.broadcast_to(as_floats(self.size_base), a.shape), state.venue.least_base)
        q = np.clip(state.accounts.position / unit, -self.most, self.most)
        bps = self._distances(q, as_floats(np.broadcast_to(self.risk, a.shape)), sigma_bps, a, k)
        bps = np.where(np.isfinite(bps), bps, np.nan)
        distance = fair * bps / 1e4 * self.widening(state, limits)
        return self.around(state, fair, distance, self.size_base, self.rate(state, signals))

    def _distances(
        self, q: FloatArray, risk: FloatArray, sigma: FloatArray, a: FloatArray, k: FloatArray
    ) -> FloatArray:
        """(2, B) bp; infinite on the side that would pass what the model knows."""
        if self.form == "glft":
            return glft(q, gamma=risk, sigma=sigma, a=a, k=k)
        if self.form == "avellaneda_stoikov":
            return avellaneda_stoikov(q, gamma=risk, sigma=sigma, k=k, left_s=self.horizon_s)[0]
        self._refit(np.column_stack([risk, sigma, a, k]))
        # A position that is not known has no distance.
        low = np.clip(np.floor(np.nan_to_num(q)), -self.most, self.most - 1).astype(np.int64)
        share, book = q - low, np.arange(q.size)
        above = np.where(share > 0.0, self._at(book, low + 1) * share, 0.0)
        return as_floats(np.where(share < 1.0, self._at(book, low) * (1.0 - share), 0.0) + above + 0.0 * q)

    def _at(self, book: IntArray, q: IntArray) -> FloatArray:
        value: FloatArray = self._table[:, book, q + self.most]
        return value

    def _refit(self, parameters: FloatArray) -> None:
        """Compute the tables of books whose parameters (B, 4) have moved, or are new."""
        if self._fitted is None:
            self._fitted = np.full(parameters.shape, np.nan)
            self._table = np.full((2, len(parameters), 2 * self.most + 1), np.nan)
        near = np.abs(parameters - self._fitted) <= _MOVED * np.abs(self._fitted)
        books = np.flatnonzero(~near.all(axis=1) & (parameters > 0.0).all(axis=1))
        if not books.size:
            return
        risk, sigma, a, k = parameters[books].T
        if self.form == "glft_exact":
            table = glft_exact(gamma=risk, sigma=sigma, a=a, k=k, most=self.most, left_s=self.horizon_s)
        else:
            table = cartea_jaimungal(
                buys=a,
                sells=a,
                k=k,
                running=risk,
                terminal=0.0,
                most=self.most,
                left_s=self.horizon_s,
                adverse=self.adverse_bps,
            )
        self._table[:, books], self._fitted[books] = table, parameters[books]

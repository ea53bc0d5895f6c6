"""What a unit of turnover has to earn, so that the cap is spent where most is earned."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from obmm.market import Feed, FloatArray, MarketState, PerBook, Signals, Stage, memory, option
from obmm.market.arrays import zero_for_nan
from obmm.market.turnover import DAY_S, SLOTS, filled_quote, roll, slot_of
from obmm.settings import signal


@signal("volume_price")
@attrs.define
class VolumePrice(Stage):
    """Maker and taker rate plus the price of a unit of turnover, which is set so that the budget lasts.

    The venue caps turnover per book and day. To spend a budget B over hours in which different edges are to
    be had, every unit whose edge exceeds one price is worth its turnover and no other is: the same for all
    hours left, like water that stands level. The price that just spends the budget is found as one goes,

        price <- price + step_bps_per_h x hours passed x (pace / even pace - 1), within 0 ... most_bps

    with the pace of own turnover over about `tau_s`, and the even pace that of what is left of B = (1 -
    reserve_share) x cap over what is left of the first day, or of the simulation if it ends before; later
    over an hour. The last factor is held within ±1. A builder that reads this signal as its `maker_rate` or
    `taker_rate` asks for the price on top of its edge, so that a busy or dear hour is used and a poor one
    left out, which an even pace cannot. Books have caps of their own, hence prices of their own.

    Returns (B, 4): maker and taker rate with the price, fractions of notional; the price in bp; and the
    share of the budget that is spent. The rates are those of `rates` where it is named and known, else the
    account's; NaN where no account is known.

    >>> from obmm.market import Accounts, Venue
    >>> accounts = Accounts.of(1, maker_rate=-0.0004, taker_rate=0.0006)
    >>> state = MarketState.of_books(Venue.of(1), [[]], [[]], accounts=accounts)
    >>> VolumePrice(start_bps=2.0)(state, Signals(n_books=1)).round(6).tolist()
    [[-0.0002, 0.0008, 2.0, 0.0]]
    """

    unit: ClassVar[str] = "fraction of notional; fraction of notional; bp; share"
    source: ClassVar[str] = "water-filling by its dual: one price of a scarce good, adjusted by its use"

    reserve_share: PerBook = option(
        0.1, help="Share of the cap kept for closing", unit="fraction", per_book=True, low=0.0, high=1.0
    )
    start_bps: PerBook = option(8.0, help="Price at the start", unit="bp", per_book=True, low=0.0)
    step_bps_per_h: PerBook = option(
        10.0,
        help="Change of the price in an hour at twice the even pace",
        unit="bp/h",
        per_book=True,
        low=0.0,
    )
    most_bps: PerBook = option(20.0, help="Largest price", unit="bp", per_book=True, low=0.0)
    tau_s: float = option(900.0, help="Time over which the pace is measured", unit="s", low=1.0)
    rates: str = option("", help="Signal of maker and taker rate; empty: the account's")
    _price: FloatArray | None = memory()
    _pace: FloatArray = memory()
    _slots: FloatArray = memory()
    _slot: int = memory(int)
    _last_ns: int = memory(lambda: -1)

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset({self.rates} - {""})

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        n, venue, accounts = state.n_books, state.venue, state.accounts
        if self._price is None:
            self._price, self._pace = np.broadcast_to(self.start_bps, (n,)) + 0.0, np.zeros(n)
            self._slots, self._slot = np.zeros((SLOTS, n)), slot_of(state)
        gap_s = 0.0 if self._last_ns < 0 else max(state.time_ns - self._last_ns, 0) / 1e9
        if state.time_ns > self._last_ns:
            self._count(state, gap_s)
        budget = (1.0 - np.asarray(self.reserve_share)) * venue.turnover_cap_quote
        spent = np.fmax(zero_for_nan(accounts.traded_quote), self._slots.sum(axis=0))
        left = np.maximum(budget - spent, 0.0)
        even = np.maximum(left / self._left_s(state), 1e-9)
        change = (
            np.clip(self._pace / even - 1.0, -1.0, 1.0) * np.asarray(self.step_bps_per_h) * gap_s / 3600.0
        )
        self._price = np.clip(self._price + change, 0.0, self.most_bps)
        rates = np.array([accounts.maker_rate, accounts.taker_rate])
        if self.rates:
            told = signals[self.rates]
            told = told[:, :2].T if told.ndim == 2 else np.array([told, rates[1]])
            rates = np.where(np.isnan(told), rates, told)
        rates = np.where(accounts.known, rates + self._price / 1e4, np.nan)
        return np.column_stack([*rates, self._price, np.minimum(spent / np.maximum(budget, 1e-9), 1.0)])

    def _count(self, state: MarketState, gap_s: float) -> None:
        """Enter the fills of this state, and let the slots of a day ago go."""
        slot = slot_of(state)
        if slot > self._slot:
            roll(self._slots, self._slot, slot)
            self._slot = slot
        self._pace = self._pace * np.exp(-gap_s / self.tau_s)
        fresh = filled_quote(state)
        if fresh is not None:
            self._slots[self._slot % SLOTS] += fresh
            self._pace = self._pace + fresh / self.tau_s
        self._last_ns = state.time_ns

    def _left_s(self, state: MarketState) -> float:
        """Seconds over which what is left of the budget should last."""
        now_s = state.time_ns / 1e9
        ends = state.venue.duration_ns / 1e9
        end_s = min(DAY_S, ends) if ends > 0.0 else DAY_S
        return max(end_s - now_s, 3600.0)

"""One book of a recording, with the gaps that a recording leaves."""

from __future__ import annotations

from typing import Literal, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market import FloatArray, IntArray, MarketState, Tape
from obmm.sim.exchange._accounts import open_account
from obmm.sim.exchange._layout import FAR_TICK, LOTS_PER_BASE, TAPE_TRADE, TICKS_PER_QUOTE, UNITS_PER_QUOTE
from obmm.sim.exchange._setup import make_book
from obmm.sim.recorded._flow import FLOW_ORDER, NAMELESS
from obmm.sim.recorded._playing import DIFFERENCE, EVENT_ROW, forget_flow, play, reconcile

Rows: TypeAlias = npt.NDArray[np.void]
Reason: TypeAlias = Literal["came into view", "borrowed volume", "unexplained"]

#: Ids of own orders begin here, far from those of a recording.
FIRST_OWN_ID = 1 << 31
#: Account slot of the own orders, and the published id of whoever owns an order that never traded.
OWN = 0
EXCHANGE = -2

#: Differences told per state and book; more than levels can change in a second.
_MOST_REPORTED = 1024


@attrs.frozen
class Difference:
    """A level at which a recorded snapshot and the book rebuilt from the events differ.

    Attributes:
        time_ns: Simulated time of the snapshot.
        book: Book index.
        side: 0 bid, 1 ask.
        price: Of the level, quote.
        recorded: Size in the snapshot, base; 0 where it shows no such level.
        rebuilt: Size by the events, base.
        reason: "came into view" if nothing was known of the level; "borrowed volume" if it holds, or held,
            what leverage adds to an order; else "unexplained".
    """

    time_ns: int
    book: int
    side: int
    price: float
    recorded: float
    rebuilt: float
    reason: Reason


@attrs.define
class RecordedBook:
    """A recorded book with own orders in it; `obmm.sim.recorded._playing.play` says what its arrays hold."""

    index: int
    record: Rows
    flow: Rows = attrs.field(init=False)
    recorded: IntArray = attrs.field(init=False)
    nameless: Rows = attrs.field(init=False)
    worst: IntArray = attrs.field(init=False)
    borrowed: set[tuple[int, int]] = attrs.field(init=False, factory=set)

    def __attrs_post_init__(self) -> None:
        self.flow = _unknown_orders(1 << 12)
        self.recorded = np.zeros((2, FAR_TICK), dtype=np.int64)
        self.nameless = np.zeros((2, FAR_TICK), dtype=NAMELESS)
        self.worst = np.zeros(2, dtype=np.int64)

    @classmethod
    def opened(cls, first: MarketState, index: int, seed: int, *, keeps_tape: bool) -> RecordedBook:
        """Book `index` at the first state, its account endowed with what it owned then.

        Raises:
            ValueError: The grid is not that of the exchange.
        """
        venue, accounts = first.venue, first.accounts
        if (venue.price_decimals[index], venue.volume_decimals[index]) != (2, 4):
            raise ValueError("only recordings with 2 price and 4 volume decimals can be replayed")
        record = make_book(
            index=index,
            seed=seed,
            n_miners=1,
            min_lots=int(venue.min_lots[index]),
            max_open_orders=venue.max_open_orders,
            fees=venue.fees,
            exogenous_fees=True,
        )
        half = venue.wealth_quote[index] / 2.0
        owned = initial = (half / venue.initial_price[index], half)
        if accounts.known[index]:
            owned = accounts.base_total[index], accounts.quote_total[index]
            initial = accounts.base_initial[index], accounts.quote_initial[index]
        b = record[0]
        open_account(b, OWN, *_units(*owned))
        account = b["accounts"][OWN]
        account["base_initial"], account["quote_initial"] = _units(*initial)
        account["watched"] = 1
        b["now_ns"], b["last_order_id"], b["tape_on"] = first.time_ns, FIRST_OWN_ID, keeps_tape
        return cls(index, record)

    def play(self, events: Rows, tape: Tape, until_ns: int) -> None:
        """Play the recorded events of this book up to `until_ns`.

        Args:
            events: What `events_of` made of the tape.
            tape: The tape itself.
            until_ns: End of the interval.

        Raises:
            ValueError: An order id is too large.
        """
        rows = tape.rows(self.index)
        mine = events[rows]
        top = int(max(mine["order_id"].max(initial=0), mine["taker_order_id"].max(initial=0)))
        if top >= FIRST_OWN_ID:
            raise ValueError(f"order id {top} is too large to be replayed")
        if top >= self.flow.size:
            self.flow = np.concatenate([self.flow, _unknown_orders(top + 1)])
        traded = mine["kind"] == TAPE_TRADE
        self.flow["owner"][mine["order_id"][traded]] = tape.maker_id[rows][traded]
        self.flow["owner"][mine["taker_order_id"][traded]] = tape.taker_id[rows][traded]
        play(self.record, mine, self.flow, self.recorded, self.nameless, until_ns)

    def forget(self, until_ns: int) -> None:
        """Events up to `until_ns` are missing: only own orders stay."""
        forget_flow(self.record, self.flow, self.recorded, self.nameless, self.worst)
        play(self.record, np.zeros(0, dtype=EVENT_ROW), self.flow, self.recorded, self.nameless, until_ns)

    def follow(self, state: MarketState, maker_ratio: float) -> list[Difference]:
        """Hold the book against a recorded state and follow it; the levels at which they differ."""
        price = np.array((state.bid_price[self.index], state.ask_price[self.index]))
        ticks = np.rint(np.nan_to_num(price) * TICKS_PER_QUOTE).astype(np.int64)
        exact = np.array((state.bid_size[self.index], state.ask_size[self.index])) * LOTS_PER_BASE
        lots = np.rint(exact).astype(np.int64)
        # Only borrowed volume lies off the grid of lots.
        off_grid = np.abs(exact - lots) > 1e-3
        if off_grid.any():
            sides, levels = np.nonzero(off_grid)
            self.borrowed.update(zip(sides.tolist(), ticks[sides, levels].tolist(), strict=True))
        anew = not self.worst.any()
        out = np.empty(_MOST_REPORTED, dtype=DIFFERENCE)
        count = reconcile(
            self.record, ticks, lots, off_grid, self.worst, self.recorded, self.nameless, maker_ratio, out
        )
        if anew:
            return []
        return [self._difference(state.time_ns, *row) for row in out[:count].tolist()]

    def show_lent(self, prices: FloatArray, sizes: FloatArray) -> None:
        """Add what leverage lends to the levels of this book to a published snapshot, both (2, L)."""
        if not self.borrowed:
            return
        ticks = np.rint(np.nan_to_num(prices) * TICKS_PER_QUOTE).astype(np.int64)
        near = np.minimum(ticks, FAR_TICK - 1)
        for side in range(2):
            lent = np.where(ticks[side] == near[side], self.nameless["lent"][side, near[side]], 0)
            sizes[side] += lent / LOTS_PER_BASE

    def owners(self, rows: Rows, uid: int) -> Rows:
        """Rows of the exchange's tape with the recorded owners of orders and `uid` for the own ones.

        Where the recording has orders of `uid` itself they are shown as the exchange's.
        """
        traded = rows["kind"] == TAPE_TRADE
        for name, order in (("maker_id", "order_id"), ("taker_id", "taker_order_id")):
            ids = rows[order]
            named = traded & (ids > 0) & (ids < self.flow.size)
            owner = self.flow["owner"][ids[named]]
            rows[name][named] = np.where(owner == uid, EXCHANGE, owner)
            rows[name][traded & (ids >= FIRST_OWN_ID)] = uid
        return rows

    def _difference(
        self, time_ns: int, side: int, tick: int, recorded: int, rebuilt: int, known: int
    ) -> Difference:
        reason: Reason = "unexplained" if known else "came into view"
        if (side, tick) in self.borrowed:
            reason = "borrowed volume"
        price = tick / TICKS_PER_QUOTE
        sizes = recorded / LOTS_PER_BASE, rebuilt / LOTS_PER_BASE
        return Difference(time_ns, self.index, side, price, *sizes, reason)


def events_of(tape: Tape) -> Rows:
    """The recorded events of all books in whole ticks and lots."""
    rows = np.zeros(len(tape), dtype=EVENT_ROW)
    for name in ("kind", "time_ns", "side", "order_id", "taker_order_id", "client_id"):
        rows[name] = getattr(tape, name)
    rows["tick"] = np.rint(np.nan_to_num(tape.price) * TICKS_PER_QUOTE)
    rows["lots"] = np.rint(tape.size * LOTS_PER_BASE)
    return rows


def maker_ratios(state: MarketState) -> FloatArray:
    """(B,) maker share of a state, the policy's target where it is not told."""
    known = np.isfinite(state.maker_ratio)
    return np.where(known, state.maker_ratio, state.venue.fees.target_mtr)


def _units(base: float, quote: float) -> tuple[int, int]:
    return round(base * LOTS_PER_BASE), round(quote * UNITS_PER_QUOTE)


def _unknown_orders(n: int) -> Rows:
    """Room for `n` recorded orders, of nobody as long as they do not trade."""
    rows = np.zeros(n, dtype=FLOW_ORDER)
    rows["owner"] = EXCHANGE
    return rows

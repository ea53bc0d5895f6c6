"""The figures of a running agent at one moment: what metrics, dashboard and alerts look at."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray
from obmm.market.arrays import as_floats

#: Horizons of the markout curve, seconds after the fill, and the one at which a fill counts as won or lost.
MARKOUT_S = (0, 1, 5, 10, 30, 60, 120, 300)
WIN_S = 60

_DAY_NS = 86_400 * 10**9


@attrs.frozen(kw_only=True)
class NewsItem:
    """Something that a stage told.

    Attributes:
        time_s: Simulated seconds.
        pipeline: Whose stage.
        level: How loud, a level of `logging`.
        event: What, in a few words.
        books: Ids of the books concerned.
        details: The other values.
    """

    time_s: float
    pipeline: str
    level: int
    event: str
    books: tuple[int, ...]
    details: dict[str, Any]


@attrs.frozen(kw_only=True, eq=False)
class Fills:
    """The newest own fills; all arrays (N,) but `markout_bps`.

    Attributes:
        book: Id of the book.
        side: 0 bought, 1 sold.
        maker: Whether our order rested.
        price: Quote.
        size: Base.
        fee: Quote paid, negative for a rebate.
        time_ns: Simulated time.
        markout_bps: (N, H) signed move of the mid from the fill's price to each of `MARKOUT_S` later, in
            basis points of the price; NaN where it is not known yet.
    """

    book: IntArray
    side: IntArray
    maker: BoolArray
    price: FloatArray
    size: FloatArray
    fee: FloatArray
    time_ns: IntArray
    markout_bps: FloatArray


@attrs.frozen(kw_only=True, eq=False)
class Score:
    """The score of the era and the field, as far as one miner's states tell.

    Attributes:
        era: Whose rules.
        mechanism: What these pay: "sharpe", "kappa" or "debeta".
        uid: Our number.
        since_ns: Simulated time of the first state that counts.
        time_ns: Of the newest.
        total: Our score, NaN if there is none yet.
        missing: Why there is none, "" if there is one.
        own: Our figures by name.
        columns: Names of the figures of the field, the score first.
        uids: (N,) the field, best first, as far as it is known.
        values: (N, C) its figures.
        notes: What is an estimate, and why.
    """

    era: str
    mechanism: str
    uid: int
    since_ns: int
    time_ns: int
    total: float
    missing: str
    own: dict[str, float]
    columns: tuple[str, ...]
    uids: IntArray
    values: FloatArray
    notes: tuple[str, ...]

    @property
    def place(self) -> int | None:
        """Our place in the field, 1 for the best; None if we are not in it."""
        at = np.flatnonzero(self.uids == self.uid)
        return int(at[0]) + 1 if at.size else None


@attrs.frozen(kw_only=True, eq=False)
class Validator:
    """What one sender asked for and how it was answered.

    Attributes:
        sender: Its verified name, "" where there is none.
        heard_ns: Wall clock of its newest request.
        answered: Requests, whatever became of them.
        without_orders: Of these by the reason why the answer held no orders: "deadline", "dropped",
            "undecodable", "failed", "leaving".
        respond_ms: (N,) times of its newest answers, oldest first.
        respond_counts: (K+1,) answers so far by time, at most each of `RESPOND_MS` and above them all.
        respond_sum_ms: All times together.
    """

    sender: str
    heard_ns: int
    answered: int
    without_orders: dict[str, int]
    respond_ms: FloatArray
    respond_counts: IntArray
    respond_sum_ms: float

    def quantile_ms(self, q: float) -> float:
        """A quantile of the times of its newest answers, NaN without any."""
        return float(np.quantile(self.respond_ms, q)) if self.respond_ms.size else np.nan


#: Upper bounds of the counts of response times, milliseconds.
RESPOND_MS = (1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0)


@attrs.frozen(kw_only=True, eq=False)
class Simulation:
    """One simulation of one validator since it was first seen; arrays are (B,) unless they say otherwise.

    Money is quote. P&L is told as in the summary of a run: `pnl` is what trading earned against holding what
    the account had at the first state, fees included, `pnl_endowment` what that itself gained or lost.

    Attributes:
        validator: Whose; "" in a market of our own.
        simulation_id: Which.
        uid: Our number.
        config_hash: Hash of the configuration that decided last.
        book_ids: Ids of the books.
        pipeline: Name of the pipeline that runs each book, "" where none decided yet.
        heard_ns: Wall clock of the newest state.
        began_ns: Simulated time of the first state that was seen.
        time_ns: Simulated time of the newest.
        interval_ns: Simulated time between two states.
        states: States seen, late ones left out.
        missed: States that never came.
        late: States that came late or twice.
        capital: Worth of the endowment at the initial price.
        pnl: What trading earned.
        pnl_endowment: What the endowment earned.
        parts: Where `pnl` comes from: `spread`, `first_minute`, `one_to_five_minutes`, `held_longer` and
            `fees_and_rebates`; they sum to `pnl`.
        drawdown: Highest `pnl` so far (0 at the start) less the present one.
        max_drawdown: The largest there was.
        total_drawdown: The same of all books together, present.
        total_max_drawdown: The largest there was.
        bid: Best bid, NaN where there is none.
        ask: Best ask.
        mid: Middle, the last one known.
        own_bid: Own best resting bid, NaN where there is none.
        own_ask: Own best resting ask.
        open_orders: Own resting orders.
        position: Inventory against the endowment of the venue, base.
        position_limit: What the gates allow, base; inf where none does.
        maker_ratio: Maker share of the miners' volume, NaN if not told.
        maker_rate: Fee rate of makers, a fraction of notional.
        taker_rate: Fee rate of takers.
        bid_reason: `Reason` why no bid is wanted or standing, 0 if nothing speaks against it.
        ask_reason: The same for asks.
        closed: (2, B) states in which the bid and the ask were kept closed.
        quiet_because: Reason → how many sides it kept closed so far, over all states and books.
        fills: Own fills.
        fees: Fees paid on them, negative for rebates.
        traded_quote: Volume of the fills.
        maker_quote: Of this where our order rested.
        day_quote: Volume of the last day: the larger of what the venue tells and of our own count.
        cap_quote: Volume per day at which the venue lets only cancels pass; inf for none.
        instructions: Sent so far.
        posted: Limit orders among them.
        orders_traded: Orders that traded at least in part.
        rejects: Instructions refused by the venue.
        rejects_because: The venue's word → how many.
        won: Fills whose markout after `WIN_S` is above 0.
        judged: Fills that are old enough to tell.
        markout_sum_bps: (H, B) sums of the markouts known, at each of `MARKOUT_S`.
        markout_count: (H, B) how many are known.
        faults: Pipeline → states on which it failed.
        last_fault: The newest fault in words, "" if there was none.
        news: The newest news, oldest first.
        news_count: (pipeline, event) → how many there were.
        recent: The newest own fills.
    """

    validator: str
    simulation_id: str
    uid: int
    config_hash: str
    book_ids: IntArray
    pipeline: tuple[str, ...]
    heard_ns: int
    began_ns: int
    time_ns: int
    interval_ns: int
    states: int
    missed: int
    late: int
    capital: FloatArray
    pnl: FloatArray
    pnl_endowment: FloatArray
    parts: dict[str, FloatArray]
    drawdown: FloatArray
    max_drawdown: FloatArray
    total_drawdown: float
    total_max_drawdown: float
    bid: FloatArray
    ask: FloatArray
    mid: FloatArray
    own_bid: FloatArray
    own_ask: FloatArray
    open_orders: IntArray
    position: FloatArray
    position_limit: FloatArray
    maker_ratio: FloatArray
    maker_rate: FloatArray
    taker_rate: FloatArray
    bid_reason: IntArray
    ask_reason: IntArray
    closed: IntArray
    quiet_because: dict[str, int]
    fills: IntArray
    fees: FloatArray
    traded_quote: FloatArray
    maker_quote: FloatArray
    day_quote: FloatArray
    cap_quote: FloatArray
    instructions: IntArray
    posted: IntArray
    orders_traded: IntArray
    rejects: IntArray
    rejects_because: dict[str, int]
    won: IntArray
    judged: IntArray
    markout_sum_bps: FloatArray
    markout_count: IntArray
    faults: dict[str, int]
    last_fault: str
    news: tuple[NewsItem, ...]
    news_count: dict[tuple[str, str], int]
    recent: Fills

    @property
    def key(self) -> tuple[str, str]:
        """Validator and simulation."""
        return self.validator, self.simulation_id

    @property
    def n_books(self) -> int:
        """Number of books B."""
        return int(self.book_ids.size)

    @property
    def hours(self) -> float:
        """Simulated hours since the first state."""
        return (self.time_ns - self.began_ns) / 3.6e12

    @property
    def limit_share(self) -> FloatArray:
        """(B,) signed position as a share of the limit, NaN where no gate sets one."""
        known = np.isfinite(self.position_limit) & (self.position_limit > 0.0)
        return as_floats(
            np.divide(self.position, self.position_limit, out=np.full(known.shape, np.nan), where=known)
        )

    @property
    def pace_quote(self) -> FloatArray:
        """(B,) volume that an even pace would have spent of the cap in the last day; inf without a cap."""
        spent_ns = min(self.time_ns - self.began_ns, _DAY_NS)
        return np.where(np.isfinite(self.cap_quote), self.cap_quote * (spent_ns / _DAY_NS), np.inf)

    @property
    def win_rate(self) -> float:
        """Share of fills that won; NaN before any is old enough."""
        return _ratio(float(self.won.sum()), float(self.judged.sum()))

    @property
    def fill_rate(self) -> float:
        """Share of posted orders that traded; NaN before any was posted."""
        return _ratio(float(self.orders_traded.sum()), float(self.posted.sum() - self.rejects.sum()))

    @property
    def maker_share(self) -> float:
        """Share of the own volume where our order rested; NaN before the first fill."""
        return _ratio(self.maker_quote.sum(), self.traded_quote.sum())

    @property
    def markout_bps(self) -> FloatArray:
        """(H,) mean markout at each of `MARKOUT_S`, NaN where none is known."""
        count, total = self.markout_count.sum(axis=1), self.markout_sum_bps.sum(axis=1)
        return as_floats(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))


@attrs.frozen(kw_only=True, eq=False)
class Snapshot:
    """What a `Watch` knows at one moment.

    Attributes:
        at_ns: Wall clock.
        began_ns: Wall clock when the watch began.
        untold: Exchanges that the watch could not keep up with.
        validators: By whom the agent is asked.
        simulations: What it trades, most recently heard last.
    """

    at_ns: int
    began_ns: int
    untold: int
    validators: tuple[Validator, ...]
    simulations: tuple[Simulation, ...]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else np.nan

"""One simulation as it goes on, in figures."""

from __future__ import annotations

import logging
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from typing import Any

import numpy as np
import structlog

from obmm.agent import Decision
from obmm.agent.sessions import Clock, Session
from obmm.agent.telling import tell
from obmm.market import (
    BUY,
    SELL,
    FloatArray,
    InstructionKind,
    IntArray,
    MarketState,
    NoticeKind,
    Reason,
    Unplaced,
)
from obmm.market.arrays import as_floats
from obmm.market.layout import laid_out, positions_within
from obmm.monitor._fills import PARTS, FillBook
from obmm.monitor._recent import Recent
from obmm.monitor.snapshot import Fills, NewsItem, Score, Simulation
from obmm.monitor.standings import Standings

#: News, fills, kinds of rejects and orders that traded which are kept.
MAX_NEWS, MAX_FILLS_TOLD, MAX_KINDS, MAX_TRADED = 200, 500, 64, 2**16
#: What rejects of further kinds are called.
OTHER = "other"
#: The venue samples turnover in slots of ten minutes.
_SLOT_NS, _SLOTS = 600 * 10**9, 144

_log = structlog.get_logger("obmm.monitor")


class Following:
    """Takes in the states of one simulation and what was decided; a late state is only counted.

    Attributes:
        venue: Its books, as the first state had them; later ones are told in this layout.
        recent: What the charts show.
        standings: The field; None if it is not followed, or is followed in a later simulation.
    """

    def __init__(self, state: MarketState, heard_ns: int, standings: Standings | None = None) -> None:
        self.standings = standings
        n = state.n_books
        self.venue = state.venue
        self.recent = Recent(n)
        self._clock = Session(state.venue, ())
        self._fills = FillBook(n)
        self._uid, self._heard_ns, self._hash = state.uid, heard_ns, ""
        self._began_ns = self._last_ns = state.time_ns
        self._states = self._missed = self._late = 0
        self._start: dict[str, FloatArray] = {
            name: np.full(n, np.nan) for name in ("base", "quote", "mid", "capital")
        }
        self._now = _nothing(n)
        self._own: dict[str, FloatArray] = {name: np.full(n, np.nan) for name in ("base", "quote")}
        self._pnl: FloatArray = np.zeros(n)
        self._endowment: FloatArray = np.zeros(n)
        self._peak: FloatArray = np.zeros(n)
        self._max_drawdown: FloatArray = np.zeros(n)
        self._total_peak = self._total_max_drawdown = 0.0
        self._closed = np.zeros((2, n), np.int64)
        self._quiet = np.zeros(max(Reason) + 1, np.int64)
        self._counts: dict[str, Any] = {
            name: np.zeros(n, np.int64)
            for name in ("fills", "instructions", "posted", "orders_traded", "rejects")
        }
        self._sums: dict[str, Any] = {name: np.zeros(n) for name in ("fees", "traded_quote", "maker_quote")}
        self._slots, self._slot = np.zeros((_SLOTS, n)), -1
        self._told_quote: FloatArray = np.full(n, np.nan)
        self._traded: OrderedDict[tuple[int, int], None] = OrderedDict()
        self._rejects: Counter[str] = Counter()
        self._faults: Counter[str] = Counter()
        self._last_fault = ""
        self._pipeline = np.full(n, "", dtype=object)
        self._news: deque[NewsItem] = deque(maxlen=MAX_NEWS)
        self._news_count: Counter[tuple[str, str]] = Counter()

    def clock(self, state: MarketState) -> Clock:
        """What the time of `state` says; one that comes twice is late, another venue is a new run."""
        if state.venue != self.venue and positions_within(self.venue, state.venue) is None:
            return Clock.NEW
        if self._states and state.time_ns == self._last_ns:
            return Clock.LATE
        return self._clock.clock(state)

    def late(self) -> None:
        """Count a state that came late."""
        self._late += 1

    def add(self, state: MarketState, decision: Decision | None, heard_ns: int) -> None:
        """Take in a state and what was decided on it, if anything was."""
        gap_ns = state.time_ns - self._last_ns
        # Longer than the whole simulation is no gap, but a clock that nobody can have.
        if self._states and gap_ns <= self.venue.duration_ns:
            self._missed += max(gap_ns // self.venue.publish_interval_ns - 1, 0)
        self._states += 1
        self._last_ns, self._heard_ns, self._uid = state.time_ns, heard_ns, state.uid
        at: IntArray = np.arange(self.venue.n_books)
        if state.venue != self.venue:
            within = positions_within(self.venue, state.venue)
            assert within is not None, "another venue is a new run"
            at, state = within, laid_out(state, self.venue, within)
        self._see_market(state)
        self._see_notices(state)
        self._value(state)
        if decision is not None:
            self._see_decision(decision, at)
        now = self._now
        self.recent.add(
            state.time_ns,
            **{name: now[name] for name in ("mid", "bid", "ask", "own_bid", "own_ask", "position")},
        )
        self._score(state)
        self._fills.age(self.recent.states.time_ns, self.recent.states["mid"])
        if self.recent.minute_begins(state.time_ns):
            self.recent.minutes.add(
                state.time_ns,
                share=_share(now["position"], now["position_limit"]),
                pnl=self._pnl.sum(),
                endowment=self._endowment.sum(),
                fees=self._sums["fees"].sum(),
                traded=self._sums["traded_quote"].sum(),
            )

    def score(self) -> Score | None:
        """The score of the era now; None if it is not followed."""
        return None if self.standings is None else self.standings.score()

    def _score(self, state: MarketState) -> None:
        if self.standings is None:
            return
        try:
            self.standings.observe(state)
        except ValueError as error:  # A market that the era does not know; all else is told.
            self.standings = None
            tell(_log, logging.WARNING, "no score is told", why=str(error))

    def fills_of(self, position: int) -> Fills:
        """The newest own fills on the book at a position, oldest first."""
        return self._fills.newest(MAX_FILLS_TOLD, self.venue.book_ids, position)

    def snapshot(self) -> Simulation:
        """Its figures now; they share nothing with it."""
        venue, now = self.venue, {name: values.copy() for name, values in self._now.items()}
        parts = dict(zip(PARTS, self._fills.parts(now["mid"]), strict=True))
        parts["fees_and_rebates"] = self._pnl - np.sum(list(parts.values()), axis=0)
        total = float(self._pnl.sum())
        return Simulation(
            validator=venue.validator,
            simulation_id=venue.simulation_id,
            uid=self._uid,
            config_hash=self._hash,
            book_ids=venue.book_ids,
            pipeline=tuple(self._pipeline.tolist()),
            heard_ns=self._heard_ns,
            began_ns=self._began_ns,
            time_ns=self._last_ns,
            interval_ns=venue.publish_interval_ns,
            states=self._states,
            missed=self._missed,
            late=self._late,
            capital=self._start["capital"].copy(),
            pnl=self._pnl.copy(),
            pnl_endowment=self._endowment.copy(),
            parts=parts,
            drawdown=self._peak - self._pnl,
            max_drawdown=self._max_drawdown.copy(),
            total_drawdown=self._total_peak - total,
            total_max_drawdown=self._total_max_drawdown,
            closed=self._closed.copy(),
            quiet_because={
                Reason(int(code)).name.lower(): int(self._quiet[code])
                for code in np.flatnonzero(self._quiet)[np.argsort(-self._quiet[self._quiet > 0])]
            },
            day_quote=np.fmax(self._slots.sum(axis=0), self._told_quote),
            cap_quote=venue.turnover_cap_quote,
            rejects_because=dict(self._rejects),
            won=self._fills.won.copy(),
            judged=self._fills.judged.copy(),
            markout_sum_bps=self._fills.markout_sum_bps.copy(),
            markout_count=self._fills.markout_count.copy(),
            faults=dict(self._faults),
            last_fault=self._last_fault,
            news=tuple(self._news),
            news_count=dict(self._news_count),
            recent=self._fills.newest(MAX_FILLS_TOLD, venue.book_ids),
            **{name: values.copy() for name, values in self._counts.items()},
            **{name: values.copy() for name, values in self._sums.items()},
            **now,
        )

    def _see_market(self, state: MarketState) -> None:
        now, accounts, own = self._now, state.accounts, state.open_orders
        now["bid"], now["ask"] = state.best_bid, state.best_ask
        now["mid"] = np.where(np.isfinite(state.mid), state.mid, now["mid"])
        now["maker_ratio"], now["open_orders"] = state.maker_ratio, own.count
        for name, side, best in (("own_bid", BUY, np.fmax), ("own_ask", SELL, np.fmin)):
            rows = own.side == side
            now[name] = np.full(state.n_books, np.nan)
            best.at(now[name], own.book[rows], own.price[rows])
        # A message that lacks a book says nothing of what is held there.
        for name in ("position", "maker_rate", "taker_rate"):
            now[name] = np.where(accounts.known, getattr(accounts, name), now[name])
        self._told_quote = np.where(accounts.known, accounts.traded_quote, self._told_quote)

    def _value(self, state: MarketState) -> None:
        accounts, mid, start = state.accounts, self._now["mid"], self._start
        for name, values in (("base", accounts.base_own), ("quote", accounts.quote_own)):
            self._own[name] = np.where(accounts.known, values, self._own[name])
            start[name] = np.where(np.isnan(start[name]), self._own[name], start[name])
        start["mid"] = np.where(np.isnan(start["mid"]), mid, start["mid"])
        first = np.where(np.isfinite(self.venue.initial_price), self.venue.initial_price, start["mid"])
        endowed = accounts.quote_initial + accounts.base_initial * first
        start["capital"] = np.where(np.isnan(start["capital"]) & accounts.known, endowed, start["capital"])
        earned = self._own["quote"] - start["quote"] + (self._own["base"] - start["base"]) * mid
        self._pnl = np.where(np.isfinite(earned), earned, self._pnl)
        moved = start["base"] * (mid - start["mid"])
        self._endowment = np.where(np.isfinite(moved), moved, self._endowment)
        self._peak = np.maximum(self._peak, self._pnl)
        self._max_drawdown = np.maximum(self._max_drawdown, self._peak - self._pnl)
        total = float(self._pnl.sum())
        self._total_peak = max(self._total_peak, total)
        self._total_max_drawdown = max(self._total_max_drawdown, self._total_peak - total)

    def _see_notices(self, state: MarketState) -> None:
        slot = state.time_ns // _SLOT_NS
        if self._slot >= 0 and slot > self._slot:
            self._slots[np.arange(self._slot + 1, min(slot, self._slot + _SLOTS) + 1) % _SLOTS] = 0.0
        self._slot = max(slot, self._slot)
        notices = state.notices
        if not len(notices):
            return
        known = notices.book >= 0
        rows = np.flatnonzero((notices.kind == int(NoticeKind.FILL)) & known)
        if rows.size:
            book, size, price = notices.book[rows], notices.size[rows], notices.price[rows]
            maker, worth = notices.maker_id[rows] == state.uid, size * price
            np.add.at(self._counts["fills"], book, 1)
            np.add.at(self._sums["fees"], book, notices.fee[rows])
            np.add.at(self._sums["traded_quote"], book, worth)
            np.add.at(self._sums["maker_quote"], book, np.where(maker, worth, 0.0))
            np.add.at(self._slots[self._slot % _SLOTS], book, worth)
            self._fills.add(
                book=book,
                maker=maker,
                size=size,
                price=price,
                side=notices.side[rows],
                fee=notices.fee[rows],
                time_ns=notices.time_ns[rows],
            )
            for key in zip(book.tolist(), notices.order_id[rows].tolist(), strict=True):
                if key not in self._traded:
                    self._counts["orders_traded"][key[0]] += 1
                    self._traded[key] = None
            while len(self._traded) > MAX_TRADED:
                self._traded.popitem(last=False)
        rows = np.flatnonzero((notices.kind == int(NoticeKind.REJECTED)) & known)
        for row in rows.tolist():
            self._counts["rejects"][notices.book[row]] += 1
            why = notices.message[row]
            self._rejects[why if why in self._rejects or len(self._rejects) < MAX_KINDS else OTHER] += 1

    def _see_decision(self, decision: Decision, at: IntArray) -> None:
        now, orders = self._now, decision.orders
        self._hash = decision.config_hash
        n = at.size
        self._counts["instructions"][at] += orders.instructions_per_book(n)
        placed = orders.book[orders.kind == int(InstructionKind.LIMIT)]
        self._counts["posted"][at] += np.bincount(placed, minlength=n)
        why = np.stack([decision.bid_reason, decision.ask_reason])
        now["bid_reason"], now["ask_reason"] = (np.zeros(self.venue.n_books, np.int64) for _ in range(2))
        now["bid_reason"][at], now["ask_reason"][at] = why
        closed = (why > Reason.OPEN) & (why < Reason.NARROWED)
        self._closed[:, at] += closed
        self._quiet += np.bincount(why[closed], minlength=self._quiet.size)
        limit: FloatArray = np.full(n, np.inf)
        for step in decision.steps:
            limit = np.where(step.books, step.limits.position_limit * step.limits.position_factor, limit)
            self._pipeline[at[step.books]] = step.name
        now["position_limit"][at] = limit
        for fault in decision.faults:
            self._faults[fault.pipeline] += 1
            self._pipeline[at[fault.books]] = fault.pipeline
            self._last_fault = str(fault)
        self._see_news(decision)

    def _see_news(self, decision: Decision) -> None:
        ids = decision.state.venue.book_ids
        for step in decision.steps:
            for news in step.news:
                # Why a side has no order is told by the reasons, with every state.
                if isinstance(news, Unplaced):
                    continue
                key = (step.name, news.event)
                if key not in self._news_count and len(self._news_count) >= MAX_KINDS:
                    key = (step.name, OTHER)
                self._news_count[key] += 1
                if news.once and self._news_count[key] > 1:
                    continue
                self._news.append(
                    NewsItem(
                        time_s=decision.state.time_s,
                        pipeline=step.name,
                        level=news.level,
                        event=news.event,
                        books=tuple(ids[news.books & step.books].tolist()),
                        details={name: _plain(value) for name, value in news.details.items()},
                    )
                )


def _nothing(n: int) -> dict[str, Any]:
    """What is known of each book before the first state."""
    unknown = ("bid", "ask", "mid", "own_bid", "own_ask", "maker_ratio", "maker_rate", "taker_rate")
    return {
        **{name: np.full(n, np.nan) for name in unknown},
        "position": np.zeros(n),
        "position_limit": np.full(n, np.inf),
        **{name: np.zeros(n, np.int64) for name in ("open_orders", "bid_reason", "ask_reason")},
    }


def _share(position: FloatArray, limit: FloatArray) -> FloatArray:
    known = np.isfinite(limit) & (limit > 0.0)
    return as_floats(np.divide(position, limit, out=np.full(known.shape, np.nan), where=known))


def _plain(value: object) -> object:
    """A detail of some news as JSON can hold it; an array by its size, its numbers are for nobody."""
    if isinstance(value, np.ndarray):
        return f"{value.size} values"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)

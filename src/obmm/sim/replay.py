"""A recorded market in which own orders stand in the queue.

The recording's order flow is matched anew, by price and time, with the own orders among it: a bid of ours at
the touch waits behind what stood there before it and trades when what comes reaches it. The others do not
react to us; a recorded order lives from its event to its cancel or last fill, and our fills are taken from
what the recording gave to orders behind us.

How the gaps of a recording are filled
    * An order that traded completely left no event: it is put together from its trades, and from the event of
      what was left of it where something was. One that left nothing takes any price.
    * At the start and wherever a level comes into view, only its size is known. That volume stands there as
      one order without a name, in front of those that the recording saw come, for it was there before; a
      trade or a cancel that names one of its orders takes it from there.
    * Volume deeper than what has been in view does not exist until it trades or comes into view. An own order
      placed out there stands behind it from then on.
    * Volume bought on credit is not on the tape: such a level holds more than its orders tell, and keeps
      what is left of it for a while after they are gone. Each state's snapshot has the last word; where it
      differs from what the events say the level is corrected and reported in `differences`.
    * After a gap between states the book begins anew from the next snapshot; own orders stay.
    * Orders that the recorded account had then are part of the flow like everybody's.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from types import TracebackType

import numpy as np

from obmm.market import Feed, MarketState, NoticeKind, Notices, Orders, Tape
from obmm.sim._delays import miner_streams
from obmm.sim._intake import LATE_ANSWER, admit, rows_of, sendable
from obmm.sim._states import Board, accounts_of, notices_of, open_orders_of, tape_of
from obmm.sim._turnover import RollingTurnover
from obmm.sim.exchange._instructions import submit_rows
from obmm.sim.exchange._layout import NOTICE, REJECT_CODES
from obmm.sim.exchange._publish import collected, publish
from obmm.sim.recorded._book import OWN, Difference, RecordedBook, Rows, events_of, maker_ratios
from obmm.sim.scenario import Scenario

__all__ = ["Difference", "ReplayedMarket"]

_DETAIL_LEVELS = 5
#: Recordings so far are of this exchange, those of the agents of 0.6.2 too.
RECORDED_SCENARIO = "taos-0.5.4"


class ReplayedMarket:
    """A recording played again with own orders in it.

    Iterate `states` (or call `step`), answer each state with `submit`; the interface is that of
    `SimulatedMarket` with the recorded account as the only miner. The account starts with what it owned at
    the first state, free of orders. Fees are those of the venue's policy at the maker share that the last
    state published, which own trades do not move.

    Args:
        states: Recorded states with tapes, of one simulation, in order.
        scenario: Whose delays answers suffer: a `Scenario` or the name of one.
        seed: Seed of the random part of the delays.
        feeds: `Feed.TAPE` and `Feed.QUEUE`: what states carry beyond the essentials.

    Raises:
        ValueError: There is no state, one has no tape, or the grid is not that of the exchange.

    >>> from obmm.market import Venue
    >>> bids, asks, venue = [[(299.0, 5.0)]], [[(301.0, 5.0)]], Venue.of(n_books=1)
    >>> quiet = [
    ...     MarketState.of_books(venue, bids, asks, time_ns=second * 10**9, tape=Tape.empty(1))
    ...     for second in (600, 601)
    ... ]
    >>> market = ReplayedMarket(quiet)
    >>> for states in market.states():
    ...     market.submit(0, Orders.limits(n_books=1, book=[0], side=0, price=299.0, size=1.0))
    >>> states[0].bid_size.tolist(), states[0].open_orders.count.tolist()
    ([[6.0]], [1])
    """

    def __init__(
        self,
        states: Iterable[MarketState],
        *,
        scenario: Scenario | str = RECORDED_SCENARIO,
        seed: int = 0,
        feeds: Collection[Feed] = (),
    ) -> None:
        self.scenario = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
        self._source = iter(states)
        first = next(self._source, None)
        if first is None:
            raise ValueError("a replay needs at least one state")
        self.venue = first.venue
        self.uids = (first.uid,)
        #: Levels that the events did not explain, in order of time.
        self.differences: list[Difference] = []
        self._first: MarketState | None = first
        self._last = first
        self._feeds = frozenset(feeds)
        self._keeps_tape = Feed.TAPE in self._feeds
        n = self.venue.n_books
        self._books = [
            RecordedBook.opened(first, book, seed, keeps_tape=self._keeps_tape) for book in range(n)
        ]
        self._board = Board.of(n, first.n_levels, 1, self.venue.max_open_orders)
        self._turnover = RollingTurnover(1, n)
        self._streams = miner_streams((seed,), first.uid)
        self._answer: tuple[Orders, float] | None = None
        self._pending: Rows = np.zeros(0, dtype=NOTICE)
        self._notices = Notices.none()
        self._tape: Tape | None = None
        self._rejects: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()

    # -- running -----------------------------------------------------------------------------------

    def step(self) -> dict[int, MarketState] | None:
        """Send the answer to the last state off, play the next interval, return the state by uid.

        None at the end of the recording.

        Raises:
            ValueError: The next state has no tape.
        """
        recorded, self._first = self._first or next(self._source, None), None
        if recorded is None:
            return None
        if recorded is not self._last:
            self._send()
            self._play(recorded)
        self._follow(recorded)
        self._last = recorded
        self._publish()
        return {self.uids[0]: self.state(self.uids[0])}

    def states(self, seconds: float | None = None) -> Iterator[dict[int, MarketState]]:
        """States by uid to the end of the recording, or for `seconds` of simulated time from now on."""
        end = math.inf if seconds is None else self._last.time_ns + seconds * 1e9
        while self._first is not None or self._last.time_ns < end:
            state = self.step()
            if state is None:
                return
            yield state

    def submit(self, uid: int, orders: Orders, response_s: float = 0.0) -> None:
        """Answer the last state after thinking for `response_s` seconds; a later answer replaces it.

        An order that the wire would not send is dropped and counted among the `rejects`, with its field and
        what is wrong.

        Raises:
            KeyError: No such miner.
        """
        if uid not in self.uids:
            raise KeyError(uid)
        orders = sendable(orders, self.venue.n_books, self._dropped)
        self._answer = (orders, response_s)
        if response_s > self.scenario.delay.timeout_s:
            self._dropped[LATE_ANSWER] += len(orders)
            self._answer = None

    # -- looking -----------------------------------------------------------------------------------

    def state(self, uid: int) -> MarketState:
        """The last state as the miner sees it, own orders in the book."""
        board = self._board
        return MarketState(
            venue=self.venue,
            time_ns=self._last.time_ns,
            uid=uid,
            bid_price=board.prices[0],
            bid_size=board.sizes[0],
            ask_price=board.prices[1],
            ask_size=board.sizes[1],
            maker_ratio=self._last.maker_ratio,
            accounts=accounts_of(board, OWN, self._turnover.traded[OWN]),
            open_orders=open_orders_of(board, OWN),
            notices=self._notices,
            tape=self._tape,
        )

    @property
    def time_ns(self) -> int:
        """Simulated time of the last state."""
        return self._last.time_ns

    def rejects(self, uid: int) -> Mapping[str, int]:
        """Own orders that came to nothing so far, by the exchange's code or the gate's reason."""
        return {code: n for code, n in (self._rejects + self._dropped).items() if n}

    @property
    def events(self) -> int:
        """Events that all books have dealt with so far."""
        return sum(int(book.record[0]["events_done"]) for book in self._books)

    def close(self) -> None:
        """Let go of the recording."""
        if isinstance(self._source, Generator):
            self._source.close()

    def __enter__(self) -> ReplayedMarket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"ReplayedMarket({self.venue.n_books} books, uid {self.uids[0]}, t={self._last.time_s:g}s)"

    # -- inside ------------------------------------------------------------------------------------

    def _send(self) -> None:
        if self._answer is None:
            return
        (orders, response_s), self._answer = self._answer, None
        capped = self._turnover.traded[OWN] >= self.venue.turnover_cap_quote
        passed, number = admit(orders, self.venue, capped, self._dropped)
        rows = rows_of(
            passed,
            number,
            uid=OWN,
            venue=self.venue,
            keeps_self_trade=self.scenario.venue.self_trade_modes,
            response_s=response_s,
            rules=self.scenario.delay,
            streams=self._streams,
        )
        for i, book in enumerate(self._books):
            submit_rows(book.record, rows[passed.book == i])

    def _play(self, recorded: MarketState) -> None:
        if recorded.tape is None:
            raise ValueError(f"the state at {recorded.time_s:g} s has no tape")
        gap = recorded.time_ns - self._last.time_ns > self.venue.publish_interval_ns
        events = events_of(recorded.tape)
        for book in self._books:
            if gap:
                book.forget(recorded.time_ns)
            else:
                book.play(events, recorded.tape, recorded.time_ns)

    def _follow(self, recorded: MarketState) -> None:
        for book, ratio in zip(self._books, maker_ratios(recorded).tolist(), strict=True):
            self.differences += book.follow(recorded, ratio)

    def _publish(self) -> None:
        board = self._board
        columns = (board.prices, board.sizes, board.maker_ratio, board.accounts)
        orders = (board.order_counts, board.order_ids, board.order_numbers)
        detail = _DETAIL_LEVELS if Feed.QUEUE in self._feeds else 0
        tapes, notices = [], [self._pending]
        for i, book in enumerate(self._books):
            publish(book.record, i, detail, *columns, *orders, board.counts)
            book.show_lent(board.prices[:, i], board.sizes[:, i])
            tape_count, notice_count, fault = board.counts[i].tolist()
            if fault:
                raise RuntimeError(f"book {i} has no room for more orders or events")
            if self._keeps_tape:
                tapes.append(book.owners(book.record["tape"][0][:tape_count].copy(), self.uids[0]))
            if notice_count:
                notices.append(book.record["notices"][0][:notice_count].copy())
            if tape_count or notice_count:
                collected(book.record)
        self._turnover.update(self.time_ns, board.turnover())
        if self._keeps_tape:
            self._tape = tape_of(np.concatenate(tapes), np.array([len(rows) for rows in tapes]))
        self._deliver(np.concatenate(notices) if len(notices) > 1 else self._pending)

    def _deliver(self, waiting: Rows) -> None:
        due = waiting["deliver_ns"] < self.time_ns
        delivered, self._pending = waiting[due], waiting[~due]
        for name in ("maker_id", "taker_id"):
            delivered[name][delivered[name] == OWN] = self.uids[0]
        self._notices = notices_of(delivered)
        refused = delivered["reason"][delivered["kind"] == NoticeKind.REJECTED]
        self._rejects.update(REJECT_CODES[code] for code in refused.tolist())

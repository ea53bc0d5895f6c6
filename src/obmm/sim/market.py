"""The embedded market: books, their background and the miners, second by simulated second."""

from __future__ import annotations

import hashlib
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

import attrs
import numpy as np

from obmm.market import Feed, FloatArray, MarketState, NoticeKind, Notices, Orders, Tape, Venue
from obmm.market.arrays import as_floats
from obmm.sim._delays import miner_streams
from obmm.sim._fleet import Fleet, Rows, joined
from obmm.sim._intake import LATE_ANSWER, admit, rows_of, sendable
from obmm.sim._memory import free_bytes
from obmm.sim._miners import Miners
from obmm.sim._parameters import Rivals
from obmm.sim._states import Board, accounts_of, notices_of, open_orders_of, tape_of
from obmm.sim._turnover import RollingTurnover
from obmm.sim._world import build_book, reset_miner
from obmm.sim.exchange._layout import NOTICE, REJECT_CODES
from obmm.sim.scenario import DEFAULT_SCENARIO, Scenario, ScenarioError

_NANOSECONDS = 1_000_000_000
_NO_NOTICES = Notices.none()
_REJECTED = int(NoticeKind.REJECTED)
#: What a book comes to use of its record, with its share of a run's records.
_BYTES_PER_BOOK = 2.5e6


class SimulatedMarket:
    """Many books with their background market and any number of miners of the caller.

    Iterate `states` (or call `step`), answer each state with `submit`. Books are independent but for an
    outside price and, within a block, the clock of their fees. Equal arguments and equal answers give equal
    results whatever the number of threads.

    Several seeds make several markets that run as one: each is what it would be alone, to the last bit. Its
    books follow those of the seed before it and are a group of the venue (`Venue.groups`); a miner has an
    account in each.

    Args:
        scenario: A `Scenario`, the name of one that ships with the package, or the path of a TOML file.
        books: Number of books, of each seed.
        seed: Seed of the run, from which every random stream follows; or the seeds of several.
        miners: Number of miners that the caller plays; they have the uids 0, 1, ….
        rivals: The synthetic other miners; None takes the scenario's.
        feeds: Parts of states that are built only on demand: `Feed.TAPE`, `Feed.QUEUE`.
        threads: Threads to run on, at most one per block of books; None takes one per available core.

    Raises:
        ScenarioError: The scenario cannot be used, or the books do not fit in memory.
        ValueError: A count is out of range.

    >>> from obmm.market import Orders
    >>> with SimulatedMarket("taos-0.5.4", books=2, seed=1) as market:
    ...     for states in market.states(seconds=3):
    ...         state = states[0]
    ...         bids = Orders.limits(n_books=2, book=[0, 1], side=0, price=290.0, size=1.0)
    ...         market.submit(0, bids, response_s=0.1)
    >>> int(state.time_s), state.open_orders.count.tolist(), state.n_levels
    (602, [2, 2], 21)
    >>> with SimulatedMarket(books=2, seed=(1, 2)) as both:
    ...     both.run(10)
    ...     both.venue.groups.tolist(), both.venue.book_ids.tolist()
    ([0, 0, 1, 1], [0, 1, 0, 1])
    """

    def __init__(
        self,
        scenario: Scenario | str | Path = DEFAULT_SCENARIO,
        *,
        books: int = 16,
        seed: int | Sequence[int] = 0,
        miners: int = 1,
        rivals: Rivals | None = None,
        feeds: Collection[Feed] = (),
        threads: int | None = None,
    ) -> None:
        if books < 1 or miners < 0:
            raise ValueError(f"books must be at least 1 and miners at least 0, got {books} and {miners}")
        seeds = (seed,) if isinstance(seed, int) else tuple(seed)
        if not seeds:
            raise ValueError("no seed is given")
        _check_memory(books * len(seeds))
        loaded = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
        if rivals is not None:
            loaded = attrs.evolve(loaded, rivals=rivals)
        rules = loaded.venue
        self.scenario = loaded
        self.seeds = seeds
        self.uids = tuple(range(miners))
        self.venue = _venue(loaded, books, seeds)
        self.time_ns = 0
        self._feeds = frozenset(feeds)
        self._step_ns = self.venue.publish_interval_ns
        assets = loaded.asset_of_book(books).tolist()

        def build(place: int, record: Rows, background: Rows) -> None:
            group, book = divmod(place, books)
            build_book(loaded, assets[book], book, seeds[group], miners, record, background)

        threads = threads or _available_cores()
        whole, rest = divmod(books, rules.books_per_block)
        blocks = ([rules.books_per_block] * whole + [rest] * (rest > 0)) * len(seeds)
        self._fleet = Fleet(build, self._step_ns, threads, blocks)
        self._board = Board.of(self.venue.n_books, rules.depth_levels, miners, rules.max_open_orders)
        self._detail = rules.detail_levels if Feed.QUEUE in self._feeds else 0
        self._streams = {uid: miner_streams(seeds, uid) for uid in self.uids}
        self._answers: dict[int, tuple[Orders, float]] = {}
        self._turnover = RollingTurnover(miners, self.venue.n_books)
        self._waiting: Rows = np.empty(0, dtype=NOTICE)
        self._notices: dict[int, Notices] = {}
        self._tape: Tape | None = None
        self._resets: Counter[int] = Counter()
        self._dropped: dict[int, Counter[str]] = {uid: Counter() for uid in self.uids}
        self._rejects: dict[int, Counter[str]] = {uid: Counter() for uid in self.uids}

    # -- running -----------------------------------------------------------------------------------

    def step(self) -> dict[int, MarketState]:
        """Send the answers to the last states off, run to the next publication, return the states by uid.

        The first publication is at the end of the grace period.

        Raises:
            RuntimeError: A book ran out of room.
        """
        self._send()
        grace = max(self.venue.grace_period_ns, self._step_ns)
        if self.time_ns < grace:
            self._run_to(grace - self._step_ns)
        self._fleet.set_tape(Feed.TAPE in self._feeds)
        self._run_to(max(grace, self.time_ns + self._step_ns))
        self._turnover.update(self.time_ns, self._board.turnover())
        self._tape = tape_of(*self._fleet.take_tape()) if Feed.TAPE in self._feeds else None
        self._deliver_notices()
        return {uid: self.state(uid) for uid in self.uids}

    def states(self, seconds: float | None = None) -> Iterator[dict[int, MarketState]]:
        """States by uid, one publication after the other, for `seconds` of simulated time after the first.

        Ends with the simulation's duration; without `seconds` only there.
        """
        first = max(self.venue.grace_period_ns, self._step_ns)
        end = self.venue.duration_ns
        if seconds is not None:
            end = min(end, max(first, self.time_ns + self._step_ns) + round(seconds * _NANOSECONDS) - 1)
        while max(first, self.time_ns + self._step_ns) <= end:
            yield self.step()

    def run(self, seconds: float) -> None:
        """Let the market run for `seconds` (whole publish intervals) without looking at it or its tape."""
        self._send()
        self._fleet.set_tape(False)
        self._run_to(self.time_ns + round(seconds * _NANOSECONDS) // self._step_ns * self._step_ns)
        self._turnover.update(self.time_ns, self._board.turnover())
        self._tape = None
        self._deliver_notices()

    def submit(self, uid: int, orders: Orders, response_s: float = 0.0) -> None:
        """Answer the last state as miner `uid` after thinking for `response_s` seconds.

        An answer later than the time limit is lost. A second answer to the same state replaces the first.

        An order that the wire would not send is dropped and counted among the `rejects`, with its field and
        what is wrong.

        Raises:
            KeyError: No such miner.
        """
        orders = sendable(orders, self.venue.n_books, self._dropped[uid])
        if response_s > self.scenario.delay.timeout_s:
            self._dropped[uid][LATE_ANSWER] += len(orders)
            self._answers.pop(uid, None)
        else:
            self._answers[uid] = (orders, response_s)

    def reset(self, uid: int) -> None:
        """Deregister miner `uid`: its orders and instructions go, on every book it gets a new endowment."""
        self._resets[uid] += 1
        self._answers.pop(uid, None)
        clear_fees = self.scenario.venue.reset_clears_fees
        for book in range(self.venue.n_books):
            reset_miner(*self._fleet.one(book), uid, self._resets[uid], clear_fees)

    # -- looking -----------------------------------------------------------------------------------

    def state(self, uid: int) -> MarketState:
        """The last published state as miner `uid` sees it."""
        board = self._board
        return MarketState(
            venue=self.venue,
            time_ns=self.time_ns,
            uid=uid,
            bid_price=board.prices[0],
            bid_size=board.sizes[0],
            ask_price=board.prices[1],
            ask_size=board.sizes[1],
            maker_ratio=board.maker_ratio,
            accounts=accounts_of(board, uid, self._turnover.traded[uid]),
            open_orders=open_orders_of(board, uid),
            notices=self._notices.get(uid, _NO_NOTICES),
            tape=self._tape,
        )

    @property
    def mid(self) -> FloatArray:
        """(B,) middle of the touch at the last publication, NaN where a side is empty."""
        return (self._board.prices[0, :, 0] + self._board.prices[1, :, 0]) / 2.0

    def miners(self) -> Miners:
        """Accounts of all miners as they stand now, synthetic ones too.

        >>> with SimulatedMarket("taos-0.5.4", books=2, seed=1) as market:
        ...     market.miners().base.shape
        (8, 2)
        """
        rivals = self.scenario.rivals
        count = len(self.uids) + rivals.makers + rivals.takers
        return Miners.of([share.books for share in self._fleet.shares], count)

    def rejects(self, uid: int) -> Mapping[str, int]:
        """Orders of miner `uid` that came to nothing so far, by the exchange's code or the gate's reason."""
        return {code: n for code, n in (self._rejects[uid] + self._dropped[uid]).items() if n}

    @property
    def events(self) -> int:
        """Events that all books have dealt with so far."""
        return sum(int(share.books["events_done"].sum()) for share in self._fleet.shares)

    def digest(self, group: int = 0) -> str:
        """A fingerprint of all trades and balances in the market of one seed, to compare runs by."""
        total = hashlib.sha256()
        for book in self.venue.group_rows[group].tolist():
            record, _ = self._fleet.one(book)
            accounts = record["accounts"][0]
            total.update(record["digest"].tobytes())
            for name in ("base_free", "base_reserved", "quote_free", "quote_reserved"):
                total.update(accounts[name].tobytes())
        return total.hexdigest()[:16]

    # -- threads -----------------------------------------------------------------------------------

    def close(self) -> None:
        """End the threads."""
        self._fleet.close()

    def __enter__(self) -> SimulatedMarket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return (
            f"SimulatedMarket({self.scenario.name}, {self.venue.n_books} books, seed {_named(self.seeds)}, "
            f"{len(self.uids)} miners, t={self.time_ns / _NANOSECONDS:g}s)"
        )

    # -- inside ------------------------------------------------------------------------------------

    def _run_to(self, time_ns: int) -> None:
        if time_ns > self.time_ns:
            self._fleet.run_to(time_ns, self._board, self._detail)
            self.time_ns = time_ns

    def _send(self) -> None:
        cap = self.venue.turnover_cap_quote
        for uid, (orders, response_s) in sorted(self._answers.items(), key=lambda answer: answer[0]):
            passed, number = admit(orders, self.venue, self._turnover.traded[uid] >= cap, self._dropped[uid])
            if not len(passed):
                continue
            rows = rows_of(
                passed,
                number,
                uid=uid,
                venue=self.venue,
                keeps_self_trade=self.scenario.venue.self_trade_modes,
                response_s=response_s,
                rules=self.scenario.delay,
                streams=self._streams[uid],
            )
            self._fleet.submit(passed.book, rows)
        self._answers.clear()

    def _deliver_notices(self) -> None:
        self._notices.clear()
        waiting = self._fleet.take_notices()
        if len(self._waiting):
            waiting = joined([self._waiting, waiting])
        if not len(waiting):
            return
        due, agent = waiting["deliver_ns"] < self.time_ns, waiting["agent"]
        # Rows of records are taken by number: a mask of flags needs ten times as long.
        self._waiting = waiting.take(np.flatnonzero(~due))
        for uid in self.uids:
            mine = waiting.take(np.flatnonzero(due & (agent == uid)))
            self._notices[uid] = notices_of(mine)
            refused = mine["reason"][mine["kind"] == _REJECTED]
            self._rejects[uid].update(REJECT_CODES[code] for code in refused.tolist())


def _available_cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _named(seeds: Sequence[int]) -> str:
    return "+".join(map(str, seeds))


def _venue(scenario: Scenario, n_books: int, seeds: Sequence[int]) -> Venue:
    rules, groups = scenario.venue, np.arange(len(seeds)).repeat(n_books)
    assets = [scenario.assets[i] for i in scenario.asset_of_book(n_books).tolist()] * len(seeds)
    return Venue(
        book_ids=np.tile(np.arange(n_books), len(seeds)),
        groups=groups,
        price_decimals=np.full(groups.size, rules.price_decimals),
        volume_decimals=np.full(groups.size, rules.volume_decimals),
        min_size_base=as_floats([asset.min_size_base for asset in assets]),
        wealth_quote=as_floats([asset.miner_wealth_quote for asset in assets]),
        initial_price=as_floats([asset.initial_price for asset in assets]),
        turnover_cap_quote=np.full(groups.size, rules.turnover_cap_quote),
        max_open_orders=rules.max_open_orders,
        max_instructions=rules.max_instructions,
        publish_interval_ns=round(rules.publish_interval_s * _NANOSECONDS),
        grace_period_ns=round(rules.grace_period_s * _NANOSECONDS),
        duration_ns=round(rules.duration_s * _NANOSECONDS),
        fees=scenario.fees,
        simulation_id=f"{scenario.name}-{_named(seeds)}",
    )


def _check_memory(books: int) -> None:
    """Refuse what would be ended by the system after minutes, or not begin at all."""
    need, free = books * _BYTES_PER_BOOK, free_bytes()
    if need > free:
        fit = int(free // _BYTES_PER_BOOK)
        raise ScenarioError(
            f"{books:,} books need some {need / 2**30:,.1f} GiB of memory, {free / 2**30:,.1f} GiB are free: "
            f"{fit:,} fit"
        )

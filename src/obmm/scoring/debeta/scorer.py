"""Scores a run under the 0.6 rules while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import attrs
import numpy as np

from obmm.market import BoolArray, FloatArray, IntArray, MarketState, NoticeKind, Venue
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.classes import classes_of
from obmm.scoring.debeta.dials import DIALS_0_6_3, Dials
from obmm.scoring.debeta.parts import BookParts, DebetaScore, book_parts, figures_of
from obmm.scoring.debeta.presence import Presence
from obmm.scoring.debeta.rounds import Payroll, Round
from obmm.scoring.debeta.told import Trades, told_of_trades
from obmm.scoring.debeta.verdict import Verdict, judge, judge_each
from obmm.scoring.eras import ERAS, EraConstants
from obmm.scoring.pareto import Float32Array
from obmm.scoring.weights import moving_average

_TRADES = 2**14
"""Trades after which states wait no longer: more would only crowd the caches."""


@attrs.define
class _Ledger:
    """What one field was paid."""

    payroll: Payroll
    latest: Round | None = None
    averages: Float32Array = attrs.field(factory=lambda: np.zeros(0, dtype=np.float32))

    def pay(
        self, time_ns: int, uids: IntArray, verdict: Verdict, deregistered: BoolArray, others: FloatArray
    ) -> Round:
        """Pay one scoring, see `Payroll.pay`."""
        before, paid = self.latest, self.payroll.pay(time_ns, uids, verdict, deregistered, others)
        averages = np.zeros(uids.size, dtype=np.float32)
        if before is not None:
            averages[np.searchsorted(uids, before.uids)] = self.averages
        self.averages, self.latest = moving_average(averages, paid.emission, self.payroll.era), paid
        return paid


@attrs.define(kw_only=True)
class DebetaScorer:
    """Feed it every state of a run; it knows making, skill, score and pools of every miner at any time.

    One miner's states are enough, since the tape names both sides of each trade. Ranks, shares and Pareto
    draws need a field: it is made of the uids that traded in the run so far and of those named at the start.
    Memory is bounded by the window (three hours in whole samples) and the number of uids.

    A clock that runs back, or another simulation id, is a new simulation: what waits is booked, the window
    moves to the new clock, inventories are forgotten. A state at the time of the last one is ignored.

    A scoring is made at once by `observe`. `follow` leaves it until many can be made together, which costs a
    fraction, and takes wide states as well: each group of books is a run by itself, with a field of its own,
    and comes to the same, to the last bit, as alone.

    Attributes:
        era: Gives window, reward floor, Pareto draws and moving average.
        dials: The rules.
        uids: Uids that belong to the field even before they trade.
        uid_shift: Added to the uids that states tell, before anything else; ids below 0 stay.
        class_of_book: (B,) asset class of each book of a group; None makes books that started at one price a
            class.

    >>> from obmm.market import Tape
    >>> book = [[(299.0, 1.0)]], [[(301.0, 1.0)]]
    >>> scorer = DebetaScorer(uids=[7])
    >>> state = MarketState.of_books(Venue.of(1), *book, time_ns=600 * 10**9, tape=Tape.empty(1))
    >>> scorer.observe(state).emission
    array([0.], dtype=float32)
    """

    era: EraConstants = ERAS["0.6.3"]
    dials: Dials = DIALS_0_6_3
    uids: Sequence[int] = ()
    uid_shift: int = 0
    class_of_book: IntArray | None = None
    _sums: Accumulation | None = attrs.field(init=False, default=None)
    _waiting: list[tuple[int, Trades]] = attrs.field(init=False, factory=list)
    # Numbers and times of the waiting states at which a scoring is due.
    _due: list[tuple[int, int]] = attrs.field(init=False, factory=list)
    _paid: list[tuple[int, Round]] = attrs.field(init=False, factory=list)
    _ledgers: list[_Ledger] = attrs.field(init=False, factory=list)
    _presence: Presence = attrs.field(init=False)
    _deregistered: set[int] = attrs.field(init=False, factory=set)
    _time_ns: int = attrs.field(init=False, default=0)
    _simulation_id: str = attrs.field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        self._presence = Presence(self.dials.presence_window)

    def observe(self, state: MarketState, kappa_pnl: Mapping[int, float] | None = None) -> Round | None:
        """Take in the next state; return the scoring if the era makes one at its time.

        Args:
            state: The next state of any miner of the run.
            kappa_pnl: Weighted Kappa and P&L score of each uid, the total of its `KappaScorer` under the same
                era; needed at scorings of an era that gives them weight.

        Raises:
            ValueError: The state has no tape, the number of books changed or does not fit the classes, or
                Kappa and P&L have a weight but no scores.
        """
        if kappa_pnl is None and self._weighs_others and self._scores_at(state.time_ns):
            raise ValueError(f"era {self.era.version} weighs Kappa and P&L, but no such scores are given")
        if self._take(state) or self._full:
            self._settle(kappa_pnl or {})
        return self._paid.pop()[1] if self._paid else None

    def follow(self, state: MarketState) -> list[tuple[int, Round]]:
        """Take in the next state; return scorings that have been made since the last call, mostly none.

        Args:
            state: The next state of any miner of the run, or of several runs side by side.

        Returns:
            Scorings with the group each is of, in the order of their times.

        Raises:
            ValueError: As `observe`; an era that gives Kappa and P&L weight needs that one.
        """
        if self._weighs_others:
            raise ValueError(f"era {self.era.version} weighs Kappa and P&L: observe its states one by one")
        # What parts of the window tell is known only while the window stands.
        if (self._take(state) and self.dials.skill_subwindows > 1) or self._full:
            self._settle()
        return self._handed_out()

    def settle(self) -> list[tuple[int, Round]]:
        """Make the scorings that are due, and return those since the last call, as `follow` does."""
        self._settle()
        return self._handed_out()

    @property
    def latest(self) -> Round | None:
        """The last scoring of the first group, None before the first."""
        return self.latest_of(0)

    def latest_of(self, group: int) -> Round | None:
        """The last scoring of a group, None before the first."""
        self._settle()
        return self._ledgers[group].latest if self._ledgers else None

    @property
    def averages(self) -> Float32Array:
        """(n,) slow moving average of the emissions in the order of `latest.uids`, 32-bit."""
        self._settle()
        return self._ledgers[0].averages if self._ledgers else np.zeros(0, dtype=np.float32)

    def verdict(self, group: int = 0) -> Verdict:
        """The field of a group as it stands now, between scorings too.

        Raises:
            ValueError: No state yet.
        """
        return judge(self.sums, self._presence, group)

    def parts(self, uid: int, group: int = 0) -> BookParts:
        """What each book of a group did for one uid in the window.

        Raises:
            ValueError: No state yet.
            KeyError: The uid is not part of the field.
        """
        sums = self.sums
        column = sums.columns.index(uid, group)
        if column is None:
            raise KeyError(f"uid {uid} has not traded; the field is {sorted(sums.columns.uids_of(group))}")
        return book_parts(sums, self.verdict(group), column, group)

    def score_of(self, uid: int, group: int = 0) -> DebetaScore:
        """One miner: figures of the last scoring, and its books as they stand now.

        Raises:
            ValueError: No scoring yet.
            KeyError: The uid was not part of the field then.
        """
        latest = self.latest_of(group)
        if latest is None:
            raise ValueError("nothing has been scored yet")
        if uid not in latest.uids:
            raise KeyError(f"uid {uid} was not scored; the field is {latest.uids.tolist()}")
        return DebetaScore(
            time_ns=latest.time_ns,
            uid=uid,
            pool=self.dials.pool,
            parts=self.parts(uid, group),
            figures=figures_of(uid, latest),
        )

    def note_answers(self, answered: Mapping[int, bool]) -> None:
        """Say who answered the query of this state; without notes nobody counts as absent."""
        self._settle()
        self._presence.note(answered)

    def deregister(self, uid: int) -> None:
        """The uid's owner changed: its history goes and its track record stays empty until `register`."""
        self._settle()
        self._deregistered.add(uid)
        if self._sums is not None:
            for group in range(len(self._ledgers)):
                self._sums.forget(uid, group)

    def register(self, uid: int) -> None:
        """The uid starts afresh."""
        self._settle()
        self._deregistered.discard(uid)

    @property
    def sums(self) -> Accumulation:
        """What was summed up so far.

        Raises:
            ValueError: No state yet.
        """
        if self._sums is None:
            raise ValueError("the scorer has seen no state yet")
        self._settle()
        return self._sums

    @property
    def _weighs_others(self) -> bool:
        return self.era.kappa_weight + self.era.pnl_weight > 0.0

    def _handed_out(self) -> list[tuple[int, Round]]:
        paid, self._paid = self._paid, []
        return paid

    def _take(self, state: MarketState) -> bool:
        """Take in the next state, and say whether a scoring is due at its time."""
        if state.tape is None:
            raise ValueError("scoring making and skill needs states with a tape")
        sums = self._accumulation_for(state.venue)
        restarted = state.time_ns < self._time_ns or state.venue.simulation_id != self._simulation_id
        if restarted:
            self._settle()
            sums.restart(self._time_ns, 0)
        elif state.time_ns == self._time_ns:
            return False
        if self._waiting and sums.sample_of(self._time_ns) != sums.sample_of(state.time_ns):
            self._settle()
        self._time_ns, self._simulation_id = state.time_ns, state.venue.simulation_id
        self._waiting.append((state.time_ns, Trades.of(state.tape)))
        resets = np.flatnonzero(state.notices.kind == int(NoticeKind.RESET))
        if resets.size:
            self._settle()
            books = set(state.notices.book[resets].tolist())
            for group in range(len(self._ledgers)):
                if any(book < 0 or state.venue.groups[book] == group for book in books):
                    sums.forget(state.uid + self.uid_shift, group)
        due = self._scores_at(state.time_ns)
        if due:
            self._due.append((len(self._waiting) - 1, state.time_ns))
        return due

    def _scores_at(self, time_ns: int) -> bool:
        return time_ns % self.era.scoring_interval_ns == 0

    @property
    def _full(self) -> bool:
        """Whether no state may be added to those that wait."""
        if self._sums is None or not self._waiting:
            return False
        told = sum(trades.time_ns.size for _, trades in self._waiting)
        return told >= _TRADES or self._sums.prunes_at(self._time_ns)

    def _accumulation_for(self, venue: Venue) -> Accumulation:
        if self._sums is None:
            classes = self.class_of_book
            if classes is None:
                classes = classes_of(venue.of_group(0) if venue.n_groups > 1 else venue)
            self._sums = Accumulation.empty(self.dials, self.era, classes, self.uids, venue.n_groups)
            self._ledgers = [_Ledger(Payroll.empty(self.dials, self.era)) for _ in range(venue.n_groups)]
            self._simulation_id = venue.simulation_id
        n_books = self._sums.class_of_book.size * len(self._ledgers)
        if n_books != venue.n_books:
            raise ValueError(f"the scorer has {n_books} books, the state {venue.n_books}")
        return self._sums

    def _settle(self, kappa_pnl: Mapping[int, float] = MappingProxyType({})) -> None:
        """Sum up the states that wait and make the scorings that are due: many cost little more than one."""
        waiting, due = self._waiting, self._due
        if self._sums is None or not (waiting or due):
            return
        self._waiting, self._due = [], []
        sums = self._sums
        # Negative is before the first of them, after a reset.
        standings = [sums.standing() for number, _ in due if number < 0]
        if waiting:
            times_ns, trades = zip(*waiting, strict=True)
            told = told_of_trades(times_ns, trades, sums.columns, self.uid_shift)
            standings += sums.stand_at(told, [number for number, _ in due if number >= 0])
        if not due:
            return
        verdicts = judge_each(sums, standings, self._presence, range(len(self._ledgers)))
        for (_, time_ns), standing, found in zip(due, standings, verdicts, strict=True):
            for group, (ledger, verdict) in enumerate(zip(self._ledgers, found, strict=True)):
                known = sums.columns.uids_of(group)[: standing.known[group]]
                uids = np.sort(np.array(known, dtype=np.int64))
                others = np.array([kappa_pnl.get(uid, 0.0) for uid in uids.tolist()])
                gone = np.isin(uids, list(self._deregistered))
                self._paid.append((group, ledger.pay(time_ns, uids, verdict, gone, others)))

"""Scores a run under the 0.6 rules while it goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from obmm.market import IntArray, MarketState, NoticeKind, Tape, Venue
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.classes import classes_of
from obmm.scoring.debeta.dials import DIALS_0_6_3, Dials
from obmm.scoring.debeta.parts import BookParts, DebetaScore, book_parts, figures_of
from obmm.scoring.debeta.presence import Presence
from obmm.scoring.debeta.rounds import Payroll, Round
from obmm.scoring.debeta.told import told_of_tapes
from obmm.scoring.debeta.verdict import Verdict, judge
from obmm.scoring.eras import ERAS, EraConstants
from obmm.scoring.pareto import Float32Array
from obmm.scoring.weights import moving_average

_TOGETHER = 16
"""States that are summed up together at most; a scoring comes sooner where states are a second apart."""


@attrs.define(kw_only=True)
class DebetaScorer:
    """Feed it every state of a run; it knows making, skill, score and pools of every miner at any time.

    One miner's states are enough, since the tape names both sides of each trade. Ranks, shares and Pareto
    draws need a field: it is made of the uids that traded in the run so far and of those named at the start.
    Memory is bounded by the window (three hours in whole samples) and the number of uids.

    A clock that runs back, or another simulation id, is a new simulation: what waits is booked, the window
    moves to the new clock, inventories are forgotten. A state at the time of the last one is ignored.

    Attributes:
        era: Gives window, reward floor, Pareto draws and moving average.
        dials: The rules.
        uids: Uids that belong to the field even before they trade.
        uid_shift: Added to the uids that states tell, before anything else; ids below 0 stay.
        class_of_book: (B,) asset class of each book; None makes books that started at one price a class.
        latest: The last scoring, None before the first.
        averages: (n,) slow moving average of the emissions in the order of `latest.uids`, 32-bit.

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
    latest: Round | None = attrs.field(init=False, default=None)
    averages: Float32Array = attrs.field(init=False, factory=lambda: np.zeros(0, dtype=np.float32))
    _sums: Accumulation | None = attrs.field(init=False, default=None)
    _waiting: list[tuple[int, Tape]] = attrs.field(init=False, factory=list)
    _payroll: Payroll = attrs.field(init=False)
    _presence: Presence = attrs.field(init=False)
    _deregistered: set[int] = attrs.field(init=False, factory=set)
    _time_ns: int = attrs.field(init=False, default=0)
    _simulation_id: str = attrs.field(init=False, default="")

    def __attrs_post_init__(self) -> None:
        self._payroll = Payroll.empty(self.dials, self.era)
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
        if state.tape is None:
            raise ValueError("scoring making and skill needs states with a tape")
        sums = self._accumulation_for(state.venue)
        restarted = state.time_ns < self._time_ns or state.venue.simulation_id != self._simulation_id
        if restarted:
            self._take_in(sums)
            sums.restart(self._time_ns, 0)
        elif state.time_ns == self._time_ns:
            return None
        if self._waiting and sums.sample_of(self._time_ns) != sums.sample_of(state.time_ns):
            self._take_in(sums)
        self._time_ns, self._simulation_id = state.time_ns, state.venue.simulation_id
        self._waiting.append((state.time_ns, state.tape))
        if len(self._waiting) == _TOGETHER or sums.prunes_at(state.time_ns):
            self._take_in(sums)
        if (state.notices.kind == int(NoticeKind.RESET)).any():
            self.sums.forget(state.uid + self.uid_shift)
        if state.time_ns % self.era.scoring_interval_ns:
            return None
        if kappa_pnl is None and self.era.kappa_weight + self.era.pnl_weight > 0.0:
            raise ValueError(f"era {self.era.version} weighs Kappa and P&L, but no such scores are given")
        self.latest = self._pay(self.sums, kappa_pnl or {})
        return self.latest

    def verdict(self) -> Verdict:
        """The field as it stands now, between scorings too.

        Raises:
            ValueError: No state yet.
        """
        return judge(self.sums, self._presence)

    def parts(self, uid: int) -> BookParts:
        """What each book did for one uid in the window.

        Raises:
            ValueError: No state yet.
            KeyError: The uid is not part of the field.
        """
        sums = self.sums
        column = sums.columns.index(uid)
        if column is None:
            raise KeyError(f"uid {uid} has not traded; the field is {sorted(sums.columns.uids)}")
        return book_parts(sums, self.verdict(), column)

    def score_of(self, uid: int) -> DebetaScore:
        """One miner: figures of the last scoring, and its books as they stand now.

        Raises:
            ValueError: No scoring yet.
            KeyError: The uid was not part of the field then.
        """
        if self.latest is None:
            raise ValueError("nothing has been scored yet")
        if uid not in self.latest.uids:
            raise KeyError(f"uid {uid} was not scored; the field is {self.latest.uids.tolist()}")
        return DebetaScore(
            time_ns=self.latest.time_ns,
            uid=uid,
            pool=self.dials.pool,
            parts=self.parts(uid),
            figures=figures_of(uid, self.latest),
        )

    def note_answers(self, answered: Mapping[int, bool]) -> None:
        """Note who answered the query of this state; without notes nobody counts as absent."""
        self._presence.note(answered)

    def deregister(self, uid: int) -> None:
        """The uid's owner changed: its history goes and its track record stays empty until `register`."""
        self._deregistered.add(uid)
        if self._sums is not None:
            self.sums.forget(uid)

    def register(self, uid: int) -> None:
        """The uid starts afresh."""
        self._deregistered.discard(uid)

    @property
    def sums(self) -> Accumulation:
        """What was summed up so far.

        Raises:
            ValueError: No state yet.
        """
        if self._sums is None:
            raise ValueError("the scorer has seen no state yet")
        self._take_in(self._sums)
        return self._sums

    def _take_in(self, sums: Accumulation) -> None:
        """Sum up the states that wait: several together cost little more than one."""
        if self._waiting:
            times_ns, tapes = zip(*self._waiting, strict=True)
            self._waiting.clear()
            sums.take_in(told_of_tapes(times_ns, tapes, sums.columns, self.uid_shift))

    def _accumulation_for(self, venue: Venue) -> Accumulation:
        if self._sums is None:
            classes = classes_of(venue) if self.class_of_book is None else self.class_of_book
            self._sums = Accumulation.empty(self.dials, self.era, classes, self.uids)
            self._simulation_id = venue.simulation_id
        n_books = self._sums.class_of_book.size
        if n_books != venue.n_books:
            raise ValueError(f"the scorer has {n_books} books, the state {venue.n_books}")
        return self._sums

    def _pay(self, sums: Accumulation, kappa_pnl: Mapping[int, float]) -> Round:
        before = self.latest
        uids = np.sort(np.array(sums.columns.uids, dtype=np.int64))
        deregistered = np.isin(uids, list(self._deregistered))
        others = np.array([kappa_pnl.get(uid, 0.0) for uid in uids.tolist()])
        paid = self._payroll.pay(self._time_ns, uids, self.verdict(), deregistered, others)
        averages = np.zeros(uids.size, dtype=np.float32)
        if before is not None:
            averages[np.searchsorted(uids, before.uids)] = self.averages
        self.averages = moving_average(averages, paid.emission, self.era)
        return paid

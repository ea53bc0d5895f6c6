"""Kappa scores of several runs side by side, each with a field of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray, MarketState, Venue
from obmm.scoring.activity_0_3_5 import activity_factors_0_3_5, activity_window_start_ns, pnl_factors
from obmm.scoring.eras import EraConstants
from obmm.scoring.field import FieldScore
from obmm.scoring.kappa import kappa_of_books, kappa_ratios
from obmm.scoring.kappa_scorer import KappaScore
from obmm.scoring.pareto import Float32Array, distribute_rewards
from obmm.scoring.pnl_score import pnl_scores, pnl_since_ns
from obmm.scoring.realised import PnlHistory, RealisedLedger
from obmm.scoring.reward_floor import apply_reward_floor
from obmm.scoring.score_0_3_5 import kappa_scores, score_uid
from obmm.scoring.scorer import era_at, own_fills, resets
from obmm.scoring.weights import chain_weights, moving_average

#: Of one scoring of a miner what makes its total: Kappa (B,) if there is one, activity factors, P&L.
_Row: TypeAlias = tuple[FloatArray | None, FloatArray, FloatArray]

_SCORINGS = 64
"""Scorings after which totals are made: many at once cost little more than one."""


@attrs.frozen(kw_only=True, eq=False)
class _Scoring:
    """One scoring of a miner on all books of all groups, before they are made a score.

    Attributes:
        time_ns: When it was made.
        history: What was realised. What comes later does not touch it.
        kappa: (B,) Kappa of the books; None without enough history.
        before: (B,) activity factors before the scoring.
        factors: (B,) activity factors after it.
        pnl: (B,) realised in the window, quote.
        volume: (B,) of round trips in the window, quote.
        last_roundtrip_ns: (B,) newest sample time with round trips.
    """

    time_ns: int
    history: PnlHistory
    kappa: FloatArray | None
    before: FloatArray
    factors: FloatArray
    pnl: FloatArray
    volume: FloatArray
    last_roundtrip_ns: IntArray

    def of_books(self, first: int, last: int, era: EraConstants) -> KappaScore:
        """The score of the books from `first` up to `last`."""
        rows, n_books, history = slice(first, last), last - first, self.history
        mine = (history.book >= first) & (history.book < last)
        own = PnlHistory(
            times_ns=history.times_ns,
            entry=history.entry[mine],
            book=history.book[mine] - first,
            pnl=history.pnl[mine],
        )
        trading = score_uid(
            kappa_ratios(own, n_books, era),
            self.before[rows],
            pnl=self.pnl[rows],
            roundtrip_volume=self.volume[rows],
            last_roundtrip_ns=self.last_roundtrip_ns[rows],
            time_ns=self.time_ns,
            era=era,
        )
        n_realised = np.bincount(own.book, minlength=n_books).astype(np.float64)
        return KappaScore(
            time_ns=self.time_ns,
            trading=trading,
            pnl=self.pnl[rows],
            roundtrip_volume=self.volume[rows],
            n_realised=n_realised,
        )


class _Follower:
    """Follows one miner through all groups at once, as a `KappaScorer` does through one."""

    def __init__(self, era: EraConstants, venue: Venue) -> None:
        self.era = era_at(venue, era)
        self._ledger = RealisedLedger(n_books=venue.n_books, era=self.era, n_groups=venue.n_groups)
        self._factors: FloatArray = np.zeros(venue.n_books)

    def observe(self, state: MarketState) -> _Scoring | None:
        """Take in the next state; return the scoring if the era makes one at its time."""
        ledger = self._ledger
        ledger.begin(state.time_ns)
        for fill in own_fills(state):
            ledger.fill(
                fill.book, fill.is_buy, fill.size_base, fill.price, fee=fill.fee_quote, role=fill.role
            )
        ledger.finish()
        return None if state.time_ns % self.era.scoring_interval_ns else self._score(state)

    def _score(self, state: MarketState) -> _Scoring:
        era, time_ns, n_books, ledger = self.era, state.time_ns, state.n_books, self._ledger
        history, before = ledger.history(), self._factors
        volume = ledger.roundtrip_volume(activity_window_start_ns(time_ns, era))
        kappa = kappa_of_books(history, n_books, era)
        if kappa is not None:
            factors = activity_factors_0_3_5(before, volume, ledger.last_roundtrip_ns, time_ns, era)
            if era.seeds_factor_from_kappa:
                factors = np.where((factors == 0.0) & ~np.isnan(kappa), 1.0, factors)
            self._factors = factors
        return _Scoring(
            time_ns=time_ns,
            history=history,
            kappa=kappa,
            before=before,
            factors=self._factors,
            pnl=history.since(pnl_since_ns(time_ns, era)).by_book(n_books),
            volume=volume,
            last_roundtrip_ns=np.copy(ledger.last_roundtrip_ns),
        )


class KappaFields:
    """Scores the miners of several runs side by side, each run by itself; it tells the newest scoring.

    Each comes to what a `Field` makes of it alone, to the last bit. All books are followed at once, and
    totals are made of many scorings together, which costs a fraction. Groups of books stand together and are
    of one size.

    Attributes:
        era: Constants, of a version from 0.5.4 on.
        count: Scorings so far.

    >>> from obmm.market import Venue
    >>> from obmm.scoring import ERAS
    >>> fields = KappaFields(ERAS["0.5.4"])
    >>> venue, time_ns = Venue.of(2, groups=[0, 1], book_ids=[0, 0]), 600 * 10**9
    >>> state = MarketState.of_books(venue, [[(299.0, 1.0)]] * 2, [[(301.0, 1.0)]] * 2, time_ns=time_ns)
    >>> fields.observe({7: state})
    >>> fields.latest_of(1).raw
    array([0.])
    """

    def __init__(self, era: EraConstants) -> None:
        if not self.suits(era):
            raise ValueError(f"runs cannot be scored side by side under era {era.version}")
        self.era = era
        self.count = 0
        self._venue: Venue | None = None
        self._time_ns = 0
        self._followers: dict[int, _Follower] = {}
        self._waiting: list[list[_Row]] = []
        self._newest: list[_Scoring] = []
        self._raw: FloatArray = np.zeros((0, 0))
        self._rewards: Float32Array = np.zeros((0, 0), dtype=np.float32)
        self._averages: Float32Array = np.zeros((0, 0), dtype=np.float32)
        self._latest: dict[int, FieldScore] = {}

    @staticmethod
    def suits(era: EraConstants) -> bool:
        """Whether runs can be scored side by side: what books come to must not depend on their number."""
        return era.mechanism == "kappa" and not (era.kappa_cached or era.mixed_units)

    def observe(self, states: Mapping[int, MarketState]) -> None:
        """Take in the states of all miners at one time; a state at the time of the last one is ignored.

        Raises:
            ValueError: The runs start again, an account is reset, or the venue does not fit (`era_at`).
        """
        first = next(iter(states.values()))
        venue, before = first.venue, self._venue
        if before is None:
            self._followers = {uid: _Follower(self.era, venue) for uid in sorted(states)}
            self._averages = np.zeros((venue.n_groups, len(states)), dtype=np.float32)
        elif first.time_ns == self._time_ns:
            return
        elif first.time_ns < self._time_ns or venue.simulation_id != before.simulation_id:
            raise ValueError("runs side by side cannot start again; score them one by one")
        if any(map(resets, states.values())):
            raise ValueError("an account of runs side by side cannot be reset; score them one by one")
        self._venue, self._time_ns = venue, first.time_ns
        scored = [follower.observe(states[uid]) for uid, follower in self._followers.items()]
        made = [scoring for scoring in scored if scoring is not None]
        if not made:
            return
        self.count += 1
        self._newest = made
        self._waiting.append([(one.kappa, one.factors, one.pnl) for one in made])
        if len(self._waiting) >= _SCORINGS:
            self._settle()

    def latest_of(self, group: int) -> FieldScore | None:
        """The newest scoring of a group, None before the first."""
        self._settle()
        if not self._newest:
            return None
        if group not in self._latest:
            uids, averages = tuple(self._followers), self._averages[group]
            first, last = group * self._width, (group + 1) * self._width
            burn = uids.index(self.era.burn_uid) if self.era.burn_uid in uids else len(uids)
            self._latest[group] = FieldScore(
                time_ns=self._newest[0].time_ns,
                uids=uids,
                scores={
                    uid: scoring.of_books(first, last, follower.era)
                    for (uid, follower), scoring in zip(self._followers.items(), self._newest, strict=True)
                },
                raw=self._raw[group],
                rewards=self._rewards[group],
                averages=averages,
                weights=chain_weights(averages, attrs.evolve(self.era, burn_uid=burn)),
            )
        return self._latest[group]

    @property
    def _width(self) -> int:
        """Books of a group."""
        return 0 if self._venue is None else self._venue.n_books // self._venue.n_groups

    def _settle(self) -> None:
        """Make totals of the scorings that wait, and rewards and averages of these."""
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        self._latest = {}
        # (S, G, n): by scoring, group and miner.
        each = zip(self._followers.values(), zip(*waiting, strict=True), strict=True)
        raw = np.stack([self._totals(follower.era, rows) for follower, rows in each], axis=2)
        floored = raw.copy()
        for at in zip(*np.nonzero(np.count_nonzero(raw > 0.0, axis=2) >= 2), strict=True):
            floored[at] = apply_reward_floor(raw[at], self.era)
        rewards = distribute_rewards(floored, self.era)
        for paid in rewards:
            self._averages = moving_average(self._averages, paid, self.era)
        self._raw, self._rewards = raw[-1], rewards[-1]

    def _totals(self, era: EraConstants, rows: Sequence[_Row]) -> FloatArray:
        """(S, G) raw scores of one miner."""
        pnl = np.array([row[2] for row in rows])
        returns = pnl_scores(self._by_run(pnl), era).reshape(len(rows), -1)
        scores = np.zeros_like(returns)
        known = [number for number, (kappa, _, _) in enumerate(rows) if kappa is not None]
        if known:
            ratios = np.array([rows[number][0] for number in known])
            factors = np.array([rows[number][1] for number in known]) * pnl_factors(pnl[known], era)
            found = kappa_scores(self._by_run(ratios), self._by_run(factors), era)
            scores[known] = found.reshape(len(known), -1)
        total: FloatArray = np.minimum(
            np.maximum(era.kappa_weight * scores + era.pnl_weight * returns, 0.0), 1.0
        )
        return total

    def _by_run(self, values: FloatArray) -> FloatArray:
        """(S·G, b) what was (S, B)."""
        return values.reshape(-1, self._width)

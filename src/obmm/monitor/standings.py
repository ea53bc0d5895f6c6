"""The score of the era and one's place in the field, as far as the states of one miner tell them.

Every trade on the tape names both sides and what they paid, so that what others traded is known too. What the
validator alone knows is not: what was before the first state that was seen, who answers it, and its averages.
"""

from __future__ import annotations

import abc
import copy
import math

import attrs
import numpy as np

from obmm.market import EventKind, MarketState, NoticeKind, Notices, Tape
from obmm.monitor.snapshot import Score
from obmm.scoring import ERAS, EraConstants
from obmm.scoring.debeta import DebetaScorer, figures_of
from obmm.scoring.field import scorer_for
from obmm.scoring.kappa_scorer import KappaScorer
from obmm.scoring.unscored import why_unscored
from obmm.wire.fallbacks import LAST_OLD

#: Uids of a field that are followed; the network has 256.
MAX_UIDS = 512
#: The least number of a validator's version that an era goes with; 61 is an early one.
_NUMBERS = ((60, "0.6.3"), (55, "0.5.5"), (50, "0.5.4"), (45, "0.4.5"), (35, "0.3.5"), (20, "0.1.51"))
#: Of a field that is paid as a whole.
_TOLD = ("making", "skill", "emission")
_OWN = (
    *("score", "making", "making_rank", "quality", "skill", "skill_rank", "skill_books", "bar", "net_alpha"),
    *("making_concentration_factor", "making_tether_factor", "skill_coverage_factor"),
    *("skill_concentration_factor", "smoothed", "emission"),
)

_SINCE = (
    "It counts from the first state that was seen: what was before, and what the validator carried over, is "
    "missing until the window of {hours:g} h is full."
)
_RANKS = "Uids that have not traded since are not listed; on the network all 256 have a place."


def era_of_version(version: int | None) -> EraConstants:
    """The era of a validator by the number that its requests carry; the newest where they carry none.

    >>> [era_of_version(number).version for number in (19, 61, 35, 54, 62, None)]
    ['0.1.9', '0.1.51', '0.3.5', '0.5.4', '0.6.3', '0.6.3']
    """
    if version == LAST_OLD:
        return ERAS["0.1.51"]
    number = 60 if version is None else version
    return ERAS[next((name for least, name in _NUMBERS if number >= least), "0.1.9")]


class Standings(abc.ABC):
    """Follows the field of a validator from state to state, over its simulations.

    Attributes:
        era: The rules.
    """

    def __init__(self, era: EraConstants) -> None:
        self.era = era
        self._since_ns = self._time_ns = -1
        self._states = self._untold = 0
        self._uid = 0

    @classmethod
    def of(cls, era: EraConstants) -> Standings:
        """Those of an era."""
        kinds: dict[str, type[Standings]] = {"debeta": Making, "kappa": Realised, "sharpe": Alone}
        return kinds[era.mechanism](era)

    def observe(self, state: MarketState) -> None:
        """Take in the next state; without a tape nothing is known of the others.

        Raises:
            ValueError: The era cannot score such a market.
        """
        if self._since_ns < 0 or state.time_ns < self._time_ns:
            self._since_ns = state.time_ns
        self._time_ns, self._uid = state.time_ns, state.uid
        self._states += 1
        self._take(state)

    def score(self) -> Score:
        """What is known now."""
        own, columns, field = self._told()
        order = sorted(field, key=lambda uid: -_least(field[uid][0]))
        minutes = self._states * self.era.publish_interval_ns / 6e10
        # Without others there is no scoring yet that a reason could be told from.
        missing = why_unscored(self.era, own, minutes) if own else "nothing was scored yet"
        untold = [f"{self._untold} states came without their trades."] if self._untold else []
        return Score(
            era=self.era.version,
            mechanism=self.era.mechanism,
            uid=self._uid,
            since_ns=self._since_ns,
            time_ns=self._time_ns,
            total=math.nan if missing else own["score"],
            missing=missing,
            own=own,
            columns=columns,
            uids=np.array(order, dtype=np.int64),
            values=np.array([field[uid] for uid in order]).reshape(len(order), len(columns)),
            notes=(*self._notes(), *untold),
        )

    @abc.abstractmethod
    def _take(self, state: MarketState) -> None:
        """Take in a state."""

    @abc.abstractmethod
    def _told(self) -> tuple[dict[str, float], tuple[str, ...], dict[int, list[float]]]:
        """Own figures, names of the field's figures, the score first, and these by uid."""

    @abc.abstractmethod
    def _notes(self) -> tuple[str, ...]:
        """What is an estimate, and why."""


class Making(Standings):
    """0.6: making and skill of everybody, from the tape alone."""

    def __init__(self, era: EraConstants) -> None:
        super().__init__(era)
        self._scorer: DebetaScorer | None = None
        self._shift = 0

    def _take(self, state: MarketState) -> None:
        if self._scorer is None:
            # A market of one's own numbers its accounts from 0; on the network 0 is nobody's.
            self._shift = int(state.uid == 0)
            uid = state.uid + self._shift
            self._scorer = DebetaScorer(era=self.era, uids=[uid], uid_shift=self._shift)
        if state.tape is None:
            self._untold += 1
            return
        self._scorer.observe(state)

    def _told(self) -> tuple[dict[str, float], tuple[str, ...], dict[int, list[float]]]:
        columns = ("score", *_TOLD)
        paid = None if self._scorer is None else self._scorer.latest
        if paid is None:
            return {}, columns, {}
        field: dict[int, list[float]] = {}
        for uid in paid.uids.tolist():
            figures = figures_of(uid, paid)
            field[uid - self._shift] = [figures[name] for name in columns]
        own = figures_of(self._uid + self._shift, paid)
        names = [name for name in _OWN if name in own]
        return {name: own[name] for name in (*names, "field_size")}, columns, field

    def _notes(self) -> tuple[str, ...]:
        return (
            "Making and skill of every uid come from the trades on the tape, by the validator's own rules.",
            _SINCE.format(hours=self.era.kappa_lookback_ns / 3.6e12),
            "The emission is an estimate: the validator's track record (half-life three hours) and moving "
            "average began before, and it leaves out uids that do not answer it.",
            _RANKS,
        )


class Realised(Standings):
    """0.3.5 to 0.5.5: Kappa and realised P&L of everybody, from their fills."""

    def __init__(self, era: EraConstants) -> None:
        super().__init__(era)
        # Whoever trades for the first time was there before, and did nothing.
        self._silent = KappaScorer(era)
        self._own = KappaScorer(era)
        self._others: dict[int, KappaScorer] = {}

    def _take(self, state: MarketState) -> None:
        self._own.observe(state)
        quiet = attrs.evolve(state, notices=Notices.none(), tape=None)
        fills = {} if state.tape is None else fills_of(state.tape)
        fills.pop(state.uid, None)
        self._untold += state.tape is None
        for uid in fills:
            if uid not in self._others and len(self._others) < MAX_UIDS:
                self._others[uid] = copy.deepcopy(self._silent)
        self._silent.observe(quiet)
        for uid, scorer in self._others.items():
            its = fills.get(uid)
            scorer.observe(quiet if its is None else attrs.evolve(quiet, uid=uid, notices=its))

    def _told(self) -> tuple[dict[str, float], tuple[str, ...], dict[int, list[float]]]:
        columns = ("score", "kappa_score", "pnl_score")
        field = {
            uid: [float(scorer.latest.figures[name]) for name in columns]
            for uid, scorer in (*self._others.items(), (self._uid, self._own))
            if scorer.latest is not None
        }
        latest = self._own.latest
        return {} if latest is None else dict(latest.figures), columns, field

    def _notes(self) -> tuple[str, ...]:
        return (
            "Ours comes from our fills, that of the others from their trades on the tape and the fees told "
            "there. What they held before we looked is not known, so their first round trips are missing.",
            _SINCE.format(hours=self.era.kappa_lookback_ns / 3.6e12),
            _RANKS,
        )


class Alone(Standings):
    """Up to 0.1.51: the Sharpe of what an account is worth, which nobody else knows."""

    def __init__(self, era: EraConstants) -> None:
        super().__init__(era)
        self._own = scorer_for(era)

    def _take(self, state: MarketState) -> None:
        self._own.observe(state)

    def _told(self) -> tuple[dict[str, float], tuple[str, ...], dict[int, list[float]]]:
        latest = self._own.latest
        own = {} if latest is None else dict(latest.figures)
        return own, ("score",), {self._uid: [own["score"]]} if own else {}

    def _notes(self) -> tuple[str, ...]:
        return (
            "Of the others nothing can be known: this era scores what accounts are worth, and what the "
            "others began with is in no state.",
            _SINCE.format(hours=self.era.sharpe_lookback * self.era.publish_interval_ns / 3.6e12),
        )


def fills_of(tape: Tape) -> dict[int, Notices]:
    """What each miner would be told of its own fills: uid → notices of both sides of the trades.

    >>> fills_of(Tape.empty(2))
    {}
    """
    rows = np.flatnonzero(tape.kind == int(EventKind.TRADE))
    if not rows.size:
        return {}
    book = np.searchsorted(tape.offset, rows, side="right") - 1
    maker, taker = tape.maker_id[rows], tape.taker_id[rows]
    told: dict[int, Notices] = {}
    for uid in np.unique(np.concatenate([maker, taker])).tolist():
        if uid < 0:
            continue
        # In the order of the tape; a trade with oneself is told twice, as the venue does.
        made, took = np.flatnonzero(maker == uid), np.flatnonzero(taker == uid)
        place = np.concatenate([made, took])
        as_maker = np.arange(place.size) < made.size
        order = np.argsort(place, kind="stable")
        place, as_maker = place[order], as_maker[order]
        at = rows[place]
        side = tape.side[at]
        told[uid] = Notices(
            kind=np.full(at.size, int(NoticeKind.FILL)),
            time_ns=tape.time_ns[at],
            book=book[place],
            side=np.where(as_maker, 1 - side, side),
            price=tape.price[at],
            size=tape.size[at],
            order_id=np.full(at.size, -1),
            client_id=np.full(at.size, -1),
            trade_id=np.full(at.size, -1),
            maker_id=maker[place],
            taker_id=taker[place],
            fee=np.where(as_maker, tape.maker_fee[at], tape.taker_fee[at]),
            message=("",) * at.size,
        )
    return told


def _least(value: float) -> float:
    return -math.inf if math.isnan(value) else value

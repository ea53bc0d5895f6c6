"""What the live scorers have in common: following one miner's run from state to state."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping
from typing import ClassVar, Generic, NamedTuple, Protocol, TypeVar

import attrs
import numpy as np

from obmm.market import BUY, FloatArray, MarketState, NoticeKind, Venue
from obmm.scoring.eras import EraConstants
from obmm.scoring.volumes import Role, trade_role

_RESET, _FILL = int(NoticeKind.RESET), int(NoticeKind.FILL)


class Score(Protocol):
    """One scoring of one miner, with what it is made of."""

    @property
    def time_ns(self) -> int:
        """When it was made."""

    @property
    def total(self) -> float | None:
        """Raw score before any ranking; None where the era leaves the miner's average as it is."""

    @property
    def columns(self) -> Mapping[str, FloatArray]:
        """Per-book figures (B,) by name; "score" is what each book contributed."""

    @property
    def figures(self) -> Mapping[str, float]:
        """Figures of the whole miner by name; NaN for one that does not exist yet."""


ScoreT = TypeVar("ScoreT", bound=Score)


class Fill(NamedTuple):
    """A fill of ours: book position, our side, size, price, fee paid (negative for a rebate) and role."""

    book: int
    is_buy: bool
    size_base: float
    price: float
    fee_quote: float
    role: Role


def own_fills(state: MarketState) -> Iterator[Fill]:
    """Fills that a state tells its miner about, in order; a trade with oneself counts as a buy."""
    notices = state.notices
    if not len(notices):
        return
    rows = np.flatnonzero((notices.kind == _FILL) & (notices.book >= 0))
    columns = ("maker_id", "taker_id", "book", "side", "size", "price", "fee")
    told = (getattr(notices, name)[rows].tolist() for name in columns)
    for maker_id, taker_id, book, side, size, price, fee in zip(*told, strict=True):
        role = trade_role(state.uid, maker_id, taker_id)
        yield Fill(book, role is Role.SELF or side == BUY, size, price, fee, role)


def resets(state: MarketState) -> bool:
    """Whether a state tells that its account was reset."""
    return bool(len(state.notices)) and bool((state.notices.kind == _RESET).any())


def era_at(venue: Venue, era: EraConstants) -> EraConstants:
    """Constants of an era with what the validator reads from its simulation: wealth, grace period, decimals.

    Raises:
        ValueError: Books differ in wealth or in the decimals of their volumes.

    >>> from obmm.scoring import ERAS
    >>> era_at(Venue.of(2), ERAS["0.1.51"]).volume_cap_quote
    1000000.0
    """
    wealth, decimals = np.unique(venue.wealth_quote), np.unique(venue.volume_decimals)
    if wealth.size != 1 or decimals.size != 1:
        raise ValueError("the rules of an era want the same wealth and volume decimals on every book")
    return attrs.evolve(
        era,
        wealth_quote=float(wealth[0]),
        volume_decimals=int(decimals[0]),
        grace_period_ns=venue.grace_period_ns,
    )


class Scorer(abc.ABC, Generic[ScoreT]):
    """Follows one miner's run and scores it whenever the era does; memory is bounded by the era's windows.

    A restart is noticed by the clock running back or by a new simulation id, and is handled as the era does.
    A reset notice forgets the miner's history, in the Sharpe eras before the state that brings it is taken in
    and in the Kappa eras after it. A state at the time of the last one is ignored.

    Attributes:
        era: Constants as given; wealth, grace period and volume decimals are taken from the venue.
        latest: The newest score, None before the first.
    """

    _resets_late: ClassVar[bool] = False

    def __init__(self, era: EraConstants) -> None:
        self.era = era
        self.latest: ScoreT | None = None
        self._venue: Venue | None = None
        self._time_ns = 0

    def observe(self, state: MarketState) -> ScoreT | None:
        """Take in the next state; return the score if the era makes one at its time.

        Raises:
            ValueError: The number of books changed, or the venue does not fit (`era_at`).
        """
        if self._venue is None:
            self.era = era_at(state.venue, self.era)
            self._start(state.venue)
        elif state.n_books != self._venue.n_books:
            raise ValueError(f"the run had {self._venue.n_books} books, now {state.n_books}")
        elif state.time_ns < self._time_ns or state.venue.simulation_id != self._venue.simulation_id:
            self._restart(self._time_ns)
        elif state.time_ns == self._time_ns:
            return None
        self._venue, self._time_ns = state.venue, state.time_ns
        reset = resets(state)
        if reset and not self._resets_late:
            self._reset()
        self._follow(state)
        if reset and self._resets_late:
            self._reset()
        if state.time_ns % self.era.scoring_interval_ns != 0:
            return None
        self.latest = self._score(state)
        return self.latest

    def reset(self) -> None:
        """Forget the miner's history and factors, as after a reset of its accounts."""
        if self._venue is not None:
            self._reset()

    @abc.abstractmethod
    def _reset(self) -> None:
        """Forget histories and factors."""

    @abc.abstractmethod
    def _start(self, venue: Venue) -> None:
        """Set up for the first state of a venue."""

    @abc.abstractmethod
    def _restart(self, old_end_ns: int) -> None:
        """Carry over into a new simulation; the old one ended at `old_end_ns`."""

    @abc.abstractmethod
    def _follow(self, state: MarketState) -> None:
        """Take fills and values of a state into the histories."""

    @abc.abstractmethod
    def _score(self, state: MarketState) -> ScoreT:
        """Score the histories at a state."""

"""What alerts measure of a running agent, over the last hour where it is a rate."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from typing import Protocol

import attrs
import numpy as np

from obmm.market import FloatArray, IntArray
from obmm.monitor.snapshot import Simulation, Snapshot, Validator

#: Simulated seconds over which rates are taken, and between two marks in them.
WINDOW_S, _STEP_S = 3600.0, 60.0
#: Simulated minutes of which a Sharpe ratio is made, at most and at least.
_SHARPE_MINUTES, _LEAST_MINUTES = 360, 60
#: Rates of fewer events are not known.
_LEAST_JUDGED, _LEAST_POSTED, _LEAST_REFUSED, _LEAST_ASKED = 50, 200, 50, 50
#: A position of so much of what gates allow is at its limit.
_AT_LIMIT = 0.95
#: Answers to a validator that its response time is made of.
_ANSWERS = 100
#: A simulation that was not heard for so many real seconds is over.
_OVER_S = 1800.0
#: Simulations whose counts are kept.
_MOST = 32


class Watched(Protocol):
    """A `Watch`, as far as it is looked at."""

    def snapshot(self) -> Snapshot: ...


@attrs.frozen
class Measured:
    """A value, NaN if it is not known, and what it is of: a validator, a simulation, or ""."""

    value: float = math.nan
    of: str = ""


@attrs.frozen(eq=False)
class _Mark:
    """Counts of a simulation at some moment."""

    time_ns: int
    states: int
    missed: int
    faults: int
    won: int
    judged: int
    posted: int
    traded: int
    rejects: int
    fees: float
    volume: float
    fills: IntArray

    @classmethod
    def of(cls, one: Simulation) -> _Mark:
        return cls(
            time_ns=one.time_ns,
            states=one.states,
            missed=one.missed,
            faults=sum(one.faults.values()),
            won=int(one.won.sum()),
            judged=int(one.judged.sum()),
            posted=int(one.posted.sum()),
            traded=int(one.orders_traded.sum()),
            rejects=int(one.rejects.sum()),
            fees=float(one.fees.sum()),
            volume=float(one.traded_quote.sum()),
            fills=one.fills.copy(),
        )

    def at_the_start(self, time_ns: int) -> _Mark:
        """Nothing counted yet."""
        none = {f.name: 0 for f in attrs.fields(_Mark) if f.name not in ("time_ns", "fills")}
        return attrs.evolve(self, time_ns=time_ns, fills=np.zeros_like(self.fills), **none)


@attrs.frozen(eq=False)
class Look:
    """A simulation now, what it was an hour before, and its P&L minute by minute."""

    now: Simulation
    mark: _Mark
    before: _Mark
    pnl: FloatArray

    def over(self, part: str, whole: str, least: float) -> float:
        """Growth of one count by that of another; NaN if that is small."""
        top, bottom = (getattr(self.mark, name) - getattr(self.before, name) for name in (part, whole))
        return top / bottom if bottom >= least and bottom > 0 else math.nan

    @property
    def window_s(self) -> float:
        """Simulated seconds that it was watched, at most those of the window."""
        return (self.mark.time_ns - self.before.time_ns) / 1e9


def _sharpe(look: Look) -> float:
    change = np.diff(look.pnl)
    if change.size < _LEAST_MINUTES:
        return math.nan
    deviation = float(change.std(ddof=1))
    return float(change.mean()) / deviation * math.sqrt(60.0) if deviation > 0.0 else math.nan


def _active(look: Look) -> float:
    if look.window_s < WINDOW_S - 2 * _STEP_S:
        return math.nan
    return float(np.mean(look.mark.fills > look.before.fills))


def _volume(look: Look) -> float:
    cap = look.now.cap_quote
    capped = np.isfinite(cap) & (cap > 0.0)
    return float(np.max(look.now.day_quote[capped] / cap[capped])) if capped.any() else math.nan


def _at_limit(look: Look) -> float:
    share = np.abs(look.now.limit_share)
    known = np.isfinite(share)
    return float(np.mean(share[known] >= _AT_LIMIT)) if known.any() else math.nan


def _drawdown(look: Look) -> float:
    capital = float(look.now.capital.sum())
    return look.now.total_drawdown / capital if capital > 0.0 else math.nan


def _lost(look: Look) -> float:
    missed = look.mark.missed - look.before.missed
    came = look.mark.states - look.before.states
    return missed / (missed + came) if missed + came >= _LEAST_ASKED else math.nan


def _response(one: Validator) -> float:
    times = one.respond_ms[-_ANSWERS:]
    return float(np.quantile(times, 0.99)) if times.size else math.nan


#: Measures of a simulation; of a high one the lowest is the worst where the flag says so.
_OF_SIMULATIONS: dict[str, tuple[Callable[[Look], float], bool]] = {
    "sharpe": (_sharpe, True),
    "drawdown": (_drawdown, False),
    "win_rate": (lambda look: look.over("won", "judged", _LEAST_JUDGED), True),
    "fees_bps": (lambda look: 1e4 * look.over("fees", "volume", 0.0), False),
    "active_books": (_active, True),
    "fill_rate": (lambda look: look.over("traded", "posted", _LEAST_POSTED), True),
    "volume_spent": (_volume, False),
    "at_limit": (_at_limit, False),
    "reject_rate": (lambda look: look.over("rejects", "posted", _LEAST_REFUSED), False),
    "lost_steps": (_lost, False),
    "faults": (lambda look: float(look.mark.faults - look.before.faults), False),
}
#: Name of a measure → its unit.
MEASURES: dict[str, str] = {
    **dict.fromkeys(_OF_SIMULATIONS, ""),
    "fees_bps": " bps",
    "response_ms": " ms",
    "unanswered": "",
    "silent_s": " s",
    "disk_free_gb": " GB",
    "clock_off_s": " s",
}


class Measures:
    """Measures what a `Watch` knows, now and then.

    Args:
        watch: What is watched.
        machine: What the machine says: `disk_free_gb`, `clock_off_s`.

    >>> from obmm.monitor.watch import Watch
    >>> watch = Watch()
    >>> measures = Measures(watch)
    >>> measures.look()["response_ms"]
    Measured(value=nan, of='')
    >>> watch.close()
    """

    def __init__(self, watch: Watched, machine: Callable[[], Mapping[str, float]] = dict) -> None:
        self._watch, self._machine = watch, machine
        self._marks: OrderedDict[tuple[str, str], deque[_Mark]] = OrderedDict()
        self._pnl: dict[tuple[str, str], deque[float]] = {}
        self._asked: dict[str, deque[tuple[int, int, int]]] = {}

    def look(self) -> dict[str, Measured]:
        """What is measured now, by name; of several simulations or validators the worst."""
        snapshot = self._watch.snapshot()
        alive = [one for one in snapshot.simulations if (snapshot.at_ns - one.heard_ns) / 1e9 < _OVER_S]
        looks = [(_name(one), self._look(one)) for one in alive]
        told = {
            name: _worst([Measured(measure(look), of) for of, look in looks], low=low)
            for name, (measure, low) in _OF_SIMULATIONS.items()
        }
        asking = [v for v in snapshot.validators if (snapshot.at_ns - v.heard_ns) / 1e9 < _OVER_S]
        told["response_ms"] = _worst([Measured(_response(one), one.sender) for one in asking], low=False)
        told["unanswered"] = _worst(
            [Measured(self._unanswered(one, snapshot.at_ns), one.sender) for one in asking], low=False
        )
        heard = max((one.heard_ns for one in snapshot.validators), default=snapshot.began_ns)
        told["silent_s"] = Measured((snapshot.at_ns - heard) / 1e9)
        return told | {name: Measured(value) for name, value in self._machine().items()}

    def _look(self, one: Simulation) -> Look:
        mark = _Mark.of(one)
        # Everything is counted from the first state that was seen on.
        marks = self._marks.setdefault(one.key, deque([mark.at_the_start(one.began_ns)]))
        if marks[-1].time_ns > mark.time_ns or marks[-1].states > mark.states:
            # It began anew.
            marks = self._marks[one.key] = deque([mark.at_the_start(one.began_ns)])
            self._pnl.pop(one.key, None)
        pnl = self._pnl.setdefault(one.key, deque(maxlen=_SHARPE_MINUTES + 1))
        if mark.time_ns - marks[-1].time_ns >= _STEP_S * 1e9:
            marks.append(mark)
            pnl.append(float(one.pnl.sum()))
        while len(marks) > 1 and mark.time_ns - marks[1].time_ns >= WINDOW_S * 1e9:
            marks.popleft()
        self._marks.move_to_end(one.key)
        while len(self._marks) > _MOST:
            key, _ = self._marks.popitem(last=False)
            del self._pnl[key]
        return Look(one, mark, marks[0], np.array(pnl))

    def _unanswered(self, one: Validator, at_ns: int) -> float:
        """Share of the requests of the last hour that got no orders."""
        # Who is told to cancel everything got what was wanted.
        without = sum(n for note, n in one.without_orders.items() if note not in ("leaving", "stopped"))
        marks = self._asked.setdefault(one.sender, deque([(at_ns, 0, 0)]))
        if at_ns - marks[-1][0] >= _STEP_S * 1e9:
            marks.append((at_ns, one.answered, without))
        while len(marks) > 1 and at_ns - marks[1][0] >= WINDOW_S * 1e9:
            marks.popleft()
        asked = one.answered - marks[0][1]
        return (without - marks[0][2]) / asked if asked >= _LEAST_ASKED else math.nan


def _worst(measured: list[Measured], *, low: bool) -> Measured:
    known = [one for one in measured if not math.isnan(one.value)]
    if not known:
        return Measured()
    return min(known, key=lambda one: one.value if low else -one.value)


def _name(one: Simulation) -> str:
    return "/".join(part[:12] for part in one.key if part)

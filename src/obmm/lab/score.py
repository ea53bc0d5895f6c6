"""Scores of a run under any era: while it goes on, and from its records afterwards."""

from __future__ import annotations

import functools
import math
import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt

from obmm.agent import ConfigError, Problem
from obmm.lab.groups import of_groups
from obmm.lab.recorded import Run
from obmm.lab.recorded_states import states_of
from obmm.market import Feed, MarketState
from obmm.scoring import ERAS, Field, FieldScore
from obmm.scoring.debeta import DebetaScorer, Round, figures_of
from obmm.scoring.kappa_fields import KappaFields
from obmm.scoring.unscored import why_unscored
from obmm.settings import did_you_mean

if TYPE_CHECKING:
    from obmm.sim import Scenario

#: The eras printed after a run, one of each kind of rules.
MAIN_ERAS = ("0.1.51", "0.3.5", "0.4.5", "0.5.4", "0.5.5", "0.6.3")
_VERSION = re.compile(r"\d+\.\d+\.\d+")


def own_era(scenario: str, said: str = "") -> str:
    """The scoring era of a market: the one it says, else by the version in its name, else the newest one.

    Args:
        scenario: Name of the market: of a scenario, a recording, or what was recorded live.
        said: The era that the scenario says.

    Raises:
        ConfigError: It says one that there is not.

    >>> own_era("taos-0.5.4"), own_era("live 0.6.2-7"), own_era("mine.toml"), own_era("mine.toml", "0.5.4")
    ('0.5.4', '0.6.3', '0.6.3', '0.5.4')
    """
    if said:
        if said not in ERAS:
            what = f"is no era; {did_you_mean(said, list(ERAS))}"
            raise ConfigError([Problem(f"{scenario}: era {said!r}", what)])
        return said
    found = _VERSION.search(scenario)
    version = found.group() if found else ""
    if version in ERAS:
        return version
    alike = [name for name in ERAS if version and name.rpartition(".")[0] == version.rpartition(".")[0]]
    return alike[-1] if alike else list(ERAS)[-1]


def era_of_run(about: Mapping[str, Any]) -> str:
    """The scoring era of a run's market, by what its `run.json` says.

    >>> era_of_run({"scenario": "mine", "era": "0.5.4"}), era_of_run({"scenario": "live 0.5.4-3"})
    ('0.5.4', '0.5.4')
    """
    return own_era(str(about.get("scenario", "")), str(about.get("era", "")))


def no_eras(names: Iterable[str]) -> list[Problem]:
    """A problem for each name that is no scoring era."""
    return [
        Problem(f"eras {name}", f"is no era; {did_you_mean(name, list(ERAS))}")
        for name in names
        if name not in ERAS
    ]


def eras_of(words: Sequence[str], *scenarios: Scenario) -> tuple[str, ...]:
    """The eras to follow on scenarios: those in `words`, none for `none`, else each one's own.

    Raises:
        ConfigError: A word names no era.

    >>> from obmm.sim import Scenario
    >>> old, today = Scenario.load("taos-0.5.4"), Scenario.load("taos-0.6.2")
    >>> eras_of((), old, today), eras_of(["0.3.5"], old), eras_of(["none"])
    (('0.5.4', '0.6.3'), ('0.3.5',), ())
    """
    if tuple(words) == ("none",):
        return ()
    if problems := no_eras(words):
        raise ConfigError(problems)
    own = [own_era(scenario.name, scenario.era) for scenario in scenarios] if not words else []
    return tuple(dict.fromkeys(words or own))


#: Runs number their accounts from 0, but uid 0 of the subnet is no ordinary miner: it takes what is burnt,
#: and what it makes is never measured. Accounts are therefore scored under uids this much higher.
UID_SHIFT = 1


#: Figures of a scoring, put together when they are asked for.
_Told: TypeAlias = Callable[[], Mapping[str, float | None]]


@attrs.define
class _Past:
    """Scorings of one account under one era, eight bytes a figure; `count` is of all there were."""

    tell: _Told = attrs.field(init=False)
    names: tuple[str, ...] = ()
    times_ns: array[int] = attrs.field(factory=lambda: array("q"))
    values: array[float] = attrs.field(factory=lambda: array("d"))
    count: int = 0

    @property
    def newest(self) -> dict[str, float]:
        """Figures of the newest scoring; what does not exist is NaN."""
        return {name: math.nan if value is None else float(value) for name, value in self.tell().items()}

    def add(self, time_ns: int, tell: _Told, *, keep: bool) -> None:
        """Take in one scoring, and keep it beyond the next one where that is asked."""
        self.tell = tell
        self.count += 1
        if keep:
            figures = self.newest
            self.names = tuple(figures)
            self.times_ns.append(time_ns)
            self.values.extend(figures.values())


@attrs.define
class RunScores:
    """Scores every account of a run under several eras, state by state.

    Ranks are ranks among the accounts of the run (`field`): on the subnet there are some 256, and what a rank
    is worth depends on that. The accounts of a run are scored as ordinary miners, none as uid 0
    (`UID_SHIFT`). In a wide run each group of books has a field, and comes to what it comes to alone.

    Attributes:
        eras: The eras.
        every: Whether every scoring is kept for `take`, or the newest only.

    >>> from obmm.testing import random_states
    >>> scores = RunScores(("0.5.4",))
    >>> for state in random_states(1, 3, n_books=2):
    ...     scores.observe({0: state})
    >>> scores.told(0)["0.5.4"]["figures"]["kappa_score"]
    0.0
    """

    eras: Sequence[str] = MAIN_ERAS
    every: bool = attrs.field(default=True, kw_only=True)
    _past: dict[tuple[str, int, int], _Past] = attrs.field(init=False, factory=dict)
    _fields: dict[str, list[Field]] = attrs.field(init=False)
    # Of runs side by side, under the eras that can score them so.
    _beside: dict[str, KappaFields] = attrs.field(init=False, factory=dict)
    _debeta: dict[str, DebetaScorer] = attrs.field(init=False)
    _uids: tuple[int, ...] = attrs.field(init=False, default=())
    _groups: int = attrs.field(init=False, default=1)
    _minutes: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        kinds = {name: ERAS[name].mechanism for name in self.eras}
        self._fields = {name: [] for name in self.eras if kinds[name] != "debeta"}
        self._debeta = {
            name: DebetaScorer(era=ERAS[name], uid_shift=UID_SHIFT)
            for name in self.eras
            if kinds[name] == "debeta"
        }

    def observe(self, states: Mapping[int, MarketState]) -> None:
        """Take in the states of all accounts at one time; eras that read trades need a tape."""
        first = next(iter(states.values()))
        self._minutes += first.venue.publish_interval_ns / 6e10
        if not self._uids:
            self._uids = tuple(sorted(states))
            for scorer in self._debeta.values():
                scorer.uids = [uid + UID_SHIFT for uid in self._uids]
            n_groups = self._groups = first.venue.n_groups
            for name in list(self._fields):
                if n_groups > 1 and not self.every and KappaFields.suits(ERAS[name]):
                    del self._fields[name]
                    self._beside[name] = KappaFields(ERAS[name])
                else:
                    self._fields[name] = [Field(ERAS[name]) for _ in range(n_groups)]
        if self._beside:
            seated = {uid + UID_SHIFT: state for uid, state in states.items()}
            for beside in self._beside.values():
                beside.observe(seated)
        if self._fields:
            cut = {uid: of_groups(state, accounts=self.values_accounts) for uid, state in states.items()}
            for group in range(first.venue.n_groups):
                seated = {uid + UID_SHIFT: parts[group] for uid, parts in cut.items()}
                for name, fields in self._fields.items():
                    self._rank(name, group, fields[group].observe(seated))
        # These read the ids of the tape, which is everybody's: one state tells of all.
        for name, debeta in self._debeta.items():
            self._keep_rounds(name, debeta.follow(states[self._uids[0]]))

    def everybody(self, group: int = 0) -> dict[str, dict[int, Mapping[str, float]]]:
        """Era → account → its newest figures; under an era of making and skill all that traded, too."""
        told: dict[str, dict[int, Mapping[str, float]]] = {name: {} for name in self.eras}
        self._settle()
        for (name, where, uid), past in self._past.items():
            if where == group:
                told[name][uid] = past.newest
        for name, debeta in self._debeta.items():
            if (paid := debeta.latest_of(group)) is not None:
                told[name] = {uid - UID_SHIFT: figures_of(uid, paid) for uid in paid.uids.tolist()}
        return told

    @property
    def feeds(self) -> frozenset[Feed]:
        """What states must carry for these eras."""
        return frozenset({Feed.TAPE} if self._debeta else ())

    @property
    def values_accounts(self) -> bool:
        """Whether an era scores what accounts are worth, and not only what they traded."""
        return any(ERAS[name].mechanism == "sharpe" for name in self._fields)

    def told(self, uid: int, group: int = 0) -> dict[str, dict[str, Any]]:
        """Era → newest score of one account: `total`, `figures`, `books` (name → value per book), `field`.

        The books are those of a `group` of a wide run.

        Where an account has no score yet `total` is None, and `missing` says why.
        """
        self._settle()
        told: dict[str, dict[str, Any]] = {}
        for name in self.eras:
            past = self._past.get((name, group, uid))
            if past is None:
                continue
            figures = past.newest
            columns = self._columns(name, group, uid)
            missing = why_unscored(ERAS[name], figures, self._minutes)
            told[name] = {
                "total": None if missing else figures["score"],
                "missing": missing,
                "figures": figures,
                "books": {column: values.tolist() for column, values in columns.items()},
                "scorings": past.count,
                "field": len(self._uids),
            }
        return told

    def take(self) -> dict[str, list[Any]]:
        """Scorings since this was last asked, as long rows: era, uid, time_ns, name, value."""
        self._settle()
        rows: dict[str, list[Any]] = {"era": [], "uid": [], "time_ns": [], "name": [], "value": []}
        for (era, _, uid), past in self._past.items():
            n = len(past.values)
            rows["era"] += [era] * n
            rows["uid"] += [uid] * n
            rows["time_ns"] += np.repeat(past.times_ns, len(past.names)).tolist()
            rows["name"] += past.names * len(past.times_ns)
            rows["value"] += past.values
            del past.times_ns[:], past.values[:]
        return rows

    def _settle(self) -> None:
        for name, debeta in self._debeta.items():
            self._keep_rounds(name, debeta.settle())
        for name, beside in self._beside.items():
            for group in range(self._groups if beside.count else 0):
                self._rank(name, group, beside.latest_of(group))
                for uid in self._uids:
                    self._past[name, group, uid].count = beside.count

    def _rank(self, name: str, group: int, scored: FieldScore | None) -> None:
        if scored is None:
            return
        for i, uid in enumerate(scored.uids):
            self._keep(name, group, uid - UID_SHIFT, scored.time_ns, functools.partial(_ranked, scored, i))

    def _keep_rounds(self, name: str, rounds: Sequence[tuple[int, Round]]) -> None:
        for group, paid in rounds:
            for uid in self._uids:
                tell = functools.partial(figures_of, uid + UID_SHIFT, paid)
                self._keep(name, group, uid, paid.time_ns, tell)

    def _columns(self, name: str, group: int, uid: int) -> Mapping[str, npt.NDArray[np.float64]]:
        if name in self._debeta:
            return self._debeta[name].score_of(uid + UID_SHIFT, group).columns
        beside = self._beside.get(name)
        latest = self._fields[name][group].latest if beside is None else beside.latest_of(group)
        return {} if latest is None else latest.scores[uid + UID_SHIFT].columns

    def _keep(self, era: str, group: int, uid: int, time_ns: int, tell: _Told) -> None:
        self._past.setdefault((era, group, uid), _Past()).add(time_ns, tell, keep=self.every)


def _ranked(scored: FieldScore, place: int) -> Mapping[str, float | None]:
    """Figures of one account in a scoring of a field."""
    figures = scored.scores[scored.uids[place]].figures
    return {**figures, "reward": float(scored.rewards[place]), "weight": float(scored.weights[place])}


def score_run(run: Run, eras: Sequence[str] = MAIN_ERAS) -> RunScores:
    """Score a finished run from its records alone."""
    scores = RunScores(eras)
    for states in states_of(run):
        scores.observe(states)
    return scores

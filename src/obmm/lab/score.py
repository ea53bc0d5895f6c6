"""Scores of a run under any era: while it goes on, and from its records afterwards."""

from __future__ import annotations

import functools
import math
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
import numpy.typing as npt

from obmm.agent import ConfigError, Problem
from obmm.lab.recorded import Run, RunError
from obmm.lab.tables import Table
from obmm.market import (
    Accounts,
    EventKind,
    Feed,
    FeePolicy,
    MarketState,
    NoticeKind,
    Notices,
    OpenOrders,
    Tape,
    Venue,
)
from obmm.market.layout import columns_of
from obmm.scoring import ERAS, Field
from obmm.scoring.debeta import DebetaScorer, figures_of
from obmm.scoring.unscored import why_unscored
from obmm.settings import did_you_mean

if TYPE_CHECKING:
    from obmm.sim import Scenario

#: The eras printed after a run, one of each kind of rules.
MAIN_ERAS = ("0.1.51", "0.3.5", "0.4.5", "0.5.4", "0.5.5", "0.6.3")
_FILL, _RESET, _NO_NOTICES = int(NoticeKind.FILL), int(NoticeKind.RESET), Notices.none()
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


@attrs.define
class _Past:
    """Scorings of one account under one era, eight bytes a figure; `count` is of all there were."""

    names: tuple[str, ...]
    times_ns: array[int] = attrs.field(factory=lambda: array("q"))
    values: array[float] = attrs.field(factory=lambda: array("d"))
    newest: Mapping[str, float] = attrs.field(factory=dict)
    count: int = 0

    def add(self, time_ns: int, figures: Mapping[str, float | None]) -> None:
        """Keep one scoring; what does not exist is NaN."""
        self.newest = {name: math.nan if value is None else float(value) for name, value in figures.items()}
        self.times_ns.append(time_ns)
        self.values.extend(self.newest.values())
        self.count += 1


@attrs.define
class RunScores:
    """Scores every account of a run under several eras, state by state.

    Ranks are ranks among the accounts of the run (`field`): on the subnet there are some 256, and what a rank
    is worth depends on that. The accounts of a run are scored as ordinary miners, none as uid 0
    (`UID_SHIFT`).

    >>> from obmm.testing import random_states
    >>> scores = RunScores(("0.5.4",))
    >>> for state in random_states(1, 3, n_books=2):
    ...     scores.observe({0: state})
    >>> scores.told(0)["0.5.4"]["figures"]["kappa_score"]
    0.0
    """

    eras: Sequence[str] = MAIN_ERAS
    _past: dict[tuple[str, int], _Past] = attrs.field(init=False, factory=dict)
    _fields: dict[str, Field] = attrs.field(init=False)
    _debeta: dict[str, DebetaScorer] = attrs.field(init=False)
    _uids: tuple[int, ...] = attrs.field(init=False, default=())
    _minutes: float = attrs.field(init=False, default=0.0)

    def __attrs_post_init__(self) -> None:
        kinds = {name: ERAS[name].mechanism for name in self.eras}
        self._fields = {name: Field(ERAS[name]) for name in self.eras if kinds[name] != "debeta"}
        self._debeta = {
            name: DebetaScorer(era=ERAS[name], uid_shift=UID_SHIFT)
            for name in self.eras
            if kinds[name] == "debeta"
        }

    def observe(self, states: Mapping[int, MarketState]) -> None:
        """Take in the states of all accounts at one time; eras that read trades need a tape."""
        seated = {uid + UID_SHIFT: state for uid, state in states.items()}
        self._minutes += next(iter(states.values())).venue.publish_interval_ns / 6e10
        if not self._uids:
            self._uids = tuple(sorted(states))
            for scorer in self._debeta.values():
                scorer.uids = sorted(seated)
        for name, field in self._fields.items():
            scored = field.observe(seated)
            if scored is not None:
                for i, uid in enumerate(scored.uids):
                    figures = dict(scored.scores[uid].figures)
                    figures |= {"reward": float(scored.rewards[i]), "weight": float(scored.weights[i])}
                    self._keep(name, uid - UID_SHIFT, scored.time_ns, figures)
        # These read the ids of the tape, which is everybody's: one state tells of all.
        for name, debeta in self._debeta.items():
            if (paid := debeta.observe(states[self._uids[0]])) is not None:
                for uid in self._uids:
                    self._keep(name, uid, paid.time_ns, figures_of(uid + UID_SHIFT, paid))

    def everybody(self) -> dict[str, dict[int, Mapping[str, float]]]:
        """Era → account → its newest figures; under an era of making and skill all that traded, too."""
        told: dict[str, dict[int, Mapping[str, float]]] = {name: {} for name in self.eras}
        for (name, uid), past in self._past.items():
            told[name][uid] = past.newest
        for name, debeta in self._debeta.items():
            if (paid := debeta.latest) is not None:
                told[name] = {uid - UID_SHIFT: figures_of(uid, paid) for uid in paid.uids.tolist()}
        return told

    @property
    def feeds(self) -> frozenset[Feed]:
        """What states must carry for these eras."""
        return frozenset({Feed.TAPE} if self._debeta else ())

    @property
    def values_accounts(self) -> bool:
        """Whether an era scores what accounts are worth, and not only what they traded."""
        return any(field.era.mechanism == "sharpe" for field in self._fields.values())

    def told(self, uid: int) -> dict[str, dict[str, Any]]:
        """Era → newest score of one account: `total`, `figures`, `books` (name → value per book), `field`.

        Where an account has no score yet `total` is None, and `missing` says why.
        """
        told: dict[str, dict[str, Any]] = {}
        for name in self.eras:
            past = self._past.get((name, uid))
            if past is None:
                continue
            figures = dict(past.newest)
            missing = why_unscored(ERAS[name], figures, self._minutes)
            told[name] = {
                "total": None if missing else figures["score"],
                "missing": missing,
                "figures": figures,
                "books": {column: values.tolist() for column, values in self._columns(name, uid).items()},
                "scorings": past.count,
                "field": len(self._uids),
            }
        return told

    def take(self) -> dict[str, list[Any]]:
        """Scorings since this was last asked, as long rows: era, uid, time_ns, name, value."""
        rows: dict[str, list[Any]] = {"era": [], "uid": [], "time_ns": [], "name": [], "value": []}
        for (era, uid), past in self._past.items():
            n = len(past.values)
            rows["era"] += [era] * n
            rows["uid"] += [uid] * n
            rows["time_ns"] += np.repeat(past.times_ns, len(past.names)).tolist()
            rows["name"] += past.names * len(past.times_ns)
            rows["value"] += past.values
            del past.times_ns[:], past.values[:]
        return rows

    def _columns(self, name: str, uid: int) -> Mapping[str, npt.NDArray[np.float64]]:
        if name in self._debeta:
            return self._debeta[name].score_of(uid + UID_SHIFT).columns
        latest = self._fields[name].latest
        return {} if latest is None else latest.scores[uid + UID_SHIFT].columns

    def _keep(self, era: str, uid: int, time_ns: int, figures: Mapping[str, float | None]) -> None:
        past = self._past.get((era, uid))
        if past is None:
            past = self._past[era, uid] = _Past(tuple(figures))
        past.add(time_ns, figures)


def of_groups(
    state: MarketState, feeds: frozenset[Feed] = frozenset(), *, accounts: bool = True
) -> tuple[MarketState, ...]:
    """The states of the groups of a wide market, each by itself, as far as scoring needs them.

    Open orders are left out, notices of anything but fills and resets, the tape unless `feeds` ask for it,
    and `accounts` where no era values them. The books of a group must stand together.

    >>> from obmm.testing import random_state
    >>> state = random_state(1, venue=Venue.of(4, groups=[0, 0, 1, 1], book_ids=[0, 1, 0, 1]))
    >>> [part.n_books for part in of_groups(state)], of_groups(state)[1].mid == state.mid[2:]
    ([2, 2], array([ True,  True]))
    """
    venue = state.venue
    if venue.n_groups == 1:
        return (state,)
    cuts = [(int(rows[0]), int(rows[-1]) + 1) for rows in venue.group_rows]
    notices = _notices_of_groups(state.notices, cuts)
    tape = state.tape if Feed.TAPE in feeds else None
    parts = []
    for group, (first, last) in enumerate(cuts):
        # Slices of what is read-only are read-only: nothing is copied.
        rows = slice(first, last)
        balances = {name: values[rows] for name, values in columns_of(state.accounts).items() if accounts}
        parts.append(
            MarketState(
                venue=venue.of_group(group),
                time_ns=state.time_ns,
                uid=state.uid,
                bid_price=state.bid_price[rows],
                bid_size=state.bid_size[rows],
                ask_price=state.ask_price[rows],
                ask_size=state.ask_size[rows],
                maker_ratio=state.maker_ratio[rows],
                accounts=Accounts(**balances) if accounts else _no_accounts(last - first),
                open_orders=_no_orders(last - first),
                notices=notices[group],
                tape=None if tape is None else _part_of_tape(tape, first, last),
            )
        )
    return tuple(parts)


@functools.lru_cache(maxsize=16)
def _no_accounts(n_books: int) -> Accounts:
    return Accounts.unknown(n_books)


@functools.lru_cache(maxsize=16)
def _no_orders(n_books: int) -> OpenOrders:
    return OpenOrders.empty(n_books)


def _notices_of_groups(notices: Notices, cuts: Sequence[tuple[int, int]]) -> list[Notices]:
    """Fills and resets of the books of each cut, in their order; what is about no book is for all."""
    told = np.flatnonzero((notices.kind == _FILL) | (notices.kind == _RESET))
    if not told.size:
        return [_NO_NOTICES] * len(cuts)
    book, parts = notices.book[told], []
    for first, last in cuts:
        rows = told[(book < 0) | ((book >= first) & (book < last))]
        if not rows.size:
            parts.append(_NO_NOTICES)
            continue
        taken = {name: values[rows] for name, values in columns_of(notices).items()}
        taken["book"] = np.where(taken["book"] < 0, -1, taken["book"] - first)
        parts.append(Notices(**taken, message=("",) * rows.size))
    return parts


def _part_of_tape(tape: Tape, first: int, last: int) -> Tape:
    offset = tape.offset[first : last + 1]
    rows = slice(int(offset[0]), int(offset[-1]))
    columns = {name: values[rows] for name, values in columns_of(tape).items() if name != "offset"}
    return Tape(offset=offset - offset[0], **columns)


def score_run(run: Run, eras: Sequence[str] = MAIN_ERAS) -> RunScores:
    """Score a finished run from its records alone."""
    scores = RunScores(eras)
    for states in states_of(run):
        scores.observe(states)
    return scores


def states_of(run: Run) -> Iterator[dict[int, MarketState]]:
    """The states of a recorded run by uid, rebuilt as far as scoring needs them.

    The touch, balances, fills and trades are what they were; depth, open orders and other notices are not
    recorded and stay empty.

    Raises:
        EmptyRun: It holds no state.
        RunError: The clock of the run runs back: it holds several simulations.
    """
    venue = venue_of(run.about)
    uids = [int(uid) for uid in run.about["accounts"]]
    times, _ = run.grid(uids[0], "bid")
    if np.any(np.diff(times) <= 0):
        raise RunError(f"{run.folder} holds several simulations: its clock runs back")
    tapes = tapes_of(run.table("trades"), venue, times)
    notices = {uid: _fills(run, venue, uid, times) for uid in uids}
    market = ("bid", "ask", "bid_size", "ask_size", "maker_ratio")
    names = (*market, "maker_rate", "taker_rate", "base", "quote", "position")
    grids = {uid: dict(zip(names, run.grid(uid, *names)[1], strict=True)) for uid in uids}
    nobody = OpenOrders.empty(venue.n_books)
    for row, time_ns in enumerate(times.tolist()):
        states = {}
        for uid in uids:
            g = {name: values[row] for name, values in grids[uid].items()}
            states[uid] = MarketState(
                venue=venue,
                time_ns=time_ns,
                uid=uid,
                bid_price=g["bid"][:, None],
                bid_size=g["bid_size"][:, None],
                ask_price=g["ask"][:, None],
                ask_size=g["ask_size"][:, None],
                maker_ratio=g["maker_ratio"],
                accounts=Accounts.of(
                    venue.n_books,
                    base=g["base"],
                    quote=g["quote"],
                    base_initial=g["base"] - g["position"],
                    maker_rate=g["maker_rate"],
                    taker_rate=g["taker_rate"],
                ),
                open_orders=nobody,
                notices=notices[uid].get(row, Notices.none()),
                tape=tapes.get(row, Tape.empty(venue.n_books)),
            )
        yield states


def venue_of(about: Mapping[str, Any]) -> Venue:
    """The venue that `run.json` describes."""
    described = dict(about["venue"])
    return Venue(**{**described, "fees": FeePolicy(**described["fees"])})


def _rows_by_state(table: Table, times: npt.NDArray[np.int64]) -> Iterator[tuple[int, npt.NDArray[np.int64]]]:
    """(state, rows of `table` told with it): an event belongs to the first state after it."""
    state = np.searchsorted(times, table["time_ns"], side="right")
    order = np.argsort(state, kind="stable")
    cuts = np.flatnonzero(np.diff(state[order])) + 1
    for rows in np.split(order, cuts):
        if rows.size:
            yield int(state[rows[0]]), rows


def _positions(venue: Venue, book_id: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    return np.array([venue.index_of(int(book)) for book in book_id], dtype=np.int64)


def tapes_of(table: Table, venue: Venue, times: npt.NDArray[np.int64]) -> dict[int, Tape]:
    """State → its tape, of the states that have trades in a table of them."""
    tapes = {}
    for state, rows in _rows_by_state(table, times):
        book = _positions(venue, table["book"][rows])
        rows, book = rows[np.argsort(book, kind="stable")], np.sort(book)
        none = np.full(rows.size, -1)
        columns: dict[str, Any] = {name: table[name][rows] for name in ("time_ns", "side", "price", "size")}
        columns |= {name: table[name][rows] for name in ("maker_id", "taker_id", "maker_fee", "taker_fee")}
        tapes[state] = Tape(
            offset=np.concatenate([[0], np.cumsum(np.bincount(book, minlength=venue.n_books))]),
            kind=np.full(rows.size, int(EventKind.TRADE)),
            order_id=none,
            taker_order_id=none,
            client_id=none,
            **columns,
        )
    return tapes


def _fills(run: Run, venue: Venue, uid: int, times: npt.NDArray[np.int64]) -> dict[int, Notices]:
    table = run.of("fills", uid)
    told = {}
    for state, rows in _rows_by_state(table, times):
        maker = table["maker"][rows].astype(np.bool_)
        columns: dict[str, Any] = {
            name: table[name][rows]
            for name in ("time_ns", "side", "price", "size", "fee", "order_id", "client_id", "trade_id")
        }
        told[state] = Notices(
            kind=np.full(rows.size, int(NoticeKind.FILL)),
            book=_positions(venue, table["book"][rows]),
            maker_id=np.where(maker, uid, table["other"][rows]),
            taker_id=np.where(maker, table["other"][rows], uid),
            message=("",) * rows.size,
            **columns,
        )
    return told

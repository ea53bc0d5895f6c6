"""Signals and mids, state by state: what a study measures, from a recording, a market or a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, ConfigError, MarketMaker, Problem
from obmm.lab.study.subjects import Subjects
from obmm.market import Feed, FloatArray, IntArray, MarketState, Signals, Venue

#: A clock that is set back further begins another stretch; less is a state that comes late.
RESTART_NS = 60 * 10**9
#: Told of simulated seconds done.
Progress = Callable[[float], None]


@attrs.frozen(eq=False)
class Stretch:
    """Signals on the books of one market over T states.

    Attributes:
        name: Where it comes from.
        time_ns: (T,) simulated time.
        mid: (T, B) quote; NaN where a book is not sound.
        signals: (T, B) by name; a price is told as its distance from the mid, a share of it.
        classes: (B,) the class of each book.
    """

    name: str
    time_ns: IntArray
    mid: FloatArray
    signals: dict[str, FloatArray]
    classes: tuple[str, ...]

    @property
    def interval_s(self) -> float:
        """Seconds between neighbouring states, the usual ones."""
        return float(np.median(np.diff(self.time_ns))) / 1e9 if self.time_ns.size > 1 else 1.0


@attrs.define
class _Collector:
    """Computes the signals of each state and keeps them."""

    subjects: Subjects
    stages: list[tuple[str, Any, frozenset[str]]] = attrs.field(init=False)
    first_ns: int | None = None
    last_ns: int | None = None
    times: list[int] = attrs.field(factory=list)
    mids: list[FloatArray] = attrs.field(factory=list)
    kept: dict[str, list[FloatArray]] = attrs.field(factory=dict)
    venue: Venue | None = None

    def __attrs_post_init__(self) -> None:
        self.stages = []
        for spec in self.subjects.order:
            stage = spec.build()
            reads = frozenset(need for need in getattr(stage, "needs", ()) if isinstance(need, str))
            self.stages.append((spec.name, stage, reads))
        self.kept = {name: [] for name in self.subjects.studied}

    def see(self, state: MarketState) -> None:
        """Take a state in; one that is not later than the last is passed over.

        Raises:
            ConfigError: A signal fails.
        """
        if self.last_ns is not None and state.time_ns <= self.last_ns:
            return
        self.last_ns = state.time_ns
        self.first_ns = state.time_ns if self.first_ns is None else self.first_ns
        self.venue = state.venue
        signals = Signals(n_books=state.n_books)
        with np.errstate(all="ignore"):
            for name, stage, reads in self.stages:
                signals.add(name, _asked(name, stage, state, signals.declared(reads)))
        self.times.append(int(state.time_ns))
        self.mids.append(np.where(state.sound, state.mid, np.nan))
        for name, values in self.kept.items():
            values.append(signals[name])

    def stretch(self, name: str, classes: Sequence[str] = ()) -> Stretch:
        """What was taken in.

        Raises:
            ConfigError: It is less than two states.
        """
        if self.venue is None or len(self.times) < 2:
            raise ConfigError([Problem(name, f"holds {len(self.times)} states; a study needs two and more")])
        times, mid = np.array(self.times, dtype=np.int64), np.stack(self.mids)
        warm = {spec.name: float(getattr(spec.build(), "warmup_s", 0.0)) for spec in self.subjects.order}
        columns: dict[str, FloatArray] = {}
        for signal, values in self.kept.items():
            unit = str(getattr(self.subjects.spec(signal).cls, "unit", ""))
            ready = (times - times[0]) / 1e9 >= warm[signal]
            for column, told in _columns(signal, np.stack(values)):
                told = told / mid - 1.0 if unit == "quote" else told
                columns[column] = np.where(ready[:, None] & np.isfinite(told), told, np.nan)
        return Stretch(name, times, mid, columns, tuple(classes) or classes_of(self.venue))


def _asked(name: str, stage: Any, state: MarketState, signals: Signals) -> FloatArray:
    """The value of a signal.

    Raises:
        ConfigError: It fails, or is of another shape.
    """
    try:
        value: FloatArray = np.asarray(stage(state, signals), dtype=np.float64)
        if value.shape[:1] != (state.n_books,) or value.ndim > 2:
            raise ValueError(
                f"gives shape {value.shape}, expected ({state.n_books},) or ({state.n_books}, K)"
            )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A stage of the user's may raise anything, or leave.
        what = f"fails at {state.time_s:g} s: {type(error).__name__}: {error}; `obmm check` says more"
        raise ConfigError([Problem(f"signal {name}", what)]) from error
    return value


def _columns(name: str, values: FloatArray) -> Iterator[tuple[str, FloatArray]]:
    """A signal (T, B) by its name, one (T, B, K) by its name with a number."""
    if values.ndim == 2:
        yield name, values
    else:
        yield from ((f"{name}.{k}", values[:, :, k]) for k in range(values.shape[2]))


def classes_of(venue: Venue) -> tuple[str, ...]:
    """Names of the classes of a venue's books: those alike in grid, least size and first price are one."""
    rows = zip(
        venue.price_decimals.tolist(),
        venue.volume_decimals.tolist(),
        venue.min_size_base.tolist(),
        np.nan_to_num(venue.initial_price).tolist(),
        strict=True,
    )
    keys = list(rows)
    known = list(dict.fromkeys(keys))
    return tuple(f"class {known.index(key) + 1}" if len(known) > 1 else "all" for key in keys)


def recorded(
    subjects: Subjects, capture: Path, progress: Progress | None = None, only: str = ""
) -> list[Stretch]:
    """The signals on a recording: a stretch for each simulation in it, and after each restart of one.

    Args:
        subjects: The signals.
        capture: The recording.
        progress: Told of each state.
        only: Of a live recording of several simulations, how `validator/simulation` begins.

    Raises:
        ConfigError: A signal fails, or there are fewer than two states.
        WireError: The recording is damaged.
    """
    from obmm.wire import read_stream

    collectors: dict[tuple[str, str, bytes], list[_Collector]] = {}
    seen_s, last_ns = 0.0, 0
    for told in read_stream(capture, subjects.feeds, only=only):
        state = told.state
        venue = state.venue
        key = (venue.validator, venue.simulation_id, venue.book_ids.tobytes())
        of_market = collectors.setdefault(key, [_Collector(subjects)])
        if of_market[-1].last_ns is not None and state.time_ns < of_market[-1].last_ns - RESTART_NS:
            of_market.append(_Collector(subjects))
        of_market[-1].see(state)
        seen_s += min(max(state.time_ns - last_ns, 0) / 1e9, venue.interval_s)
        last_ns = state.time_ns
        if progress is not None:
            progress(seen_s)
    every = [collector for of_market in collectors.values() for collector in of_market]
    long = (
        [collector for collector in every if len(collector.times) > 1] or every[:1] or [_Collector(subjects)]
    )
    name = capture.name
    return [one.stretch(name if len(long) == 1 else f"{name}, {i + 1}") for i, one in enumerate(long)]


def simulated(
    subjects: Subjects,
    scenario: Any,
    *,
    seed: int,
    books: int,
    hours: float,
    rivals: Sequence[Config] = (),
    progress: Progress | None = None,
) -> Stretch:
    """The signals on the embedded market, seen by an account that only looks.

    Args:
        subjects: The signals.
        scenario: A `Scenario`, whose synthetic miners take part.
        seed: Seed of every random stream.
        books: Number of books.
        hours: Simulated time after the first state.
        rivals: Pipelines that trade there, each with an account.
        progress: Told of each state.

    Raises:
        ConfigError: A signal fails.
    """
    from obmm.sim import SimulatedMarket

    makers = {uid: MarketMaker(config) for uid, config in enumerate(rivals, start=1)}
    feeds: frozenset[Feed] = subjects.feeds.union(*(maker.feeds for maker in makers.values()))
    collector = _Collector(subjects)
    with SimulatedMarket(scenario, books=books, seed=seed, miners=1 + len(makers), feeds=feeds) as market:
        for seen in market.states(hours * 3600.0):
            collector.see(seen[0])
            for uid, maker in makers.items():
                market.submit(uid, maker.respond(seen[uid]), response_s=0.1)
            if progress is not None and collector.first_ns is not None:
                progress((seen[0].time_ns - collector.first_ns) / 1e9)
    names = [scenario.assets[i].name for i in scenario.asset_of_book(books)]
    return collector.stretch(f"seed {seed}", names)


def of_run(folder: Path, names: Iterable[str], uid: int = 0) -> Stretch:
    """Signals as a run recorded them.

    Args:
        folder: The run's folder.
        names: Signals; none named means all that it has.
        uid: The account that computed them.

    Raises:
        RunError: The run cannot be read.
        ConfigError: It has no such account, or does not tell a signal.
    """
    from obmm.lab.recorded import Run
    from obmm.lab.tables import COLUMNS
    from obmm.settings.registry import registered

    run = Run(folder)
    if str(uid) not in run.about["accounts"]:
        have = ", ".join(run.about["accounts"])
        raise ConfigError([Problem(str(folder), f"has no account {uid}; there are {have}")])
    told = [name for name in run.table("signals") if name not in COLUMNS["signals"]]
    wanted = list(names) or list(dict.fromkeys(name.rpartition(".")[0] or name for name in told))
    times, (bid, ask) = run.grid(uid, "bid", "ask")
    mid = np.where(ask > bid, (bid + ask) / 2.0, np.nan)
    kinds = {
        path.partition(".")[2]: kind
        for path, kind, _ in run.about["accounts"][str(uid)]["config"].get("stages", ())
    }
    units = {name: str(getattr(cls, "unit", "")) for name, cls in registered("signals").items()}
    columns: dict[str, FloatArray] = {}
    for name in wanted:
        parts = [c for c in told if c == name or c.rpartition(".")[0] == name]
        if not parts:
            have = ", ".join(told) or "none"
            raise ConfigError([Problem(str(folder), f"does not tell a signal {name!r}; it has {have}")])
        for column in parts:
            value = run.signal(uid, column)
            assert value is not None
            price = units.get(str(kinds.get(name, "")), "") == "quote"
            columns[column] = value / mid - 1.0 if price else value
    return Stretch(folder.name, times, mid, columns, _classes_of_run(run.about))


def _classes_of_run(about: Any) -> tuple[str, ...]:
    """Classes of a run's books: as its scenario has them, else by what its venue tells."""
    from obmm.sim import Scenario

    books = len(about["venue"]["book_ids"])
    try:
        scenario = Scenario.load(str(about.get("scenario", "")))
        return tuple(scenario.assets[i].name for i in scenario.asset_of_book(books))
    except (ConfigError, OSError):
        first = about["venue"].get("initial_price") or [0.0] * books
        known = list(dict.fromkeys(first))
        return tuple(f"class {known.index(p) + 1}" if len(known) > 1 else "all" for p in first)

"""Stages wired together: signals, gates, builder, placer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from obmm.agent.config import Config, StageSpec
from obmm.agent.decision import Step
from obmm.agent.memory import Misfit, NotKept, give_back, plain, told_of, value_of
from obmm.execution import lock
from obmm.market import (
    BoolArray,
    Builder,
    Feed,
    FloatArray,
    Gate,
    Lens,
    Limits,
    MarketState,
    News,
    PerBook,
    Placer,
    Quotes,
    Signal,
    Signals,
    Steerable,
    Venue,
)
from obmm.market.news import news_of
from obmm.settings.books import select_books
from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.registry import find

#: A gap of more publish intervals than this between states starts the warm-up of every book again.
STALE_INTERVALS = 60


@attrs.frozen
class Plan:
    """What a configuration needs, known before the first state.

    Attributes:
        order: Signals in the order in which they are computed.
        feeds: Parts of the state that must be decoded.
        only_trades: Whether of the tape nothing but the trades is looked at.
        warmup_s: Simulated seconds after which every signal has settled.
    """

    order: tuple[StageSpec, ...]
    feeds: frozenset[Feed]
    only_trades: bool
    warmup_s: float


def plan(config: Config) -> Plan:
    """Order the signals by what they read, and gather feeds and warm-up.

    Raises:
        ConfigError: A stage reads a signal that does not exist, or signals read each other in a circle.
    """
    stages = {spec.path: spec.build() for spec in config.specs}
    names = [spec.name for spec in config.signals]
    said = {spec.path: _said(stages[spec.path], spec) for spec in config.specs}
    reads = {path: needs for path, (needs, _) in said.items()}
    problems = [
        Problem(
            f"{spec.origin}: {spec.path}",
            f"reads a signal {need!r} that is not there; {did_you_mean(need, names)}",
        )
        for spec in config.specs
        for need in sorted(n for n in reads[spec.path] if isinstance(n, str) and n not in names)
    ]
    # What a stage of the user's own tells is for the user to know.
    units = {s.name: getattr(stages[s.path], "unit", "") for s in config.signals if not s.source}
    problems += [
        Problem(f"{part.origin}: {part.path}", f"reads {name!r} as {unit!r}, and that tells {units[name]!r}")
        for spec in config.specs
        for part in spec.walk()
        if not part.source
        for name, unit in getattr(part.build(), "reads_as", {}).items()
        if units.get(name) not in (None, "", unit)
    ]
    if problems:
        raise ConfigError(problems)
    order: list[StageSpec] = []
    waiting = {spec.name: spec for spec in config.signals}
    warm: dict[str, float] = {}
    while waiting:
        ready = [
            s for s in waiting.values() if not any(n in waiting for n in reads[s.path] if isinstance(n, str))
        ]
        if not ready:
            circle = " → ".join(sorted(waiting))
            raise ConfigError(
                [
                    Problem(f"{s.origin}: {s.path}", f"signals read each other in a circle: {circle}")
                    for s in waiting.values()
                ]
            )
        for spec in ready:
            below = [warm[n] for n in reads[spec.path] if isinstance(n, str)]
            warm[spec.name] = said[spec.path][1] + max(below, default=0.0)
            order.append(spec)
            del waiting[spec.name]
    feeds = frozenset(need for needs in reads.values() for need in needs if isinstance(need, Feed))
    readers = [stages[path] for path, needs in reads.items() if Feed.TAPE in needs]
    only_trades = all(getattr(stage, "only_trades", False) for stage in readers)
    return Plan(tuple(order), feeds, only_trades, max(warm.values(), default=0.0))


def feeds_of(config: Config) -> frozenset[Feed]:
    """Parts of the state that a configuration, with all its assigned pipelines, must have decoded."""
    if config.choices:
        return frozenset[Feed]().union(*map(feeds_of, config.choices.values()))
    return plan(config).feeds.union(*(feeds_of(a.config) for a in config.assign))


def only_trades_of(config: Config) -> bool:
    """Whether of the tape a configuration, with all its assigned pipelines, looks at the trades alone."""
    return plan(config).only_trades and all(only_trades_of(a.config) for a in config.assign)


def _said(stage: Any, spec: StageSpec) -> tuple[frozenset[Feed | str], float]:
    """What a stage says it needs, and its warm-up.

    Raises:
        ConfigError: A stage of the user's own cannot say it.
    """
    try:
        needs: frozenset[Feed | str] = frozenset(getattr(stage, "needs", frozenset()))
        return needs, float(getattr(stage, "warmup_s", 0.0))
    except (Exception, SystemExit) as error:
        what = f"cannot say what it needs: {type(error).__name__}: {error}"
        raise ConfigError([Problem(f"{spec.origin}: {spec.path}", what)]) from error


def _signals_read(stage: Any) -> frozenset[str]:
    return frozenset(need for need in getattr(stage, "needs", ()) if isinstance(need, str))


@attrs.define
class Pipeline:
    """One pipeline bound to a venue; it remembers, so each validator and simulation gets its own.

    Call it with states in the order of their times.

    Attributes:
        settled_s: Seconds after which all signals of a book have settled.
        stage: Path of the stage at work, of a pipeline that raised the one that did; "" before the first.

    >>> from obmm.agent import resolve
    >>> pipeline = Pipeline.bind(resolve("balanced"), Venue.of(n_books=2))
    >>> pipeline
    Pipeline('preset balanced', 2 books, warm after 30s)
    """

    name: str
    venue: Venue
    plan: Plan
    signals: tuple[tuple[str, Signal], ...]
    gates: tuple[tuple[str, Gate], ...]
    builder: Builder
    placer: Placer
    books: BoolArray
    settled_s: PerBook
    stage: str = attrs.field(init=False, default="")
    _stages: dict[str, Any] = attrs.field(init=False)
    _reads: dict[str, frozenset[str]] = attrs.field(init=False)
    _lenses: dict[str, Lens] = attrs.field(init=False)
    _age_s: FloatArray = attrs.field(init=False)
    _last_ns: int | None = attrs.field(init=False, default=None)

    def __attrs_post_init__(self) -> None:
        self._age_s = np.zeros(self.venue.n_books)
        stages: dict[str, Any] = {f"signals.{name}": signal for name, signal in self.signals}
        stages |= {f"gates.{name}": gate for name, gate in self.gates} | {"builder": self.builder}
        self._stages = stages | {"placer": self.placer}
        self._lenses = {f"gates.{name}": gate for name, gate in self.gates if isinstance(gate, Lens)}
        self._reads = {path: _signals_read(stage) for path, stage in stages.items()}

    @classmethod
    def bind(cls, config: Config, venue: Venue, books: BoolArray | None = None) -> Pipeline:
        """New stages for `venue`, with overrides of single books laid over the options.

        Raises:
            ConfigError: The stages do not fit together.
        """
        order = plan(config)

        per_book = config.per_book(venue)
        gates: list[tuple[str, Gate]] = [(spec.name, spec.build(per_book)) for spec in config.gates]
        if not any(isinstance(gate, Steerable) for _, gate in gates):
            # A person can always rein the agent in, whatever the configuration says.
            gates.append(("override", find("gates", "override")()))
        return cls(
            name=config.name,
            venue=venue,
            plan=order,
            signals=tuple((spec.name, spec.build(per_book)) for spec in order.order),
            gates=tuple(gates),
            builder=config.builder.build(per_book),
            placer=config.placer.build(per_book),
            books=np.ones(venue.n_books, dtype=np.bool_) if books is None else books,
            settled_s=config.settled_s(order.warmup_s, venue),
        )

    def __call__(self, state: MarketState) -> Step:
        """Decide on one state."""
        # A missing number is NaN and spreads as NaN: numpy need not warn of it in every stage.
        with np.errstate(all="ignore"):
            return self._step(state)

    def _step(self, state: MarketState) -> Step:
        for path, lens in self._lenses.items():
            self.stage = path
            state = lens.through(state)
        self.stage = ""
        signals = Signals(n_books=state.n_books, age_s=self._aged(state), warmup_s=self.settled_s)
        for name, signal in self.signals:
            self.stage = f"signals.{name}"
            signals.add(name, signal(state, signals.declared(self._reads[self.stage])))
        verdicts: dict[str, Limits] = {}
        for name, gate in self.gates:
            self.stage = f"gates.{name}"
            verdicts[name] = verdict = gate(state, signals.declared(self._reads[self.stage]))
            _expect(Limits, f"gate {name!r}", verdict, state)
        limits = Limits.strictest(verdicts.values()).enforced(state.accounts.position)
        self.stage = "builder"
        wish = self.builder(state, signals.declared(self._reads[self.stage]), limits)
        _expect(Quotes, "the builder", wish, state)
        quotes = lock(wish, limits, state)
        self.stage = "placer"
        orders = self.placer(state, quotes, limits)
        return Step(
            name=self.name,
            books=self.books,
            signals=signals,
            limits=limits,
            quotes=quotes,
            orders=orders,
            gate_limits=verdicts,
            news=self._news(),
        )

    def _news(self) -> tuple[News, ...]:
        """What the stages tell of this state about the books of this pipeline."""
        told = (one for stage in self._stages.values() for one in news_of(stage))
        return tuple(
            one for one in told if one.books.shape == self.books.shape and (one.books & self.books).any()
        )

    def override(self, modes: Mapping[str, str]) -> None:
        """Put manual overrides in force: book selector → "off", "reduce-only" or "tight"."""
        chosen: dict[str, BoolArray] = {}
        for books, mode in modes.items():
            named = select_books(books, self.venue.book_ids)
            chosen[mode] = chosen.get(mode, np.zeros_like(named)) | named
        for stage in self._stages.values():
            if isinstance(stage, Steerable):
                stage.steer(chosen)

    def memory(self) -> tuple[dict[str, Any], dict[str, str]]:
        """What it and its stages remember, as plain values, and the stages that cannot tell, with why."""
        said = {path: _memory(stage) for path, stage in self._stages.items()}
        told = {
            "age_s": plain(self._age_s, "age_s"),
            "last_ns": self._last_ns,
            "stages": {path: told for path, (told, _) in said.items()},
        }
        # What a person ordered is no memory: it is ordered anew.
        silent = {
            path: why for path, (_, why) in said.items() if not isinstance(self._stages[path], Steerable)
        }
        return told, {path: why for path, why in silent.items() if why}

    def recall(self, told: Mapping[str, Any]) -> None:
        """Remember what `memory` told of a pipeline of the same configuration; new stages, none called yet.

        Books warm up again where a stage could not tell what it knew.

        Raises:
            Misfit: It told of something else.
        """
        stages, age_s, last_ns = told["stages"], value_of(told["age_s"], "age_s"), told["last_ns"]
        if set(stages) != set(self._stages):
            raise Misfit(f"it tells of other stages than {self.name} has")
        if np.shape(age_s) != (self.venue.n_books,) or not (last_ns is None or isinstance(last_ns, int)):
            raise Misfit(f"it tells of another number of books than {self.venue.n_books}")
        for path, stage in self._stages.items():
            if stages[path] is not None:
                give_back(stage, stages[path])
            elif not isinstance(stage, Steerable):
                age_s = np.zeros_like(age_s)
        self._age_s, self._last_ns = age_s, last_ns

    def changed(self, before: Pipeline, kept: frozenset[str]) -> Pipeline:
        """This pipeline, new, with the stages of the one `before` at the paths `kept`, and the ages of books.

        Books warm up again if a signal that has to settle is new.
        """
        old = before._stages
        pipeline = attrs.evolve(
            self,
            signals=tuple((n, old[f"signals.{n}"] if f"signals.{n}" in kept else s) for n, s in self.signals),
            gates=tuple((n, old[f"gates.{n}"] if f"gates.{n}" in kept else g) for n, g in self.gates),
            builder=old["builder"] if "builder" in kept else self.builder,
            placer=old["placer"] if "placer" in kept else self.placer,
        )
        fresh = [signal for name, signal in self.signals if f"signals.{name}" not in kept]
        if not any(getattr(signal, "warmup_s", 0.0) for signal in fresh):
            pipeline._age_s = before._age_s
        pipeline._last_ns = before._last_ns
        return pipeline

    def _aged(self, state: MarketState) -> FloatArray:
        """(B,) seconds of good data each book has had; a long gap or a bad book starts again."""
        # A clock set back to a checkpoint takes nothing away from what the books have seen.
        gap_ns = 0 if self._last_ns is None else max(state.time_ns - self._last_ns, 0)
        self._last_ns = state.time_ns
        gap_s, fresh = gap_ns / 1e9, gap_ns <= STALE_INTERVALS * self.venue.publish_interval_ns
        self._age_s = np.where(state.sound & fresh, self._age_s + gap_s, np.where(fresh, self._age_s, 0.0))
        return self._age_s

    def __repr__(self) -> str:
        return f"Pipeline({self.name!r}, {int(self.books.sum())} books, warm after {self.plan.warmup_s:g}s)"


def _memory(stage: object) -> tuple[dict[str, Any] | None, str]:
    """What a stage remembers, or why it cannot be told."""
    try:
        return told_of(stage), ""
    except NotKept as why:
        return None, str(why)


def _expect(kind: type[Limits] | type[Quotes], who: str, given: Limits | Quotes, state: MarketState) -> None:
    """Refuse what a stage should not have given, with its name.

    Raises:
        TypeError: It is of another kind.
        ValueError: It speaks of another number of books.
    """
    if not isinstance(given, kind):
        raise TypeError(f"{who} gives a {type(given).__name__}, expected {kind.__name__}")
    if given.n_books != state.n_books:
        raise ValueError(f"{who} speaks of {given.n_books} books, expected {state.n_books}")

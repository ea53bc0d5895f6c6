"""The hand on an agent that runs: all that a person may do to it, wherever it is ordered from."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import attrs
import numpy as np
import structlog

from obmm.agent import Busy, Choice, Config, ConfigError, ConfigFile, MarketMaker, Problem, Trial
from obmm.agent.faults import told
from obmm.agent.reload import PATIENCE_S
from obmm.agent.telling import tell
from obmm.market import BoolArray
from obmm.risk import Override
from obmm.settings.books import BOOK_IDS, select_books
from obmm.settings.errors import did_you_mean
from obmm.testing import random_states
from obmm.wire.frames import Act

#: The note of answers that cancel all that rests because a person wants it.
STOPPED = "stopped"
#: What may be done, with the words each takes.
DEEDS: dict[str, tuple[str, ...]] = {
    "status": (),
    **{mode.value: ("books",) for mode in Override},
    "on": ("books",),
    "cancel-all": (),
    "swap": ("source",),
    "back": (),
    "ab-start": ("source", "books"),
    "ab-end": (),
    "snapshot": (),
    "stop": (),
}
#: Books and states of the market on which a configuration is tried before it answers.
_TRIED_BOOKS, _TRIED_STATES = 8, 3
_MOST_BOOKS = 4096

_log = structlog.get_logger("obmm.helm")


class Refused(ValueError):
    """What was ordered cannot be done; the message says why, and what would work."""


class Answers(Protocol):
    """Whoever sends the answers: `obmm.live.session.Session`."""

    @property
    def stopped(self) -> str:
        """Why every answer cancels all that rests, "" if none has to."""
        ...

    def cancel_all(self, why: str) -> None:
        """From now on every answer cancels all that rests."""
        ...

    def go_on(self) -> None:
        """From now on answers are what the agent decides."""
        ...


@attrs.define(eq=False, kw_only=True)
class Helm:
    """Steers an agent that runs; thread-safe. Each deed is told to the listeners, done or not.

    No deed waits for an agent that is busy for longer than two seconds; books are reined in and all is
    cancelled without waiting at all.

    Attributes:
        maker: The agent; it must obey an override file.
        answers: Whoever sends its answers.
        config_file: What its configuration is made of.
        figures: What the agent has done so far, for `status`.
        listeners: Told of each deed but `status`.
        stop_asked: Set when the run is to end.
    """

    maker: MarketMaker
    answers: Answers
    config_file: ConfigFile
    figures: Callable[[], dict[str, Any]] = dict
    listeners: list[Callable[[Act], None]] = attrs.field(factory=list)
    stop_asked: threading.Event = attrs.field(factory=threading.Event, init=False)
    _began_s: float = attrs.field(factory=time.monotonic, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    def do(self, deed: str, words: Mapping[str, str], who: str) -> dict[str, Any]:
        """Do something, one of `DEEDS`.

        Args:
            deed: What.
            words: With what: `books` is a selector, "all" if not given, `source` a preset or a TOML file.
            who: On whose order.

        Returns:
            What is so now; see `status`.

        Raises:
            Refused: It cannot be done, and nothing has changed.
        """
        if deed not in DEEDS:
            raise Refused(f"{deed!r} cannot be done; {did_you_mean(deed, DEEDS)}")
        if unknown := sorted(set(words) - set(DEEDS[deed])):
            raise Refused(f"{deed} takes no {unknown[0]}")
        if deed == "status":
            return self.status()
        about = {name: str(value) for name, value in words.items()}
        try:
            about |= self._done(deed, about)
        except (Refused, ConfigError, Busy, ValueError, OSError) as error:
            self._tell(deed, about, who, told(error) if isinstance(error, OSError) else str(error))
            raise Refused(str(error)) from error
        self._tell(deed, about, who, "")
        return self.status()

    def status(self) -> dict[str, Any]:
        """How the agent stands, as plain values; it never waits.

        `config`, `config_hash`, `source`, `ab` (None or `source` and `books`), `before` (the source that
        `back` returns to), `problem` of the configuration's files, `overrides`, `stopped`, `states`,
        `errors`, `faults`, `seconds`, and the figures.
        """
        choice, before = self.config_file.choice, self.config_file.before
        trial = choice.trial
        return {
            "config": self.maker.config.name,
            "config_hash": self.maker.config_hash,
            "source": str(choice.source),
            "ab": None if trial is None else {"source": str(trial.source), "books": trial.books},
            "before": None if before is None else _named(before),
            "problem": self.config_file.problem,
            "overrides": {} if self.maker.overrides is None else dict(self.maker.overrides.modes),
            "stopped": self.answers.stopped,
            "states": self.maker.states,
            "errors": self.maker.errors,
            "faults": [attrs.asdict(fault) for fault in self.maker.faults],
            "seconds": time.monotonic() - self._began_s,
            **self.figures(),
        }

    def _done(self, deed: str, words: Mapping[str, str]) -> dict[str, str]:
        """Do it; returns what more there is to tell of it."""
        if deed == "cancel-all":
            # Without any lock: this is for when everything else hangs.
            self.answers.cancel_all(STOPPED)
            return {}
        if deed == "stop":
            self.stop_asked.set()
            return {}
        if deed == "snapshot":
            if self.maker.keeper is None:
                raise Refused("nothing is kept: start obmm run with --state or --record")
            self.maker.save(PATIENCE_S)
            return {}
        with self._lock:
            if deed == "on" or deed in set(Override):
                return self._order(deed, words.get("books", "all"))
            return {"config_hash": self._configured(deed, words)}

    def _order(self, mode: str, books: str) -> dict[str, str]:
        overrides = self.maker.overrides
        if overrides is None:
            raise Refused("the agent obeys no override file: start obmm run with --overrides")
        modes = ordered(overrides.modes, mode, books)
        lifted = mode == "on" and books == "all" and self.answers.stopped == STOPPED
        try:
            overrides.order(modes)
        finally:
            if lifted:
                self.answers.go_on()
        return {"books": books, "now": ", ".join(f"{k}: {v}" for k, v in modes.items()) or "none"}

    def _configured(self, deed: str, words: Mapping[str, str]) -> str:
        file, choice = self.config_file, self.config_file.choice
        if deed == "back":
            if file.before is None:
                raise Refused("there is nothing to go back to: the configuration was not changed")
            chosen = file.before
        elif deed == "ab-end":
            if choice.trial is None:
                raise Refused("no A/B is going on")
            chosen = attrs.evolve(choice, trial=None)
        elif deed == "ab-start":
            if choice.trial is not None:
                raise Refused("an A/B is going on; end it first: obmm control ab end")
            chosen = attrs.evolve(choice, trial=Trial(_source(words), _selector(words)))
        else:
            chosen = Choice(_source(words))
        return file.take(chosen, _tried).hash

    def _tell(self, deed: str, about: dict[str, str], who: str, problem: str) -> None:
        act = Act(at_ns=time.time_ns(), who=who, what=deed, about=about, problem=problem)
        level = logging.ERROR if problem else logging.WARNING
        tell(_log, level, "steered", deed=deed, who=who, **about, **({"problem": problem} if problem else {}))
        try:
            for listener in tuple(self.listeners):
                listener(act)
        except Exception as error:  # What was done is done.
            tell(_log, logging.ERROR, "a listener of deeds failed", what=told(error))


def ordered(modes: Mapping[str, str], mode: str, books: str) -> dict[str, str]:
    """Overrides after another order: the books it names have its mode and no other.

    Raises:
        ValueError: The selector cannot be read.

    >>> ordered({"all": "off"}, "on", "7")
    {'0-6,8-65535': 'off'}
    >>> ordered({"5-9": "off", "3": "tight", "odd": "tight"}, "reduce-only", "even")
    {'5,7,9': 'off', '3': 'tight', 'odd': 'tight', 'even': 'reduce-only'}
    """
    chosen = select_books(books, BOOK_IDS)
    after: dict[str, str] = {}
    for selector, before in modes.items():
        named = select_books(selector, BOOK_IDS)
        left = named & ~chosen
        if left.any():
            after[selector if (left == named).all() else _written(left)] = before
    if mode != "on":
        after[books] = mode
    return after


def _written(books: BoolArray) -> str:
    """A selector of these books; of many single ones those that a market may have."""
    ids = np.flatnonzero(books)
    if np.count_nonzero(np.diff(ids) > 1) > _MOST_BOOKS:
        ids = ids[ids < _MOST_BOOKS]
    ends = np.flatnonzero(np.diff(ids) > 1)
    first, last = ids[np.r_[0, ends + 1]], ids[np.r_[ends, ids.size - 1]]
    return ",".join(f"{a}-{b}" if b > a else f"{a}" for a, b in zip(first, last, strict=True))


def _named(choice: Choice) -> str:
    trial = "" if choice.trial is None else f", with {choice.trial.source} on {choice.trial.books}"
    return f"{choice.source}{trial}"


def _source(words: Mapping[str, str]) -> str | Path:
    if not words.get("source"):
        raise Refused("say which configuration: a preset's name or a TOML file")
    return words["source"]


def _selector(words: Mapping[str, str]) -> str:
    if not words.get("books"):
        raise Refused("say which books run it, such as --books even")
    select_books(words["books"], BOOK_IDS)
    return words["books"]


def _tried(config: Config) -> None:
    """Let a configuration answer some states for nobody.

    Raises:
        ConfigError: A stage of it fails.
    """
    trial = MarketMaker(config)
    for state in random_states(1, _TRIED_STATES, n_books=_TRIED_BOOKS):
        trial.decide(state)
    if trial.faults:
        raise ConfigError(
            [Problem(config.name, f"fails on a trial: {fault.first}") for fault in trial.faults]
        )

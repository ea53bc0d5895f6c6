"""A configuration that changes while the agent runs."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

import attrs
import structlog

from obmm.agent.config import Assignment, Config
from obmm.agent.faults import told
from obmm.agent.maker import Busy, MarketMaker
from obmm.agent.resolve import resolve
from obmm.agent.sources import files_of
from obmm.agent.telling import tell
from obmm.settings.errors import ConfigError, Problem
from obmm.settings.modules import source_files

_log = structlog.get_logger("obmm.config")


#: Real seconds to wait for an agent that is busy with a state.
PATIENCE_S = 2.0


@attrs.frozen
class Trial:
    """Another configuration that runs some of the books.

    Attributes:
        source: A preset's name or a TOML file.
        books: Selector of its books.
    """

    source: str | Path
    books: str


@attrs.frozen
class Choice:
    """What decides on the configuration.

    Attributes:
        source: A preset's name or a TOML file.
        params: `name=value` words laid over it.
        trial: What is tried on some of the books, if anything.
    """

    source: str | Path
    params: tuple[str, ...] = ()
    trial: Trial | None = None

    def resolve(self) -> Config:
        """The configuration.

        Raises:
            ConfigError: A file, or what becomes of both, cannot be used.
        """
        config = resolve(self.source, self.params)
        if self.trial is None:
            return config
        other = resolve(self.trial.source)
        if config.choices or other.choices:
            what = "lets the venue choose; an A/B needs configurations with an objective of their own"
            raise ConfigError([Problem(str(self.source if config.choices else self.trial.source), what)])
        if config.assign or other.assign:
            what = "assigns books itself; an A/B needs configurations without [[assign]]"
            source = self.source if config.assign else self.trial.source
            raise ConfigError([Problem(str(source), what)])
        return attrs.evolve(config, assign=(Assignment(self.trial.books, other),))

    @property
    def files(self) -> list[Path]:
        """The files it is made of."""
        sources = [self.source, *([] if self.trial is None else [self.trial.source])]
        return [file for one in sources if str(one).endswith(".toml") for file in files_of(Path(one))]


@attrs.define
class ConfigFile:
    """The file an agent is configured by, those it is made of, and the code of one's own stages.

    Whoever runs the agent calls `look` now and then, in a thread that answers nobody, and with `anyway` when
    asked to by a signal. A good new configuration is in force from the next state on; a bad one is told once,
    and the one before stays.

    Attributes:
        maker: The agent.
        choice: What the configuration is made of.
        before: What it was made of before that.
        problem: Why the files as they are now are not in force, "" if they are.

    >>> import contextlib, io, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "my.toml")
    >>> _ = path.write_text('extends = "touch"')
    >>> file = ConfigFile(MarketMaker(resolve(path)), Choice(path))
    >>> file.look()
    False
    >>> _ = path.write_text('extends = "calm"')
    >>> with contextlib.redirect_stdout(io.StringIO()):  # it is logged
    ...     changed = file.look()
    >>> changed, file.maker.config_hash == resolve("calm").hash
    (True, True)
    >>> folder.cleanup()
    """

    maker: MarketMaker
    choice: Choice
    before: Choice | None = attrs.field(default=None, init=False)
    problem: str = attrs.field(default="", init=False)
    _files: tuple[Path, ...] = attrs.field(init=False, repr=False)
    _seen: tuple[object, ...] = attrs.field(init=False, repr=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        self._files = _made_of(self.choice, self.maker.config)
        self._seen = _stamps(self._files)

    def look(self, *, anyway: bool = False) -> bool:
        """Take up what has changed; whether another configuration is in force now.

        Args:
            anyway: Read the files even if they look as before.
        """
        with self._lock:
            return self._look(anyway)

    def take(self, choice: Choice, check: Callable[[Config], None] | None = None) -> Config:
        """Take up another choice, and follow its files from now on.

        Args:
            choice: What the configuration is to be made of.
            check: Called with it before it is in force; whatever it raises leaves the one before in force.

        Raises:
            ConfigError: It cannot be used; nothing has changed.
            Busy: The agent is busy; nothing has changed.
        """
        with self._lock:
            config = choice.resolve()
            files = _made_of(choice, config)
            seen = _stamps(files)
            if check is not None:
                check(config)
            if config.hash != self.maker.config_hash:
                self.maker.reconfigure(config, PATIENCE_S)
            self.choice, self.before = choice, self.choice
            self._files, self._seen, self.problem = files, seen, ""
            return config

    def _look(self, anyway: bool) -> bool:
        seen = _stamps(self._files)
        if seen == self._seen and not anyway:
            return False
        if gone := [str(file) for file, stamp in zip(self._files, seen, strict=True) if stamp is None]:
            self._seen = seen
            self._keep(f"{gone[0]} is gone")
            return False
        try:
            config = self.choice.resolve()
            changes = config.hash != self.maker.config_hash
            if changes:
                self.maker.reconfigure(config, PATIENCE_S)
        except Busy:
            return False  # What has changed is there on the next look.
        except Exception as error:  # A file may be anything, and a stage's code may raise anything.
            self._seen = seen
            self._keep(told(error))
            return False
        self.problem = ""
        self._files = _made_of(self.choice, config)
        self._seen = _stamps(self._files)
        return changes

    def _keep(self, problem: str) -> None:
        if problem != self.problem:
            about = {"source": str(self.choice.source), "problem": problem, "kept": self.maker.config_hash}
            tell(_log, logging.ERROR, "the configuration is not changed", **about)
        self.problem = problem


def _made_of(choice: Choice, config: Config) -> tuple[Path, ...]:
    """The files of a choice, and those of the code of one's own stages."""
    ways = config.choices.values() or (config,)
    configs = [part for one in ways for part in (one, *(assignment.config for assignment in one.assign))]
    code = {file for one in configs for spec in one.all_specs for file in source_files(spec.cls).values()}
    return (*choice.files, *map(Path, sorted(code)))


def _stamps(files: Iterable[Path]) -> tuple[object, ...]:
    """What tells that a file has changed, of each; nothing of one that is not there."""
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        about = os.stat(file)
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino

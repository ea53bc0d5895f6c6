"""A configuration that changes while the agent runs."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import attrs
import structlog

from obmm.agent.config import Config
from obmm.agent.faults import told
from obmm.agent.maker import MarketMaker
from obmm.agent.resolve import resolve
from obmm.agent.sources import files_of
from obmm.agent.telling import tell
from obmm.settings.modules import source_files

_log = structlog.get_logger("obmm.config")


@attrs.define
class ConfigFile:
    """The file an agent is configured by, those it is made of, and the code of one's own stages.

    Whoever runs the agent calls `look` now and then, in a thread that answers nobody, and with `anyway` when
    asked to by a signal. A good new configuration is in force from the next state on; a bad one is told once,
    and the one before stays.

    Attributes:
        maker: The agent.
        source: A preset's name or a TOML file, as `resolve` takes it.
        params: `name=value` words laid over it.
        problem: Why the file as it is now is not in force, "" if it is.

    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name, "my.toml")
    >>> _ = path.write_text('extends = "touch"')
    >>> file = ConfigFile(MarketMaker(resolve(path)), path)
    >>> file.look()
    False
    >>> _ = path.write_text('extends = "calm"')
    >>> file.look(), file.maker.config_hash == resolve("calm").hash
    (True, True)
    >>> folder.cleanup()
    """

    maker: MarketMaker
    source: str | Path
    params: tuple[str, ...] = ()
    problem: str = attrs.field(default="", init=False)
    _files: tuple[Path, ...] = attrs.field(init=False, repr=False)
    _seen: tuple[object, ...] = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        self._files = self._made_of(self.maker.config)
        self._seen = _stamps(self._files)

    def look(self, *, anyway: bool = False) -> bool:
        """Take up what has changed; whether another configuration is in force now.

        Args:
            anyway: Read the files even if they look as before.
        """
        seen = _stamps(self._files)
        if seen == self._seen and not anyway:
            return False
        self._seen = seen
        if gone := [str(file) for file, stamp in zip(self._files, seen, strict=True) if stamp is None]:
            self._keep(f"{gone[0]} is gone")
            return False
        try:
            config = resolve(self.source, self.params)
            changes = config.hash != self.maker.config_hash
            if changes:
                self.maker.reconfigure(config)
        except Exception as error:  # A file may be anything, and a stage's code may raise anything.
            self._keep(told(error))
            return False
        self.problem = ""
        self._files = self._made_of(config)
        self._seen = _stamps(self._files)
        return changes

    def _keep(self, problem: str) -> None:
        if problem != self.problem:
            about = {"source": str(self.source), "problem": problem, "kept": self.maker.config_hash}
            tell(_log, logging.ERROR, "the configuration is not changed", **about)
        self.problem = problem

    def _made_of(self, config: Config) -> tuple[Path, ...]:
        configs = (config, *(assignment.config for assignment in config.assign))
        code = {file for one in configs for spec in one.all_specs for file in source_files(spec.cls).values()}
        own = files_of(Path(self.source)) if str(self.source).endswith(".toml") else []
        return (*own, *map(Path, sorted(code)))


def _stamps(files: Iterable[Path]) -> tuple[object, ...]:
    """What tells that a file has changed, of each; nothing of one that is not there."""
    return tuple(_stamp(file) for file in files)


def _stamp(file: Path) -> tuple[int, ...] | None:
    try:
        about = os.stat(file)
    except OSError:
        return None
    return about.st_mtime_ns, about.st_size, about.st_ino

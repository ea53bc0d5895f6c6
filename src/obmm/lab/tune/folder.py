"""The folder of a study: what it is, and every outcome from the moment on that it is known."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import attrs

from obmm.agent import ConfigError, Problem
from obmm.lab.trials import Outcome, Trial, is_confirming
from obmm.settings.files import write_whole
from obmm.settings.lock import LOCK, FolderLock

STUDY, OUTCOMES, JOURNAL = "study.json", "outcomes.jsonl", "study.journal"
TRIALS, BEST, RESULT, PAGE = "trials.jsonl", "best.toml", "result.json", "report.html"

#: (configuration hash, seed, hours)
Key = tuple[str, int, float]


@attrs.frozen
class Played:
    """What is kept of an outcome.

    Attributes:
        metrics: Name → figure, NaN where it is not known.
        digest: Fingerprint of its market.
        failed: Whether the agent failed on every state.
        fault: What was wrong first.
        unknown: Why figures are not known, by name.
        curves: On a held-out seed `time_s` and `pnl` of all books, minute by minute; else nothing.
    """

    metrics: Mapping[str, float]
    digest: str
    failed: bool = False
    fault: str = ""
    unknown: Mapping[str, str] = attrs.field(factory=dict)
    curves: Mapping[str, Sequence[float]] = attrs.field(factory=dict)


@attrs.define
class StudyFolder:
    """A study's files, held until they are closed; only one process at a time works with them.

    Attributes:
        path: The folder.
        played: Every outcome so far.
    """

    path: Path
    played: dict[Key, Played] = attrs.field(factory=dict)
    _lock: FolderLock | None = None
    _outcomes: BinaryIO | None = None

    @classmethod
    def open(cls, path: Path, identity: Mapping[str, Any], *, resume: bool, force: bool) -> StudyFolder:
        """The folder of a new study, or of one that goes on.

        Args:
            path: The folder; it is made.
            identity: What the study is.
            resume: Go on with the study that lies there.
            force: Replace the study that lies there.

        Raises:
            InUse: Another process works there.
            ConfigError: A study lies there and neither was asked for, or it is another one, or none does.
            OSError: It cannot be written.
        """
        there = (path / STUDY).is_file()
        if there and not resume and not force:
            what = "holds a study: go on with --resume, name another folder, or replace it with --force"
            raise ConfigError([Problem(str(path), what)])
        if resume and not there:
            raise ConfigError([Problem(str(path), "holds no study to go on with; leave --resume out")])
        if not there and path.is_dir() and any(p.name != LOCK for p in path.iterdir()):
            raise ConfigError([Problem(str(path), "holds files that are no study; name another folder")])
        path.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(path)
        lock.acquire()
        folder = cls(path, lock=lock)
        try:
            if there and resume:
                _same(path, folder.about()["study"], identity)
                _whole_lines(path / JOURNAL)
                folder._read()
            else:
                for name in (OUTCOMES, JOURNAL, TRIALS, BEST, RESULT, PAGE):
                    (path / name).unlink(missing_ok=True)
                folder.write_json(STUDY, {"study": identity})
            folder._outcomes = (path / OUTCOMES).open("ab")
        except BaseException:
            lock.release()
            raise
        return folder

    def close(self) -> None:
        """Let the folder go."""
        if self._outcomes is not None:
            self._outcomes.close()
        if self._lock is not None:
            self._lock.release()

    def about(self) -> dict[str, Any]:
        """What `study.json` says."""
        told: dict[str, Any] = json.loads((self.path / STUDY).read_text(encoding="utf-8"))
        return told

    def note(self, **more: Any) -> None:
        """Add to what `study.json` says."""
        self.write_json(STUDY, {**self.about(), **more})

    def missing(self, trial: Trial) -> dict[int, Key]:
        """The seeds of a trial that have not been played, and under what their outcomes will be kept."""
        return {seed: key for seed, key in keys_of(trial).items() if key not in self.played}

    def of(self, trial: Trial) -> list[Played]:
        """What became of a trial that was played, seed by seed."""
        return [self.played[key] for key in keys_of(trial).values()]

    def keep(self, trial: Trial, outcomes: Iterable[Outcome]) -> None:
        """Write outcomes down, so that nothing takes them away any more.

        Raises:
            OSError: The disk takes no more.
        """
        assert self._outcomes is not None
        lines, keys = [], keys_of(trial)
        for outcome in outcomes:
            key = keys[outcome.seed]
            metrics = {name: float(value) for name, value in outcome.metrics.items()}
            failed = 0 < outcome.states <= outcome.failed
            unknown = {name: outcome.why_unknown(name) for name, v in metrics.items() if math.isnan(v)}
            shown = [name for name in ("time_s", "pnl") if is_confirming(outcome.seed) and outcome.curves]
            curves = {name: outcome.curves[name].tolist() for name in shown}
            played = Played(metrics, outcome.digest, failed, outcome.fault, unknown, curves)
            self.played[key] = played
            told = attrs.asdict(played) | {"key": key}
            told["metrics"] = {name: v if math.isfinite(v) else None for name, v in metrics.items()}
            lines.append(json.dumps(told, separators=(",", ":")).encode() + b"\n")
        try:
            self._outcomes.write(b"".join(lines))
            self._outcomes.flush()
            os.fsync(self._outcomes.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path / OUTCOMES)) from error

    def write_json(self, name: str, value: Any) -> None:
        """Write a file, whole or not at all."""
        write_whole(self.path / name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())

    def write_text(self, name: str, text: str) -> None:
        """Write a file, whole or not at all."""
        write_whole(self.path / name, text.encode())

    def _read(self) -> None:
        _whole_lines(self.path / OUTCOMES)
        for line in (self.path / OUTCOMES).read_bytes().splitlines():
            told = json.loads(line)
            config, seed, hours = told.pop("key")
            told["metrics"] = {k: math.nan if v is None else v for k, v in told["metrics"].items()}
            self.played[config, seed, hours] = Played(**told)


def keys_of(trial: Trial) -> dict[int, Key]:
    """Under what the outcomes of a trial are kept, by seed."""
    config = trial.config.hash
    return {seed: (config, seed, float(trial.hours)) for seed in trial.seeds}


def _whole_lines(path: Path) -> None:
    """Cut off what a process that was killed left of a line; the file is made if it is not there."""
    with path.open("ab+") as file:
        file.seek(0)
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)


def _same(path: Path, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with another study."""
    plain = json.loads(json.dumps(now))
    problems = []
    for name in sorted(set(before) | set(plain)):
        old, new = before.get(name), plain.get(name)
        if old != new:
            changed = f"was {old}, is {new}"
            if isinstance(old, dict) and isinstance(new, dict):
                places = sorted(p for p in {*old, *new} if old.get(p) != new.get(p))
                changed = f"differs at {', '.join(places)}"
            problems.append(Problem(f"{path}: {name}", f"{changed}; begin another study in another folder"))
    if problems:
        raise ConfigError(problems, of="the study that was begun")

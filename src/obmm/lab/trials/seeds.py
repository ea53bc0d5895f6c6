"""Seeds for looking and seeds for confirming: two sets that never meet, and a ledger of what was used.

Whoever searches for what is best on some seeds finds what is best on these seeds. What tuning and looking use
are numbers below a million; a result is confirmed on numbers from a million on, each time on fresh ones.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import attrs

#: The first seed for confirming; all below are for looking and tuning.
FIRST_CONFIRMING = 1_000_000
#: Name of the ledger, in the folder where the folders of runs lie.
LEDGER = "seeds.jsonl"


def is_confirming(seed: int) -> bool:
    """Whether a seed is kept for confirming.

    >>> is_confirming(8), is_confirming(1_000_003)
    (False, True)
    """
    return seed >= FIRST_CONFIRMING


def looking_seeds(count: int, first: int = 1) -> tuple[int, ...]:
    """Seeds to look and to tune on, the same each time.

    >>> looking_seeds(3)
    (1, 2, 3)
    """
    return tuple(range(first, first + count))


def confirming_seeds(count: int, used: Iterable[int] = ()) -> tuple[int, ...]:
    """The first seeds for confirming that were not used yet.

    >>> confirming_seeds(2, used=[1_000_000, 7])
    (1000001, 1000002)
    """
    taken = {seed for seed in used if is_confirming(seed)}
    first = max(taken, default=FIRST_CONFIRMING - 1) + 1
    return tuple(range(first, first + count))


@attrs.frozen(kw_only=True)
class Use:
    """Seeds that were looked at once.

    Attributes:
        purpose: The command: "compare", "tune", "simulate" ….
        scenario: Name of the market; seed 1 of another market is another thing.
        seeds: The seeds.
        configs: Hashes of the configurations that were seen on them.
        folder: Where the results lie.
        when: UTC, to the second.
    """

    purpose: str
    scenario: str
    seeds: tuple[int, ...]
    configs: tuple[str, ...]
    folder: str
    when: str


@attrs.frozen
class Ledger:
    """Who used which seeds, one line of JSON each: lines are added and never changed.

    A line is added under a lock and in one piece; of a line that a killed process left half, the next one
    steps clear, and readers leave it out.

    Attributes:
        path: The file; it need not be there yet.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     ledger = Ledger.beside(Path(folder, "first"))
    ...     ledger.note("tune", scenario="taos-0.5.4", seeds=(1, 2), configs=("abc",), folder="first")
    ...     [(use.purpose, use.seeds) for use in ledger.uses("taos-0.5.4")]
    [('tune', (1, 2))]
    """

    path: Path

    @classmethod
    def beside(cls, folder: Path) -> Ledger:
        """The ledger of the folder in which the results' `folder` lies."""
        return cls(folder.resolve().parent / LEDGER)

    def note(
        self,
        purpose: str,
        *,
        scenario: str,
        seeds: Sequence[int],
        configs: Sequence[str],
        folder: Path | str,
    ) -> None:
        """Add that seeds were looked at.

        Raises:
            OSError: The ledger cannot be written.
        """
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        use = Use(
            purpose=purpose,
            scenario=scenario,
            seeds=tuple(seeds),
            configs=tuple(configs),
            folder=str(folder),
            when=now,
        )
        line = json.dumps(attrs.asdict(use), separators=(",", ":")).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with self.path.open("a+b") as file, _alone(file.fileno()):
                file.seek(0, os.SEEK_END)
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    if file.read(1) != b"\n":
                        line = b"\n" + line
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), str(self.path)) from error

    def uses(self, scenario: str | None = None) -> list[Use]:
        """What was noted, oldest first, of one scenario or of all."""
        try:
            lines = self.path.read_bytes().splitlines()
        except FileNotFoundError:
            return []
        return [use for line in lines if (use := _use(line)) and scenario in (None, use.scenario)]

    def seeds_used(self, scenario: str) -> set[int]:
        """All seeds of a scenario that were looked at."""
        return {seed for use in self.uses(scenario) for seed in use.seeds}


def _use(line: bytes) -> Use | None:
    try:
        told: dict[str, Any] = json.loads(line)
        return Use(**{**told, "seeds": tuple(told["seeds"]), "configs": tuple(told["configs"])})
    except (ValueError, TypeError, KeyError):
        return None  # Half a line of a process that was killed.


@contextlib.contextmanager
def _alone(number: int) -> Iterator[None]:
    """Nobody else writes to the open file meanwhile, where the system can see to that."""
    try:
        import fcntl
    except ImportError:  # Windows: one write of a file opened for appending is in one piece.
        yield
        return
    with contextlib.suppress(OSError):
        fcntl.flock(number, fcntl.LOCK_EX)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_UN)

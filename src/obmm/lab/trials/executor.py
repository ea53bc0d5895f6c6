"""Who plays trials: processes of this machine, or whatever else keeps the contract.

Narrow trials that go together are played as one wide market (`packs_of`): that is faster and changes nothing.
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from typing import Protocol

import attrs

from obmm.lab.interrupt import interruptible
from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.packs import packs_of
from obmm.lab.trials.play import play_together
from obmm.lab.trials.trial import Trial
from obmm.lab.trials.worker import Worker, silent

#: Told of a trial that is done: its number among those asked for, and its outcomes.
Done = Callable[[int, tuple[Outcome, ...]], None]
#: Told now and then how many book-seconds are done.
Progress = Callable[[float], None]
#: Numbers of the trials that are played together.
Pack = tuple[int, ...]
#: A pack whose process dies so often is at fault itself.
MAX_DEATHS = 3
#: Seconds after which a Ctrl-C is seen at the latest.
_LOOK_S = 0.2


class Executor(Protocol):
    """Plays trials, somewhere; what they come to does not depend on where."""

    @property
    def at_once(self) -> int:
        """How many trials it plays at a time."""

    def run(self, trials: Sequence[Trial], done: Done) -> None:
        """Play `trials` in any order, and tell `done` of each as it ends.

        Raises:
            Stopped: Somebody asked to end; what was told to `done` is whole.
        """


class Stopped(Exception):
    """Somebody asked to end before all was done; `signal` says how."""

    def __init__(self, signal: str) -> None:
        super().__init__(f"ended early ({signal})")
        self.signal = signal


class WorkerLost(ChildProcessError):
    """A trial could not be played: the process that played it died each time."""


@attrs.define
class LocalExecutor:
    """Processes of this machine, each playing a pack of trials at a time; a single one plays in this process.

    A pack whose process dies is played again. Ctrl-C, a polite kill and a lost terminal end it between two
    states.

    Attributes:
        jobs: Processes; one per core if not given.
        progress: Told of the book-seconds done.
    """

    jobs: int | None = None
    progress: Progress | None = None
    _shares: list[float] = attrs.field(init=False, factory=list)
    _work: list[float] = attrs.field(init=False, factory=list)

    @property
    def at_once(self) -> int:
        """How many trials it plays at a time."""
        return self.jobs or cores()

    def run(self, trials: Sequence[Trial], done: Done) -> None:
        """Play `trials`, and tell `done` of each as it ends.

        Raises:
            Stopped: Somebody asked to end.
            WorkerLost: A process died again and again over the same trials.
        """
        packs = packs_of(trials, self.at_once)
        self._shares = [0.0] * len(packs)
        self._work = [sum(trials[i].book_seconds for i in pack) for pack in packs]
        jobs = min(self.at_once, len(packs))
        with interruptible() as asked:
            if jobs > 1:
                self._elsewhere(packs, trials, done, jobs, asked)
            else:
                self._here(packs, trials, done, asked)

    def _here(
        self, packs: Sequence[Pack], trials: Sequence[Trial], done: Done, asked: Callable[[], str]
    ) -> None:
        for number, pack in enumerate(packs):

            def look(share: float, number: int = number) -> None:
                if signal := asked():
                    raise Stopped(signal)
                self._tell(number, share)

            # A single job of several is still one core's worth.
            with silent():
                told = play_together([trials[i] for i in pack], look, threads=1 if self.jobs else None)
            for i, outcomes in zip(pack, told, strict=True):
                done(i, outcomes)
            self._tell(number, 1.0)

    def _elsewhere(
        self,
        packs: Sequence[Pack],
        trials: Sequence[Trial],
        done: Done,
        jobs: int,
        asked: Callable[[], str],
    ) -> None:
        threads = max(1, cores() // jobs)
        # The longest first, so that nothing long is left for the end.
        waiting = deque(sorted(range(len(packs)), key=lambda i: -self._work[i]))
        deaths = [0] * len(packs)
        workers = [Worker(threads) for _ in range(jobs)]
        try:
            while waiting or any(worker.number is not None for worker in workers):
                for worker in workers:
                    if worker.number is None and waiting:
                        worker.begin(waiting[0], [trials[i] for i in packs[waiting.popleft()]])
                for worker in [w for w in workers if w.number is not None]:
                    if not worker.ready():
                        continue
                    number = worker.number
                    assert number is not None
                    told = worker.told()
                    if told is None:
                        deaths[number] += 1
                        self._tell(number, 0.0)
                        if deaths[number] >= MAX_DEATHS:
                            raise WorkerLost(
                                f"the process that played {named([trials[i] for i in packs[number]])} died "
                                f"{MAX_DEATHS} times; there may be too little memory: try fewer --jobs"
                            )
                        waiting.appendleft(number)
                        workers[workers.index(worker)] = Worker(threads)
                    elif isinstance(told, float):
                        self._tell(number, told)
                    else:
                        for i, outcomes in zip(packs[number], told, strict=True):
                            done(i, outcomes)
                        self._tell(number, 1.0)
                wait([w.connection for w in workers if w.number is not None], timeout=_LOOK_S)
                if signal := asked():
                    raise Stopped(signal)
        finally:
            for worker in workers:
                worker.close()

    def _tell(self, number: int, share: float) -> None:
        self._shares[number] = share
        if self.progress is not None:
            self.progress(sum(s * w for s, w in zip(self._shares, self._work, strict=True)))


def named(trials: Sequence[Trial]) -> str:
    """Trials in words: what was played on which seeds."""
    return ", ".join(f"seeds {list(trial.seeds)} of {trial.config.name}" for trial in trials)


def cores() -> int:
    """Cores this process may run on."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

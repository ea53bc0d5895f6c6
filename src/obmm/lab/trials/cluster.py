"""Trials played on a cluster of machines: dask.distributed, the engine that many already run."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Callable, Sequence
from typing import Any

import attrs

from obmm.agent import ConfigError, Problem
from obmm.lab.interrupt import interruptible
from obmm.lab.trials.executor import Done, Pack, Progress, Stopped, WorkerLost, named
from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.packs import packs_of
from obmm.lab.trials.play import play_together
from obmm.lab.trials.trial import Trial
from obmm.lab.trials.worker import silent

#: Until Python 3.11 what asyncio raises was another one.
_LATE = (TimeoutError, asyncio.TimeoutError)
#: How an address of a scheduler is told from other executors.
SCHEME = "dask://"
#: Seconds to wait for a scheduler, and for its first worker.
_CONNECT_S, _WORKER_S = 15.0, 60.0
#: Seconds that work goes on without any worker: one that died is replaced, or machines are being started.
_NOBODY_S = 300.0
#: Seconds after which a Ctrl-C is seen at the latest.
_LOOK_S = 0.2


@attrs.define
class DaskExecutor:
    """The workers of a dask scheduler, each playing a pack of trials at a time on one thread of its own.

    A pack whose worker dies is played again by another. Stages of the user's own travel with their trial;
    obmm and packages with stages must be installed on the workers, and say the same as here.

    Attributes:
        address: `dask://host:port`.
        progress: Told of the book-seconds done.
    """

    address: str
    progress: Progress | None = None
    _client: Any = attrs.field(init=False, default=None)

    @property
    def at_once(self) -> int:
        """How many trials it plays at a time.

        Raises:
            ConfigError: No scheduler answers there, or it has no worker.
        """
        threads: dict[str, int] = self._connected().nthreads()
        return max(1, sum(threads.values()))

    def run(self, trials: Sequence[Trial], done: Done) -> None:
        """Play `trials`, and tell `done` of each as it ends.

        Raises:
            Stopped: Somebody asked to end.
            ConfigError: No scheduler answers there, or a worker has other code than this process.
            WorkerLost: Workers died again and again over the same trial, or none is left.
        """
        client = self._connected()
        # The longest first, so that nothing long is left for the end.
        packs = packs_of(trials, self.at_once)
        packs.sort(key=lambda pack: -sum(trials[i].book_seconds for i in pack))
        waiting = {
            client.submit(_played, pickle.dumps([trials[i] for i in pack]), pure=False, priority=-place): pack
            for place, pack in enumerate(packs)
        }
        try:
            with client.as_current(), interruptible() as asked:
                self._gather(waiting, trials, done, asked)
        finally:
            client.cancel(list(waiting))

    def close(self) -> None:
        """Leave the scheduler."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _gather(
        self, waiting: dict[Any, Pack], trials: Sequence[Trial], done: Done, asked: Callable[[], str]
    ) -> None:
        import distributed

        wait: Any = distributed.wait
        finished, seen_s = 0.0, time.monotonic()
        while waiting:
            try:
                over = wait(list(waiting), timeout=_LOOK_S, return_when="FIRST_COMPLETED").done
            except _LATE:
                over = set()
            if signal := asked():
                raise Stopped(signal)
            for future in over:
                pack = waiting.pop(future)
                told = self._outcomes(future, [trials[i] for i in pack])
                for number, outcomes in zip(pack, told, strict=True):
                    done(number, outcomes)
                    finished += trials[number].book_seconds
                if self.progress is not None:
                    self.progress(finished)
            if over or self._client.nthreads():
                seen_s = time.monotonic()
            elif time.monotonic() - seen_s > _NOBODY_S:
                raise WorkerLost(f"{self.address} has had no worker for {_NOBODY_S:.0f} s; start some")

    def _outcomes(self, future: Any, trials: Sequence[Trial]) -> tuple[tuple[Outcome, ...], ...]:
        from distributed import KilledWorker

        try:
            told: tuple[tuple[Outcome, ...], ...] = future.result()
        except KilledWorker as error:
            raise WorkerLost(f"workers died again and again over {named(trials)}: {error}") from None
        except ModuleNotFoundError as error:
            what = f"a worker lacks {error.name!r}: install the same obmm there, with obmm[sim]"
            raise ConfigError([Problem(self.address, what)]) from None
        return told

    def _connected(self) -> Any:
        """The client of the scheduler, which has a worker."""
        if self._client is not None:
            return self._client
        import distributed

        connect: Any = distributed.Client
        place = self.address.removeprefix(SCHEME)
        address = place if "://" in place else f"tcp://{place}"
        try:
            client = connect(address, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, ValueError, *_LATE) as error:
            what = f"no scheduler answers there ({error}); start one: dask scheduler"
            raise ConfigError([Problem(self.address, what)]) from None
        try:
            client.wait_for_workers(1, timeout=_WORKER_S)
        except _LATE:
            client.close()
            what = f"has no worker; start some: dask worker {address} --nworkers auto --nthreads 1"
            raise ConfigError([Problem(self.address, what)]) from None
        self._client = client
        return client


def _played(packed: bytes) -> tuple[tuple[Outcome, ...], ...]:
    """What a worker does: trials that came as bytes are played together.

    Raises:
        ConfigError: This machine has other code than the one that sent it.
    """
    trials: list[Trial] = pickle.loads(packed)
    with silent():
        return play_together(trials, threads=1)

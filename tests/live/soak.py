"""`obmm run` and two stand-in validators with markets of their own that do to it whatever can go wrong.

The miner and each validator are processes of their own; the miner is ended or killed and started again.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import queue
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from pathlib import Path

import attrs

from live.soak_validator import MINER, Seen, Shared, validate
from obmm.lab.relive import relive
from obmm.wire.frames import Exchange
from obmm.wire.recording import Recording

SPAWN = multiprocessing.get_context("spawn")
#: Nothing that is recorded may have to go before it is replayed.
RECORD_GB = 40
#: Files of a recording that are replayed together.
PART = 20


class Miner:
    """`obmm run` in a process of its own, which can be ended, killed and started again on the same port."""

    def __init__(self, folder: Path, preset: str) -> None:
        self.preset = preset
        keys = folder / "wallets" / "miner" / "hotkeys"
        keys.mkdir(parents=True)
        (keys / "deskpub.txt").write_text(json.dumps({"ss58Address": MINER.hotkey}), encoding="utf-8")
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            self.port: int = bound.getsockname()[1]
        self.folder = folder
        self.figures = folder / "figures.jsonl"
        self.log = folder / "miner.log"
        self.phase = SPAWN.Value("q", 0)
        self.exits: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it listens."""
        words = (
            "run",
            "--preset",
            self.preset,
            "--wallet",
            "miner",
            "--hotkey",
            "desk",
            "--wallet-path",
            self.folder / "wallets",
        )
        words += ("--offline", "--allow", "all", "--host", "127.0.0.1", "--port", self.port)
        words += ("--record", self.folder / "recording", "--state", self.folder / "state", "--json")
        words += ("--record-gb", RECORD_GB)
        script = Path(__file__).with_name("soak_miner.py")
        command = [sys.executable, script, self.figures, *words]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(list(map(str, command)), stdout=log, stderr=log)
        while self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0):
                self.phase.value += 1
                return
            time.sleep(0.02)
        raise AssertionError(f"the miner did not start: {self.log.read_text(encoding='utf-8')[-2000:]}")

    def end(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End it, politely or not."""
        assert self._process is not None
        self.phase.value += 1
        self._process.send_signal(how)
        self.exits.append(self._process.wait(20.0))

    def told(self) -> list[dict[str, float]]:
        """What was in use, second by second."""
        lines = self.figures.read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.endswith("}")]


def soak(
    folder: Path,
    *,
    preset: str,
    books: Sequence[int],
    lasts: int,
    restarts: Sequence[tuple[float, signal.Signals]],
    harm: float = 1.0,
    tell: Callable[[str], None] | None = None,
) -> tuple[list[Seen], Miner]:
    """Let validators loose on a miner.

    Args:
        folder: Where the miner keeps what it keeps.
        preset: What it runs.
        books: Number of books of each validator's market.
        lasts: Simulated seconds that each validator has to have answered.
        restarts: When the miner is ended and started again, as a share of the whole, and how.
        harm: How much more often than in a long one everything else goes wrong.
        tell: Told every half a minute how far it is.
    """
    miner = Miner(folder, preset)
    miner.start()
    stopped, results = SPAWN.Value("q", 0), SPAWN.Queue()
    shared = [Shared(miner.phase, stopped, SPAWN.Value("q", 0)) for _ in books]
    crowd = [
        SPAWN.Process(target=validate, args=(number, miner.port, its, results, n, lasts, harm))
        for number, (its, n) in enumerate(zip(shared, books, strict=True), start=1)
    ]
    for process in crowd:
        process.start()
    seen: list[Seen] = []
    due = [share * lasts for share, _ in restarts]
    began_s = told_s = time.monotonic()
    try:
        while len(seen) < len(crowd):
            with contextlib.suppress(queue.Empty):
                seen.append(results.get(timeout=0.02))
            if any(process.exitcode for process in crowd):
                raise AssertionError("a validator ended before its time")
            done = [its.done.value for its in shared]
            if due and min(done) >= due[0]:
                due.pop(0)
                miner.end(restarts[-len(due) - 1][1])
                miner.start()
            if tell is not None and time.monotonic() > told_s + 30.0:
                told_s = time.monotonic()
                tell(f"{told_s - began_s:.0f} s: {done} of {lasts:,} simulated seconds each")
    finally:
        stopped.value = 1
        for process in crowd:
            process.join(30.0)
        miner.end()
    return seen, miner


@attrs.define
class Replayed:
    """What becomes of recorded exchanges when they are answered again.

    Attributes:
        found: How many were answered the same, otherwise, or could not be known; and how many had a note.
        elapsed_ms: How long each answer had taken inside the miner.
    """

    found: Counter[str] = attrs.field(factory=Counter)
    elapsed_ms: list[float] = attrs.field(factory=list)


def replayed(folder: Path) -> Replayed:
    """Answer all that was recorded again, on all cores."""
    n_files = len(Recording(folder).index.files)
    starts = range(0, n_files, PART)
    if len(starts) == 1:
        return _part_replayed(folder, 0)
    whole = Replayed()
    with ProcessPoolExecutor(max_workers=min(len(starts), os.cpu_count() or 1), mp_context=SPAWN) as pool:
        for part in pool.map(_part_replayed, [folder] * len(starts), starts):
            whole.found += part.found
            whole.elapsed_ms += part.elapsed_ms
    return whole


def _part_replayed(folder: Path, start: int) -> Replayed:
    """Some files of a recording, from the file before them on, with the snapshots that they begin with."""
    recording = Recording(folder)
    files = recording.index.files
    lead = 0
    if start:
        before = Recording(folder / files[start - 1].name)
        lead = sum(isinstance(frame.about, Exchange) for frame in before.frames())
    recording.index.files = files[max(start - 1, 0) : start + PART]
    part = Replayed()
    for one in islice(relive(recording), lead, None):
        part.found["unknown" if one.unknown else "same" if one.same else "different"] += 1
        part.elapsed_ms.append(one.about.elapsed_ms)
        if one.about.note:
            part.found[f"noted {one.about.note.partition(':')[0]}"] += 1
    return part

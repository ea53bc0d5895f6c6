"""What `obmm run` tells a person: alerts composed of a watch, the machine and a diagnosis."""

from __future__ import annotations

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from obmm.cli._unhurried import unhurried

if TYPE_CHECKING:
    from obmm.live.standing import Standing
    from obmm.monitor import Watch

#: Real seconds between two looks at the clock, between two diagnoses, and that one may take.
_CLOCK_S, _DIAGNOSED_S, _DIAGNOSIS_S = 900.0, 1800.0, 120.0
#: Of how many hours, and how many findings are told.
_LAST, _FINDINGS = "6h", 3


@contextmanager
def alerted(
    standing: Standing, watch: Watch | None, file: Path | None, record: Path | None, state: Path | None
) -> Iterator[None]:
    """Tell what breaks a rule of `file`, of an agent that is watched while it runs; nothing without a file.

    Raises:
        ConfigError: The file has faults.
    """
    if file is None or watch is None:
        yield
        return
    from obmm.monitor.alerts import Alerts
    from obmm.monitor.measures import Measures
    from obmm.monitor.rules import load

    settings = load(file)
    measures = Measures(watch, Machine(record or state or Path()))
    diagnose = None if record is None else Diagnosed(record)
    name = standing.session.maker.config.name.removeprefix("preset ")
    with Alerts(settings, measures.look, name=Path(name).stem, diagnose=diagnose):
        yield


class Machine:
    """Room on the disk at each call, and now and then how far the clock is off, asked aside.

    Args:
        folder: A folder on the disk that matters.
        offset_s: By how much a time server's clock is ahead of ours; raises OSError if none says.
    """

    def __init__(self, folder: Path, offset_s: Callable[[], float] | None = None) -> None:
        self._folder, self._offset_s = folder, offset_s or _offset_s
        self._next_s, self._off_s = -float("inf"), float("nan")

    def __call__(self) -> dict[str, float]:
        """What is so now; NaN for what is not known."""
        if time.monotonic() >= self._next_s:
            self._next_s = time.monotonic() + _CLOCK_S
            threading.Thread(target=self._ask, name="obmm-clock", daemon=True).start()
        try:
            free = shutil.disk_usage(self._folder).free / 1e9
        except OSError:
            free = float("nan")
        return {"disk_free_gb": free, "clock_off_s": self._off_s}

    def _ask(self) -> None:
        try:
            self._off_s = abs(self._offset_s())
        except OSError:
            self._off_s = float("nan")


def _offset_s() -> float:
    from obmm.live.fitness import TIME_SERVERS, offset_s

    for server in TIME_SERVERS:
        with contextlib.suppress(OSError):
            return offset_s(server)
    raise OSError("no time server answers")


class Diagnosed:
    """What `obmm diagnose` says of the newest hours of a recording, made by a process that is in no hurry."""

    def __init__(self, record: Path) -> None:
        self._record = record
        self._at_s, self._said = -float("inf"), ""

    def __call__(self) -> str:
        """The costliest findings, at most so old; or why there are none."""
        if time.monotonic() - self._at_s >= _DIAGNOSED_S:
            self._at_s, self._said = time.monotonic(), self._made()
        return self._said

    def _made(self) -> str:
        asked = f"obmm diagnose {self._record} --last {_LAST}"
        words = ["diagnose", str(self._record), "--last", _LAST, "--json"]
        status, out, err = unhurried(words, _DIAGNOSIS_S)
        if status is None:
            return f"No diagnosis within {_DIAGNOSIS_S:g} s; try: {asked}"
        if status:
            return f"No diagnosis: {err.strip()[-300:]}"
        found = json.loads(out)["findings"]
        lines = [f"{i}. {one['title']}" for i, one in enumerate(found[:_FINDINGS], start=1)]
        head = f"What the last {_LAST} say ({asked}):"
        return "\n".join([head, *(lines or ["nothing that is worth a change"])])

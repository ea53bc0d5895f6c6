"""The live path under all that can go wrong: no invalid instruction, no growth, and the same again later."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("bittensor_wallet")
pytest.importorskip("httpx")
pytest.importorskip("uvicorn")
if not sys.platform.startswith("linux"):
    pytest.skip("figures of processes are read from /proc", allow_module_level=True)

from live.soak import replayed, soak
from live.soak_validator import Seen

#: Simulated hours of all validators together, each of which has its part of them.
HOURS = float(os.environ.get("OBMM_SOAK_HOURS", "2"))
BOOKS = tuple(map(int, os.environ.get("OBMM_SOAK_BOOKS", "128 128").split()))


def judged(seen: list[Seen], lasts: int, exits: list[int], ends: list[int]) -> None:
    """What must hold of every soak."""
    for one in seen:
        assert [] == one.faults
        assert one.orders > 0
        assert max(one.took_s) <= 3.0
        assert lasts == one.simulated_s
    assert ends == exits


def kept(found: Counter[str]) -> float:
    """Share of the recorded exchanges that were answered the same; none may be answered otherwise."""
    assert 0 == found["different"]
    return found["same"] / (found["same"] + found["unknown"])


def test_a_short_soak_leaves_no_fault(tmp_path: Path) -> None:
    """Two validators, a kill in between and a polite end."""
    restarts = [(0.5, signal.SIGKILL)]
    # After every clock that is set back a stage warms up anew; here nothing waits for that.
    eager = tmp_path / "eager.toml"
    eager.write_text('extends = "touch"\n[[gates]]\nname = "warmup"\nenabled = false\n')
    seen, miner = soak(tmp_path, preset=str(eager), books=(2, 3), lasts=80, restarts=restarts, harm=5.0)
    judged(seen, 80, miner.exits, [-9, 0])
    assert kept(replayed(tmp_path / "recording").found) > 0.5


def _thirds(figures: list[dict[str, Any]], name: str) -> tuple[float, float]:
    """The largest figure of the middle and of the last third of one process's time."""
    values = np.array([figure[name] for figure in figures])
    n = len(values)
    return float(values[n // 3 : 2 * n // 3].max()), float(values[2 * n // 3 :].max())


@pytest.mark.long
def test_a_long_soak_leaves_no_fault_and_nothing_grows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Restarts in the first third, then one process that must not grow; figures are printed."""

    def tell(what: str) -> None:
        with capsys.disabled():
            print(what, flush=True)

    lasts = round(HOURS * 3600 / len(BOOKS))
    at = (0.06, 0.12, 0.18, 0.24)
    hows = [signal.SIGTERM, signal.SIGKILL] * 2
    restarts = list(zip(at, hows, strict=True))
    seen, miner = soak(tmp_path, preset="balanced", books=BOOKS, lasts=lasts, restarts=restarts, tell=tell)
    figures = miner.told()
    last = [figure for figure in figures if figure["process"] == figures[-1]["process"]]
    took_ms = np.concatenate([one.took_s for one in seen]) * 1e3
    tell(f"\n{HOURS:g} simulated hours, books {BOOKS}: {[one.simulated_s for one in seen]} seconds answered,")
    tell(f"{sum(one.orders for one in seen):,} instructions in {took_ms.size:,} answers")
    tell(f"faults: {sum(len(one.faults) for one in seen)} {[one.faults[:5] for one in seen]}")
    tell(f"round trips, ms, {_told(took_ms)}")
    tell(f"done: {dict(sum((one.events for one in seen), Counter()))}")
    tell(f"no answers: {dict(sum((one.problems for one in seen), Counter()))}")
    for name in ("resident", "files", "threads", "nonces"):
        tell(f"{name}: most of middle and last third {_thirds(last, name)}")
    again = replayed(tmp_path / "recording")
    tell(f"replayed: {dict(again.found)}; inside the miner, ms, {_told(again.elapsed_ms)}")
    judged(seen, lasts, miner.exits, [0, -9, 0, -9, 0])
    middle, end = _thirds(last, "resident")
    assert end <= 1.1 * middle
    for name, slack in (("files", 10), ("threads", 4), ("nonces", 200)):
        middle, end = _thirds(last, name)
        assert end <= 1.3 * middle + slack, name
    assert kept(again.found) > 0.9


def _told(values: Sequence[float]) -> str:
    """Percentiles."""
    figures = np.percentile(np.asarray(values), (50, 90, 99, 99.9, 100))
    return "50/90/99/99.9/100 %: " + " / ".join(f"{figure:.1f}" for figure in figures)

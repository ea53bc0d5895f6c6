"""The live path under all that can go wrong: no invalid instruction, no growth, and the same again later."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter
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

from live.soak import Seen, soak
from obmm.lab.relive import relive
from obmm.wire.recording import Recording

MINUTES = float(os.environ.get("OBMM_SOAK_MINUTES", "10"))
BOOKS = tuple(map(int, os.environ.get("OBMM_SOAK_BOOKS", "128 40").split()))


def replayed(folder: Path) -> Counter[str]:
    """What becomes of the recorded exchanges when they are answered again."""
    found: Counter[str] = Counter()
    for one in relive(Recording(folder / "recording")):
        found["unknown" if one.unknown else "same" if one.same else "different"] += 1
    return found


def judged(seen: list[Seen], exits: list[int], ends: list[int]) -> None:
    """What must hold of every soak."""
    for one in seen:
        assert [] == one.faults
        assert one.orders > 0
        assert max(one.took_s) <= 3.0
    assert ends == exits


def test_a_short_soak_leaves_no_fault(tmp_path: Path) -> None:
    """Two validators, a kill in between and a polite end."""
    restarts = [(0.5, signal.SIGKILL)]
    # After every clock that is set back a stage warms up anew; here nothing waits for that.
    eager = tmp_path / "eager.toml"
    eager.write_text('extends = "touch"\n[[gates]]\nname = "warmup"\nenabled = false\n')
    seen, miner = soak(tmp_path, preset=str(eager), books=(2, 3), answers=80, restarts=restarts, harm=5.0)
    judged(seen, miner.exits, [-9, 0])
    found = replayed(tmp_path)
    assert 0 == found["different"]
    assert found["same"] > 0.5 * found.total() > 0


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
    seconds = MINUTES * 60.0
    at = (0.06, 0.12, 0.18, 0.24)
    hows = [signal.SIGTERM, signal.SIGKILL] * 2
    restarts = list(zip(at, hows, strict=True))
    seen, miner = soak(tmp_path, preset="balanced", books=BOOKS, seconds=seconds, restarts=restarts)
    figures = miner.told()
    last = [figure for figure in figures if figure["process"] == figures[-1]["process"]]
    found = replayed(tmp_path)
    took_ms = np.concatenate([one.took_s for one in seen]) * 1e3
    with capsys.disabled():
        print(f"\n{MINUTES:g} minutes, books {BOOKS}: {[one.simulated_s for one in seen]} simulated seconds,")
        print(f"{sum(one.orders for one in seen):,} instructions in {took_ms.size:,} answers,")
        p50, p99, worst = np.percentile(took_ms, (50, 99, 100))
        print(f"round trips {p50:.1f} / {p99:.1f} / {worst:.1f} ms; replayed: {dict(found)}")
        print(f"done: {dict(sum((one.events for one in seen), Counter()))}")
        print(f"no answers: {dict(sum((one.problems for one in seen), Counter()))}")
        for name in ("resident", "files", "threads", "nonces"):
            print(f"{name}: most of middle and last third {_thirds(last, name)}")
    judged(seen, miner.exits, [0, -9, 0, -9, 0])
    middle, end = _thirds(last, "resident")
    assert end <= 1.1 * middle
    for name, slack in (("files", 10), ("threads", 4), ("nonces", 200)):
        middle, end = _thirds(last, name)
        assert end <= 1.3 * middle + slack, name
    assert 0 == found["different"]
    assert found["same"] > 0.9 * found.total() > 0

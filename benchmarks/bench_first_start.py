"""What the first start costs: `python benchmarks/bench_first_start.py [REPEATS]`.

A short simulation in a fresh process, up to its figures, with an empty store of compiled kernels: with a
second process that shares the work, and without; then with the store that the first start filled. Wall time
depends on who else uses the machine, processor time hardly does.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUN = """import sys
{before}
from obmm.cli import main
main("simulate --books 2 --hours 0.02 --json --out".split() + [sys.argv[1]])"""
ALONE = "from obmm.sim import _ahead; _ahead.allowed = False"


def start(store: Path, out: Path, before: str = "") -> tuple[float, float]:
    """Wall and processor time of a start, s; the processor time with that of its second process."""
    used, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    env = {**os.environ, "NUMBA_CACHE_DIR": str(store)}
    command = [sys.executable, "-c", RUN.format(before=before), str(out)]
    subprocess.run(command, check=True, capture_output=True, env=env)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime


def main() -> None:
    """Print the table."""
    print("start                     wall s   cpu s")
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else 1):
        for name, before in (("first, two processes", ""), ("first, alone", ALONE)):
            with tempfile.TemporaryDirectory() as folder:
                for title, code, out in ((name, before, "first"), ("second", "", "second")):
                    wall, cpu = start(Path(folder), Path(folder) / out, code)
                    print(f"{title:22} {wall:9.1f} {cpu:7.1f}", flush=True)


if __name__ == "__main__":
    main()

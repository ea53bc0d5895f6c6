"""A command of ours in a process of its own, which an agent that runs beside it does not notice."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence


def unhurried(words: Sequence[str], within_s: float) -> tuple[int | None, str, str]:
    """Exit status, output and errors of `obmm` with these words at low priority; None if it took too long.

    >>> unhurried(["presets", "nothing"], 60.0)[0]
    2
    """
    command = [sys.executable, "-m", "obmm", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        if hasattr(os, "setpriority"):
            with contextlib.suppress(OSError):  # It has ended already.
                os.setpriority(os.PRIO_PROCESS, process.pid, 15)
        try:
            out, err = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return None, "", ""
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")

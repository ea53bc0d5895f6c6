"""`obmm run` with a look inside, for the soak.

    python soak_miner.py FIGURES WORDS-OF-THE-COMMAND

While the command runs, a line a second goes into the file FIGURES: resident bytes, open files, nonces kept.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path

from obmm.cli import main as obmm
from obmm.live.doors.nonces import Nonces


def look(path: Path, kept: list[Nonces]) -> None:
    """Write down how much is in use, every second."""
    with path.open("a", encoding="utf-8") as file:
        while True:
            pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
            told = {
                "process": os.getpid(),
                "at_s": time.monotonic(),
                "resident": pages * os.sysconf("SC_PAGE_SIZE"),
                "files": len(os.listdir("/proc/self/fd")),
                "threads": threading.active_count(),
                "nonces": sum(map(len, kept)),
            }
            print(json.dumps(told), file=file, flush=True)
            time.sleep(1.0)


def main() -> None:
    """Run the command."""
    kept: list[Nonces] = []
    make = Nonces.__init__

    def noted(self: Nonces) -> None:
        make(self)
        kept.append(self)

    Nonces.__init__ = noted  # type: ignore[method-assign]
    threading.Thread(target=look, args=(Path(sys.argv[1]), kept), daemon=True).start()
    obmm(sys.argv[2:])


if __name__ == "__main__":
    main()

"""`obmm warmup`."""

from __future__ import annotations

import time

from obmm.cli._errors import needs
from obmm.cli._output import console, print_json
from obmm.cli._parameters import Flag


def warmup(*, json: Flag = False) -> None:
    """Compile the embedded market once, so that later starts are quick.

    The compiled code is kept in `NUMBA_CACHE_DIR`, or in obmm/kernels below the folder for caches, and made
    anew when the package changes. Nothing else of obmm is compiled, the live agent least of all.

    Args:
        json: Print JSON for machines.
    """
    needs("numba")
    from obmm.sim import warmup as compile_market

    started = time.perf_counter()
    compile_market()
    seconds = time.perf_counter() - started
    if json:
        print_json({"seconds": seconds})
    else:
        console().print(f"the embedded market is ready ({seconds:.1f} s)")

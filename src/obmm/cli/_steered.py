"""How `obmm run` lets itself be steered."""

from __future__ import annotations

import atexit
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from obmm.cli._errors import UsageError, needs

if TYPE_CHECKING:
    from obmm.live.standing import Standing
    from obmm.monitor.helm import Helm


def overrides_of(
    overrides: Path | None, control: str | None, folder: Path | None, page: bool = False
) -> Path | None:
    """The file of manual overrides: one that can be written wherever the agent can be steered.

    Where it is steered by a page alone the file is gone when the process ends.
    """
    if overrides is not None or (control is None and folder is None and not page):
        return overrides
    if folder is None and control is None:
        folder = Path(tempfile.mkdtemp(prefix="obmm-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if folder is None:
        folder = Path(str(control)).parent
    return folder / "overrides.toml"


def steers_at(address: str, where: str) -> bool:
    """Whether a dashboard at an address may steer, if it may `here` only, `anywhere` or `never`."""
    from obmm.cli._dashboard import parsed

    needs("starlette", "uvicorn", "prometheus_client")
    from obmm.monitor.dashboard import loopback

    return where == "anywhere" or (where == "here" and loopback(parsed(address)[0]))


def helm_of(standing: Standing) -> Helm:
    """The helm of an agent that stands ready; what is done with it is on record."""
    from obmm.monitor.helm import Helm

    return Helm(
        maker=standing.session.maker,
        answers=standing.session,
        config_file=standing.config_file,
        figures=standing.tally.told,
        listeners=[] if standing.recorder is None else [standing.recorder.note],
    )


@contextmanager
def steered(helm: Helm, at: str | None, folder: Path | None) -> Iterator[None]:
    """Let the agent be steered, where there is a place for it.

    Raises:
        UsageError: It cannot be there.
        OSError: The place is in use.
    """
    from obmm.monitor.control import SOCKET, TOKEN, Control
    from obmm.monitor.helm import Refused

    if at is None:
        if folder is None or not hasattr(socket, "AF_UNIX"):
            yield
            return
        at = str(folder / SOCKET)
    try:
        control = Control(helm, at, None if folder is None else folder / TOKEN)
    except Refused as refused:
        raise UsageError(str(refused)) from refused
    with control:
        print(f"obmm: is steered by: obmm control --at {control.at}", file=sys.stderr, flush=True)
        yield

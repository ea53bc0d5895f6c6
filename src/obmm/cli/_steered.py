"""How `obmm run` lets itself be steered."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from obmm.cli._errors import UsageError

if TYPE_CHECKING:
    from obmm.live.standing import Standing
    from obmm.monitor.helm import Helm


def overrides_of(overrides: Path | None, control: str | None, folder: Path | None) -> Path | None:
    """The file of manual overrides: one that can be written wherever the agent can be steered."""
    if overrides is not None or (control is None and folder is None):
        return overrides
    if folder is None:
        folder = Path(str(control)).parent
    return folder / "overrides.toml"


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

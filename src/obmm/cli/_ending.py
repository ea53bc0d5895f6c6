"""How a run ended: what is said of it first, and the exit status."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console


def warn(out: Console, told: Mapping[str, Any], states: int) -> None:
    """Say first what makes the figures below mean less: failing stages, an early end, slow answers."""
    lines = []
    if failed := told["stage_errors"]:
        on = "every state, so the agent did nothing" if failed >= states else f"{failed:,} states"
        lines.append(f"[red]a stage failed on {on}[/red]; `obmm check` says where")
    if not told["completed"]:
        lines.append(f"[yellow]ended early[/yellow] ({told['ended']})")
    if told["charged"]["answers"]:
        share = told["charged"]["answers"] / max(states, 1)
        lines.append(
            f"[yellow]{share:.0%} of the answers were charged the time they took[/yellow], "
            f"{told['charged']['mean_ms']:.0f} ms on average, in place of the usual constant"
        )
    if lines:
        out.print("\n".join(lines), "")


@contextmanager
def ending(told: Mapping[str, Any]) -> Iterator[None]:
    """Print the figures within; then leave with the status that the run deserves, whatever became of them.

    Raises:
        SystemExit: 2 if something could not be written, which is said on stderr; that of the signal if one
            ended the run; 1 if a stage failed on any state.
    """
    from obmm.lab.interrupt import exit_status

    try:
        yield
    except OSError:
        # A terminal that is lost takes no figures; the run is on the disk.
        if told["completed"]:
            raise
    if told["unwritten"] is not None:
        print(f"obmm: could not be written: {told['unwritten']}", file=sys.stderr)
        sys.exit(2)
    if not told["completed"]:
        sys.exit(exit_status(told["ended"]))
    if told["stage_errors"]:
        sys.exit(1)

"""`obmm control`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from obmm.cli._errors import UsageError
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag

#: Words of the command line that are a deed of the helm under another name.
_PAIRS = {("ab", "start"): "ab-start", ("ab", "end"): "ab-end"}


def control(
    deed: str = "status",
    /,
    *words: Annotated[str, Parameter(show_default=False)],
    books: str | None = None,
    at: str | None = None,
    token: Path | None = None,
    json: Flag = False,
) -> None:
    """Steer an agent that runs: say how it stands, rein it in, change what it runs.

    `obmm run` with `--state`, `--record` or `--control` can be steered. Books are named as anywhere else:
    `7`, `0-31`, `even`, `odd`, `all`, and joined by commas.

        obmm control status
        obmm control reduce-only --books 0-31
        obmm control off
        obmm control on
        obmm control cancel-all
        obmm control swap new.toml
        obmm control back
        obmm control ab start other.toml --books even
        obmm control ab end
        obmm control snapshot
        obmm control stop

    `off`, `reduce-only` and `tight` hold until `on`, also after a restart. `cancel-all` is the emergency
    stop: from then on each answer cancels all that rests and asks for nothing, also while a stage hangs,
    until `on`. `swap` tries the configuration first; it is in force from the next state on. Every deed is in
    the recording.

    Args:
        deed: What is to be done.
        words: With what: a preset's name or a TOML file.
        books: Which books; all, if not given.
        at: The socket of the agent, its folder, or `127.0.0.1:PORT`; the only one below this folder, if
            not given.
        token: File with the token, for an address.
        json: Print JSON for machines.
    """
    from obmm.monitor.control import order
    from obmm.monitor.helm import DEEDS, Refused
    from obmm.settings.errors import did_you_mean

    if words and (deed, words[0]) in _PAIRS:
        deed, words = _PAIRS[deed, words[0]], words[1:]
    if deed not in DEEDS:
        known = [*(name for name in DEEDS if not name.startswith("ab-")), "ab start", "ab end"]
        raise UsageError(f"{deed!r} cannot be done; {did_you_mean(' '.join((deed, *words[:1])), known)}")
    takes = DEEDS[deed]
    if len(words) > ("source" in takes):
        raise UsageError(f"{deed} takes no {words[-1]!r}")
    asked = {"source": _absolute(words[0])} if words else {}
    if books is not None:
        asked["books"] = books
    try:
        told = order(_found() if at is None else at, deed, asked, token)
    except Refused as refused:
        raise UsageError(str(refused)) from refused
    print_json(told) if json else _print(told)


def _absolute(source: str) -> str:
    """A file by a name that is good wherever the agent runs; a preset stays as it is."""
    return str(Path(source).resolve()) if source.endswith(".toml") else source


def _found() -> Path:
    """The only socket in or below the current folder.

    Raises:
        UsageError: There is none, or several.
    """
    from obmm.monitor.control import SOCKET

    here = Path()
    found = [path for depth in ("", "*/", "*/*/") for path in sorted(here.glob(depth + SOCKET))]
    # The state and the recording of one agent may lie side by side; only one of them has a socket.
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError("no agent that can be steered runs below this folder; say where with --at")
    raise UsageError(f"several agents run below this folder; say --at {' or --at '.join(map(str, found))}")


def _print(told: dict[str, Any]) -> None:
    ab = told["ab"]
    rows = [
        ("configuration", f"{told['config']}, hash {told['config_hash']}, from {told['source']}"),
        *([("A/B", f"{ab['source']} on books {ab['books']}")] if ab else []),
        *([("back goes to", told["before"])] if told["before"] else []),
        *([("not in force", told["problem"])] if told["problem"] else []),
        *((f"books {books}", mode) for books, mode in told["overrides"].items()),
        *(
            [("STOPPED", "every answer cancels all that rests; go on with: obmm control on")]
            if told["stopped"]
            else []
        ),
        ("states", told["states"]),
        ("with a stage that failed", told["errors"]),
        *((f"failed: {fault['pipeline']}", fault["first"]) for fault in told["faults"]),
        *((f"without orders: {note}", count) for note, count in told.get("without_orders", {}).items()),
        *((f"time of an answer, {name}, ms", value) for name, value in told.get("respond_ms", {}).items()),
    ]
    console().print(table("", ("", ""), rows))

"""`obmm record-info`."""

from __future__ import annotations

import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag


def record_info(recording: Path, /, *, code: Path | None = None, json: Flag = False) -> None:
    """Say what is in a live recording: validators, simulations, versions, times, gaps and changes.

        obmm record-info recordings/main
        obmm record-info recordings/main --code as-recorded

    Exit status 1 if it is damaged; a frame that was being written when its process was killed is no damage.

    Args:
        recording: The recording: its folder, or one of its files.
        code: Folder into which to write the code of your own stages as it was, for `obmm replay --code`.
        json: Print JSON for machines.
    """
    from obmm.cli._progress import counted
    from obmm.lab.record_info import extract_code, info
    from obmm.wire.recording import Recording

    with counted(f"reading {recording.name}") as progress:
        told = info(Recording(recording), progress=progress)
    if code is not None:
        told["code"] = [str(path) for path in extract_code(Recording(recording), code)]
    if json:
        print_json(told)
    else:
        _print(told)
    if told["damage"]:
        sys.exit(1)


def _print(told: dict[str, Any]) -> None:
    out = console()
    span = f", {_clock(told['from_ns'])} – {_clock(told['until_ns'])}" if told["exchanges"] else ""
    files = f"{told['files']} file{'s' if told['files'] != 1 else ''}, {told['size'] / 1e6:,.1f} MB"
    out.print(f"{told['exchanges']:,} requests{span}; {files}", highlight=False)
    if told["removed"]["files"]:
        gone = told["removed"]
        out.print(f"{gone['files']} older files with {gone['exchanges']:,} requests made room for these")
    for why, count in told["lost"].items():
        out.print(f"{count:,} requests are not in it: {why}", markup=False, style="yellow")
    for place in told["torn"]:
        out.print(f"cut when its writer was killed: {place}", markup=False, style="yellow")
    if told["damage"]:
        out.print(f"damaged, and read up to there: {told['damage']}", markup=False, style="red")
    rows = [
        (
            one["validator"] or "–",
            one["simulation"] or "–",
            ", ".join(map(str, one["versions"])),
            one["books"],
            one["states"],
            f"{one['from_s']:g}",
            f"{one['until_s']:g}",
            one["missed"],
            one["late"],
        )
        for one in told["simulations"]
    ]
    columns = (
        "validator",
        "simulation",
        "version",
        "books",
        "states",
        "from, s",
        "until, s",
        "missed",
        "late",
    )
    out.print("", table("Simulations", columns, rows, text_columns=3), "")
    changes = [(_clock(c["at_ns"]), c["why"], c["name"], c["config_hash"]) for c in told["configs"]]
    out.print(table("Configurations", ("from", "why", "name", "hash"), changes, text_columns=4), "")
    if told["acts"]:
        deeds = [
            (
                _clock(act["at_ns"]),
                act["who"],
                act["what"],
                ", ".join(f"{name} {value}" for name, value in act["about"].items()),
                act["problem"],
            )
            for act in told["acts"]
        ]
        out.print(table("Steered", ("at", "by", "what", "with", "not done"), deeds, text_columns=5), "")
    if told["notes"]:
        notes = ", ".join(f"{count:,} {note}" for note, count in told["notes"].items())
        out.print(f"answered without orders: {notes}", markup=False)
    if (ms := told["respond_ms"])["p50"] is not None:
        out.print(
            f"answers took {ms['p50']:.1f} ms, 99 % at most {ms['p99']:.1f} ms, at worst {ms['max']:.1f} ms"
        )
    if "code" in told:
        for path in told["code"]:
            out.print(f"wrote {path}", markup=False, soft_wrap=True)
        if not told["code"]:
            out.print("it was made without stages of one's own: there is no code to write")
    made = ", ".join(f"{name} {version}" for name, version in told["versions"].items())
    out.print(f"written by {made}, in {told['processes']} processes", markup=False)


def _clock(at_ns: int) -> str:
    return f"{datetime.fromtimestamp(at_ns / 1e9, tz=timezone.utc):%Y-%m-%d %H:%M:%S}Z"

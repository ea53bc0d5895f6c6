"""`obmm replay`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from obmm.cli._ending import ending, warn
from obmm.cli._errors import UsageError, mendable, needs
from obmm.cli._inputs import recording_of
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Flag, NotNegative, Seed, Set
from obmm.cli.score import scores_table


def replay(
    capture: Path,
    /,
    *,
    preset: str | None = None,
    set: Set = (),
    from_s: Annotated[NotNegative, Parameter(name="--from", show_default=False)] = 0.0,
    until_s: Annotated[
        float, Parameter(name="--until", show_default=False, validator=Number(gte=0.0))
    ] = float("inf"),
    response_ms: NotNegative = 100.0,
    seed: Seed = 1,
    only: str = "",
    code: Path | None = None,
    out: Path | None = None,
    force: Flag = False,
    json: Flag = False,
) -> None:
    """Run an agent over a recorded market, its orders standing in the recorded queues.

    A live recording without `--preset` is something else: its own requests are answered again, as the agent
    was and is remembered, and every reply must be the same to the byte. The first that is not is told, and
    the exit status is 1.

        obmm replay recordings/main

    The recorded order flow is matched anew with the agent's orders among it: fills, fees and balances are
    what they would have been if nobody had reacted to them.

        obmm replay sample --preset touch
        obmm replay market.msgpack.zst --from 900 --until 1800 --out runs/replayed

    A signal ends the run early as it does for `obmm simulate`, and `--out` is guarded in the same way.

    Args:
        capture: A recorded stream: `*.msgpack.zst`, or `*.jsonl.zst` of request bodies; `sample` is the one
            that ships with obmm. Or a live recording: its folder, or one of its files.
        preset: A preset's name or a TOML file; `balanced` if not given.
        set: `name=value`, as often as needed.
        from_s: Simulated second at which to begin, by the recording's clock; that of `sample` begins at 600.
        until_s: Simulated second at which to stop, by the same clock.
        response_ms: Time the venue is told an answer took; it becomes simulated delay.
        seed: Seed of the random part of the delays.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        code: Folder with the modules of your own stages as they were when it was recorded.
        out: Folder in which to keep the run, for `obmm report` and the like.
        force: Replace the run that lies in the folder.
        json: Print JSON for machines.
    """
    from obmm.wire.recording import is_recording

    if is_recording(capture) and preset is None and not set:
        if out is not None or from_s > 0.0 or until_s < float("inf"):
            raise UsageError(
                "--from, --until and --out are for playing its market: name an agent with --preset"
            )
        _verified(capture, code, json)
        return
    needs("numba", "pyarrow")
    from obmm.agent import resolve
    from obmm.cli._progress import simulated_time
    from obmm.lab.replay import Plan, begins_s
    from obmm.lab.replay import replay as run

    plan = Plan(
        config=resolve(preset or "balanced", set),
        capture=recording_of(capture),
        only=only,
        from_s=from_s,
        until_s=until_s,
        response_ms=response_ms,
        seed=seed,
    )
    total_s = until_s - max(from_s, begins_s(plan.capture, only)) if until_s < float("inf") else None
    try:
        with simulated_time(f"{Path(preset or 'balanced').stem} on {capture.name}", total_s) as bar:
            told = run(plan, out, force=force, progress=bar)
    except mendable():
        raise
    except ValueError as error:
        raise UsageError(f"{capture} cannot be replayed: {error}") from error
    with ending(told):
        if json:
            print_json(told)
        else:
            _print(told)


def _verified(path: Path, code: Path | None, json: bool) -> None:
    """Answer a live recording again and say whether it is the same; exit status 1 if not."""
    from obmm.cli._progress import counted
    from obmm.lab.verify import verify
    from obmm.wire.recording import Recording

    with counted(f"replaying {path.name}") as progress:
        told = verify(Recording(path), code=code, progress=progress)
    if json:
        print_json(told)
    else:
        out = console()
        out.print(
            f"{told['exchanges']:,} requests answered again, {told['same']:,} replies the same to the byte"
        )
        for why, count in told["not_compared"].items():
            out.print(f"{count:,} not compared: {why}", markup=False)
        for place in told["torn"]:
            out.print(f"cut when its writer was killed: {place}", markup=False, style="yellow")
        if (first := told["first_difference"]) is not None:
            out.print(f"[red]{told['different']:,} replies are others[/red]; the first:")
            at = "" if first["time_s"] is None else f" at {first['time_s']:g} s"
            out.print(f"request {first['number']} of {first['sender'] or 'nobody'}{at}", markup=False)
            out.print(first["what"], markup=False)
            made = ", ".join(f"{name} {version}" for name, version in first["versions"].items())
            out.print(f"recorded with {made}", markup=False)
    if told["different"]:
        sys.exit(1)


def _print(told: dict[str, Any]) -> None:
    out = console()
    out.print(
        f"[bold]{told['config']}[/bold] on {Path(told['capture']).name}, {told['states']:,} states, "
        f"hash {told['config_hash']}\n"
    )
    warn(out, told, told["states"])
    results = {row["book"]: row for row in told["per_book"]}
    rows = [
        (
            b["book"],
            f"{b['bid_quoting']:.0%}/{b['ask_quoting']:.0%}",
            f"{_ticks(b['bid_behind_ticks'])}/{_ticks(b['ask_behind_ticks'])}",
            b["instructions"],
            results[b["book"]]["fills"],
            results[b["book"]]["pnl"],
            results[b["book"]]["fees"],
            results[b["book"]]["markout_60s_bps"],
            _quiet(b["quiet"]),
        )
        for b in told["books"]
    ]
    columns = ("book", "quoted", "behind", "instr.", "fills", "P&L", "fees", "60 s, bp", "quiet")
    title = "Per book: share of states quoted (bid/ask), ticks behind the others, instructions, results"
    shown = table(title, columns, rows)
    shown.columns[-1].justify = "left"
    out.print(shown, "")
    out.print(scores_table(told["scores"]), "")
    for name in ("decode", "respond", "encode"):
        ms = told[f"{name}_ms"]
        out.print(f"{name:<8} median {ms['p50']:.2f} ms, 99 % {ms['p99']:.2f} ms, worst {ms['max']:.2f} ms")
    out.print(
        f"\nP&L of trading {told['pnl']:,.2f}, of the endowment {told['pnl_endowment']:,.2f}; "
        f"{told['fills']:,} fills, fees {told['fees']:,.2f}; "
        f"{told['instructions']:,} instructions, {told['instructions_per_state']:.1f} per state"
    )
    if told["rejects"]:
        out.print("refused: " + ", ".join(f"{reason} {n}" for reason, n in told["rejects"].items()))
    if told["differences"]:
        counts = ", ".join(f"{n:,} {reason}" for reason, n in told["differences"].items())
        out.print(f"levels of the recording that its events do not explain: {counts}")


def _ticks(behind: float) -> str:
    return f"{behind:.0f}" if behind == behind else "–"


def _quiet(reasons: dict[str, float]) -> str:
    most = sorted(reasons.items(), key=lambda item: -item[1])[:3]
    return ", ".join(f"{reason} {share:.1%}" for reason, share in most) or "never"

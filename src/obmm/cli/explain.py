"""`obmm explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import recording_of
from obmm.cli._output import console, number, print_json, table
from obmm.cli._parameters import Flag, Set, Whole


def explain(
    source: Path,
    /,
    *,
    book: Whole,
    at: float,
    preset: str | None = None,
    set: Set = (),
    uid: Whole = 0,
    recorded: Flag = False,
    only: str = "",
    code: Path | None = None,
    json: Flag = False,
) -> None:
    """Show one decision of an agent step by step: of a run, or on a recording.

    Printed are what the book shows, each signal, each gate's word, the quotes, and the instructions of one
    book; its reasons to be quiet, or to quote wider than it was told, stand at the end.

        obmm explain runs/first --book 1 --at 1234
        obmm explain sample --book 3 --at 660
        obmm explain market.msgpack.zst --book 3 --at 1200 --preset my.toml

    A run is made again up to that moment, and told only if that agrees with its records; otherwise what the
    records hold is told, which are signals, instructions and reasons. On a recording the agent answers every
    state up to the moment asked for, so that its signals are what they would have been.

    Args:
        source: The folder of a run; or a recorded stream, `*.msgpack.zst`, or `*.jsonl.zst` of request
            bodies; `sample` is the one that ships with obmm. Or a live recording, whose own decision is shown
            if no preset is given.
        book: Id of the book.
        at: Simulated time in seconds; the first state at or after it is explained.
        preset: On a recording, a preset's name or a TOML file; `balanced` if not given. A run has its own.
        set: `name=value`, as often as needed.
        uid: Account of a run: 0 is the agent, the others its rivals.
        recorded: Of a run, tell what its records hold at once, without making it again.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        code: Folder with the modules of your own stages as they were when it was recorded live.
        json: Print JSON for machines.
    """
    from obmm.wire.recording import Recording, is_recording

    live = is_recording(source)
    if not live and source.is_dir():
        if preset is not None or set:
            raise UsageError(f"{source} is a run, which has a configuration: leave out --preset and --set")
        story = _of_run(source, book, at, uid, recorded)
    else:
        from obmm.lab.explain import explained, explained_live

        if live and preset is None and not set:
            story = explained_live(Recording(source), book=book, at_s=at, only=only, code=code)
        else:
            story = explained(recording_of(source), preset or "balanced", set, book=book, at_s=at, only=only)
    if json:
        print_json(story)
        return
    out = console()
    pipeline = "" if story["pipeline"] == story["config"] else f", pipeline {story['pipeline']}"
    out.print(
        f"[bold]book {story['book']} at {story['time_s']:g} s[/bold]  "
        f"{story['config']}{pipeline}  hash {story['hash']}\n"
    )
    if story.get("objective_why"):
        out.print(f"plays for {story['objective']}: {story['objective_why']}\n", markup=False)
    if "records" in story:
        out.print(_agreement(story["records"]) + "\n", markup=False, soft_wrap=True)
    for title, columns, rows in _tables(story):
        out.print(table(title, columns, rows) if rows else f"[bold]{title}[/bold]\nnothing")
        out.print("")


def _of_run(folder: Path, book: int, at_s: float, uid: int, recorded: bool) -> dict[str, Any]:
    """The decision of a run, made again unless that is not wanted or cannot be done here."""
    needs("pyarrow")
    from obmm.cli._progress import simulated_time
    from obmm.lab.explain_run import explained_run

    if not recorded:
        needs("numba")
    with simulated_time(f"running {folder.name} again", at_s) as bar:
        return explained_run(folder, book=book, at_s=at_s, uid=uid, again=not recorded, progress=bar)


def _agreement(records: dict[str, Any]) -> str:
    if records["repeated"]:
        return "The run was made again up to here, and agrees with its records."
    return f"This is what the records hold; gates and quotes are not known: {records['note']}."


_GATES, _QUOTES, _RESTING = "Gates, each by itself", "Quotes wanted", "Own orders that rest"


def _tables(story: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    """Title, columns and rows of what is told, in the order in which it was decided."""
    signals = [(s["name"], _signal(s["value"], s["unit"]), s["unit"]) for s in story["signals"]]
    sizes = ("bid_size_factor", "ask_size_factor", "spread_factor", "position_limit")
    gates = [(g["name"], g["bid"], g["ask"], *(g[name] for name in sizes)) for g in story["gates"] or ()]
    quotes = [
        (q["side"], q["level"], f"{q['price']:.10g}", q["size"], q["behind_ticks"])
        for q in story["quotes"] or ()
    ]
    orders = [
        (
            o["kind"],
            o["side"],
            f"{o['price']:.10g}" if o["price"] else "–",
            o["size"],
            str(o["order_id"] or "–"),
        )
        for o in story["orders"]
    ]
    resting = [
        (r["side"], f"{r['price']:.10g}", r["size"], str(r["order_id"]), r["age_s"])
        for r in story["resting"] or ()
    ]
    told = [
        ("What it sees", ("", ""), list(story["market"].items())),
        ("Signals", ("name", "value", "unit"), signals),
        (
            _GATES,
            ("name", "bid", "ask", "bid size ×", "ask size ×", "spread ×", "position limit"),
            gates,
        ),
        (_RESTING, ("side", "price", "size", "order", "age, s"), resting),
        (_QUOTES, ("side", "level", "price", "size", "ticks behind the others"), quotes),
        ("Instructions, most urgent first", ("what", "side", "price", "size", "cancels order"), orders),
        ("Quiet or narrowed because of", ("", ""), [(s, why or "–") for s, why in story["reasons"].items()]),
    ]
    unknown = {
        title
        for key, title in (("gates", _GATES), ("quotes", _QUOTES), ("resting", _RESTING))
        if story[key] is None
    }
    return [row for row in told if row[0] not in unknown]


def _signal(value: float | list[float], unit: str) -> str:
    """A signal's value; one in quote is a price, whose last digits matter."""
    if isinstance(value, list):
        return ", ".join(_signal(part, unit) for part in value)
    return f"{value:.8g}" if unit == "quote" else number(value)

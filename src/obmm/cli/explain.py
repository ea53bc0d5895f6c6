"""`obmm explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from obmm.cli._inputs import recording_of
from obmm.cli._output import console, number, print_json, table
from obmm.cli._parameters import Flag, Set, Whole


def explain(
    capture: Path,
    /,
    *,
    book: Whole,
    at: float,
    preset: str | None = None,
    set: Set = (),
    only: str = "",
    code: Path | None = None,
    json: Flag = False,
) -> None:
    """Show one decision of an agent on a recording, step by step.

    The agent answers every state up to the moment asked for, so that its signals are what they would have
    been; then each signal, each gate's word, the quotes and the instructions of one book are printed.

        obmm explain sample --book 3 --at 660
        obmm explain market.msgpack.zst --book 3 --at 1200 --preset my.toml

    A book's reasons to be quiet, or to quote wider than it was told, stand at the end.

    Args:
        capture: A recorded stream: `*.msgpack.zst`, or `*.jsonl.zst` of request bodies; `sample` is the one
            that ships with obmm. Or a live recording, whose own decision is shown if no preset is given.
        book: Id of the book.
        at: Simulated time in seconds; the first state at or after it is explained.
        preset: A preset's name or a TOML file; `balanced` if not given.
        set: `name=value`, as often as needed.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        code: Folder with the modules of your own stages as they were when it was recorded.
        json: Print JSON for machines.
    """
    from obmm.lab.explain import explained, explained_live
    from obmm.wire.recording import Recording, is_recording

    if is_recording(capture) and preset is None and not set:
        story = explained_live(Recording(capture), book=book, at_s=at, only=only, code=code)
    else:
        story = explained(recording_of(capture), preset or "balanced", set, book=book, at_s=at, only=only)
    if json:
        print_json(story)
        return
    out = console()
    pipeline = "" if story["pipeline"] == story["config"] else f", pipeline {story['pipeline']}"
    out.print(
        f"[bold]book {story['book']} at {story['time_s']:g} s[/bold]  "
        f"{story['config']}{pipeline}  hash {story['hash']}\n"
    )
    for title, columns, rows in _tables(story):
        out.print(table(title, columns, rows) if rows else f"[bold]{title}[/bold]\nnothing")
        out.print("")


def _tables(story: dict[str, Any]) -> list[tuple[str, tuple[str, ...], list[tuple[object, ...]]]]:
    """Title, columns and rows of what is told, in the order in which it was decided."""
    signals = [(s["name"], _signal(s["value"], s["unit"]), s["unit"]) for s in story["signals"]]
    sizes = ("bid_size_factor", "ask_size_factor", "spread_factor", "position_limit")
    gates = [(g["name"], g["bid"], g["ask"], *(g[name] for name in sizes)) for g in story["gates"]]
    quotes = [
        (q["side"], q["level"], f"{q['price']:.10g}", q["size"], q["behind_ticks"]) for q in story["quotes"]
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
    return [
        ("What it sees", ("", ""), list(story["market"].items())),
        ("Signals", ("name", "value", "unit"), signals),
        (
            "Gates, each by itself",
            ("name", "bid", "ask", "bid size ×", "ask size ×", "spread ×", "position limit"),
            gates,
        ),
        ("Quotes wanted", ("side", "level", "price", "size", "ticks behind the others"), quotes),
        ("Instructions, most urgent first", ("what", "side", "price", "size", "cancels order"), orders),
        ("Quiet or narrowed because of", ("", ""), [(s, why or "–") for s, why in story["reasons"].items()]),
    ]


def _signal(value: float | list[float], unit: str) -> str:
    """A signal's value; one in quote is a price, whose last digits matter."""
    if isinstance(value, list):
        return ", ".join(_signal(part, unit) for part in value)
    return f"{value:.8g}" if unit == "quote" else number(value)

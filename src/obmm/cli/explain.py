"""`obmm explain`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from obmm.cli._output import console, print_json, table


def explain(
    capture: Path,
    *,
    book: int,
    at: float,
    preset: str = "balanced",
    set: Annotated[list[str], Parameter(negative="")] = [],  # noqa: B006  cyclopts reads the default
    json: bool = False,
) -> None:
    """Show one decision of an agent on a recording, step by step.

    The agent answers every state up to the moment asked for, so that its signals are what they would have
    been; then each signal, each gate's word, the quotes and the instructions of one book are printed.

    Parameters
    ----------
    capture
        A recorded stream (`*.msgpack.zst` or `*.jsonl.zst`).
    book
        Id of the book.
    at
        Simulated time in seconds; the first state at or after it is explained.
    preset
        A preset's name or a TOML file.
    set
        `name=value`, as often as needed.
    json
        Print JSON for machines.
    """
    from obmm.lab.explain import explained

    story = explained(capture, preset, set, book=book, at_s=at)
    if json:
        print_json(story)
        return
    out = console()
    out.print(
        f"[bold]book {story['book']} at {story['time_s']:g} s[/bold]  "
        f"{story['config']}  hash {story['hash']}\n"
    )
    for title, columns, rows in (
        ("What it sees", ("", ""), story["market"].items()),
        (
            "Signals",
            ("name", "value", "unit"),
            [(s["name"], s["value"], s["unit"]) for s in story["signals"]],
        ),
        (
            "Gates, each by itself",
            ("name", "bid", "ask", "bid size ×", "ask size ×", "spread ×", "position limit"),
            [
                (
                    g["name"],
                    g["bid"],
                    g["ask"],
                    g["bid_size_factor"],
                    g["ask_size_factor"],
                    g["spread_factor"],
                    g["position_limit"],
                )
                for g in story["gates"]
            ],
        ),
        (
            "Quotes wanted",
            ("side", "level", "price", "size", "behind touch, ticks"),
            [
                (q["side"], q["level"], f"{q['price']:.10g}", q["size"], q["behind_ticks"])
                for q in story["quotes"]
            ],
        ),
        (
            "Instructions",
            ("what", "side", "price", "size", "order"),
            [
                (
                    o["kind"],
                    o["side"],
                    f"{o['price']:.10g}" if o["price"] else "–",
                    o["size"],
                    str(o["order_id"] or "–"),
                )
                for o in story["orders"]
            ],
        ),
        ("Why not more", ("side", "reason"), story["reasons"].items()),
    ):
        out.print(table(title, columns, [tuple(row) for row in rows], text_columns=1), "")

"""`obmm bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from obmm.cli._output import console, print_json, table


def bench(
    *,
    books: Annotated[list[int], Parameter(negative="", consume_multiple=True)] = [8, 40, 128],  # noqa: B006
    preset: str = "balanced",
    capture: Path | None = None,
    states: int = 2000,
    memory: bool = False,
    json: bool = False,
) -> None:
    """Time the answer to a state on this machine: decode, pipeline, encode, and all of it.

    Requests are made of a recording, tiled to the number of books; without one, of the sample that ships
    with obmm. The budgets are those of a machine that answers well within the venue's three seconds.

    Parameters
    ----------
    books
        Sizes of the market.
    preset
        A preset's name or a TOML file.
    capture
        A recorded stream to take states from.
    states
        Answers timed per size.
    memory
        Also measure resident memory over 10,000 answers.
    json
        Print JSON for machines.
    """
    from obmm.agent import resolve
    from obmm.lab import bench as timing

    config, source = resolve(preset), capture or timing.sample_path()
    found = [timing.bench(config, source, size, states) for size in books]
    starts = timing.start_times()
    grown = timing.memory_growth(config, source, max(books)) if memory else None
    if json:
        print_json({"preset": preset, "sizes": found, "start": starts, "memory": grown})
        return
    out = console()
    rows = []
    for result in found:
        budget = timing.BUDGET_MS
        for step in ("decode", "pipeline", "encode", "answer"):
            ms = result[f"{step}_ms"]
            allowed = budget["decode_tape"] if step == "decode" and result["tape"] else budget[step]
            rows.append(
                (
                    str(result["books"]),
                    step,
                    ms["p50"],
                    ms["p99"],
                    ms["max"],
                    _allowed(step, allowed, result["books"]),
                )
            )
    title = f"Answers of {preset}, {states:,} states each, milliseconds"
    out.print(
        table(title, ("books", "step", "median", "99 %", "worst", "budget, median"), rows, text_columns=2), ""
    )
    out.print(
        f"import obmm {1e3 * starts['import_s']:.0f} ms (budget 150), "
        f"obmm --help {1e3 * starts['help_s']:.0f} ms (budget 300)"
    )
    slow = _over(found, timing)
    out.print("\n".join(slow) if slow else "within every budget")
    if grown is not None:
        out.print(
            f"resident memory over {grown['states']:,} answers of {grown['books']} books: "
            f"{grown['before_mb']:.0f} → {grown['after_mb']:.0f} MB"
        )


def _allowed(step: str, budget: float, books: int) -> str:
    return f"{budget:g}" if books == 128 else "–"


def _over(found: list[dict[str, Any]], timing: Any) -> list[str]:
    """The budgets that do not hold at 128 books, in words."""
    told = []
    for result in found:
        if result["books"] != 128:
            continue
        for step in ("decode", "pipeline", "encode", "answer"):
            name = "decode_tape" if step == "decode" and result["tape"] else step
            p50 = result[f"{step}_ms"]["p50"]
            if p50 > timing.BUDGET_MS[name]:
                told.append(
                    f"{step}: median {p50:.2f} ms is over the budget of {timing.BUDGET_MS[name]:g} ms"
                )
        answer = result["answer_ms"]
        for name, bound in (("p99", timing.ANSWER_P99_MS), ("max", timing.ANSWER_MAX_MS)):
            if answer[name] > bound:
                told.append(f"answer: {name} {answer[name]:.2f} ms is over the budget of {bound:g} ms")
    return told

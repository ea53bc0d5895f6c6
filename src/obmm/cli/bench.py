"""`obmm bench`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from obmm.cli._inputs import SAMPLE, recording_of
from obmm.cli._output import console, print_json, spelt, table
from obmm.cli._parameters import Flag, Markets, Set, States

#: The size whose times have a budget.
_LARGE = 128
_STEPS = ("decode", "pipeline", "encode", "answer")


def bench(
    *,
    books: Markets = (8, 40, 128),
    preset: str = "balanced",
    set: Set = (),
    capture: Path = SAMPLE,
    states: States = 2000,
    memory: Flag = False,
    json: Flag = False,
) -> None:
    """Time the answer to a state on this machine: decode, pipeline, encode, and all of it.

    Requests are made of a recording, tiled to the number of books, some 56 events per book and second.

        obmm bench
        obmm bench --books 128 --preset my.toml --memory

    The budgets are those of a machine that answers well within the venue's three seconds. They count whole
    milliseconds of one core: on a busy machine look at the median. The exit status is 1 if answers pass one.

    Args:
        books: Sizes of the market.
        preset: A preset's name or a TOML file.
        set: `name=value`, as often as needed.
        capture: A recorded stream to take states from; `sample` is the one that ships with obmm.
        states: Answers timed per size.
        memory: Also measure resident memory over 10,000 answers.
        json: Print JSON for machines.
    """
    from obmm.agent import resolve
    from obmm.lab import bench as timing

    config, source = resolve(preset, set), recording_of(capture)
    with console(stderr=True).status("answering") as status:
        found = []
        for size in books:
            status.update(f"answering {states:,} states of {size} books")
            found.append(timing.bench(config, source, size, states))
        status.update("starting Python")
        starts = timing.start_times()
        status.update("answering 10,000 states")
        grown = timing.memory_growth(config, source, max(books)) if memory else None
    slow = list(_over(found))
    if json:
        told = {"preset": preset, "config_hash": config.hash, "start": starts, "memory": grown, "over": slow}
        print_json(told | (found[0] if len(found) == 1 else {"sizes": found}))
    else:
        _print(config.name, states, found, starts, slow, grown)
    sys.exit(1 if slow else 0)


def _print(
    name: str,
    states: int,
    found: list[dict[str, Any]],
    starts: dict[str, float],
    slow: list[str],
    grown: dict[str, float] | None,
) -> None:
    out = console()
    rows = [
        (str(result["books"]), step, ms["p50"], ms["p99"], ms["max"], spelt(_budget(result, step)))
        for result in found
        for step in _STEPS
        for ms in (result[f"{step}_ms"],)
    ]
    title = f"Answers of {name}, {states:,} states each, milliseconds"
    out.print(table(title, ("books", "step", "median", "99 %", "worst", "budget"), rows, text_columns=2), "")
    out.print(
        f"import obmm {1e3 * starts['import_s']:.0f} ms (budget 150), "
        f"obmm --help {1e3 * starts['help_s']:.0f} ms (budget 300)"
    )
    out.print("\n".join(slow) if slow else "answers are within every budget")
    if grown is not None:
        out.print(
            f"resident memory over {grown['states']:,} answers of {grown['books']} books: "
            f"{grown['before_mb']:.0f} → {grown['after_mb']:.0f} MB"
        )


def _budget(result: dict[str, Any], step: str) -> float | None:
    """Milliseconds allowed for the median of a step; None at sizes without a budget."""
    from obmm.lab.bench import BUDGET_MS

    tape = step == "decode" and result["tape"]
    return BUDGET_MS["decode_tape" if tape else step] if result["books"] == _LARGE else None


def _over(found: list[dict[str, Any]]) -> Iterator[str]:
    """The budgets that answers do not keep, in words."""
    from obmm.lab.bench import ANSWER_MAX_MS, ANSWER_P99_MS

    for result in found:
        for step in _STEPS:
            p50, allowed = result[f"{step}_ms"]["p50"], _budget(result, step)
            if allowed is not None and p50 > allowed:
                yield f"{step}: median {p50:.2f} ms is over the budget of {allowed:g} ms"
        if result["books"] == _LARGE:
            for name, bound in (("p99", ANSWER_P99_MS), ("max", ANSWER_MAX_MS)):
                found_ms = result["answer_ms"][name]
                if found_ms > bound:
                    yield f"answer: {name} {found_ms:.2f} ms is over the budget of {bound:g} ms"

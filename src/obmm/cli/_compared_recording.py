"""`obmm compare --capture`: configurations on one recorded flow."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from obmm.cli._errors import UsageError, mendable
from obmm.cli._inputs import recording_of
from obmm.cli._output import console, print_json, table

if TYPE_CHECKING:
    from obmm.lab.compare import Arm
    from obmm.lab.compare.replayed import Recorded, Replayed
    from obmm.lab.trials import Metric


def compared_on(
    capture: Path,
    only: str,
    arms: Sequence[str],
    swap: Sequence[str],
    set_: Sequence[str],
    metric: Sequence[str],
    response_ms: float,
    json: bool,
) -> None:
    """Play every arm on a recording and say what each would have been filled with."""
    from obmm.lab.compare import arms_of
    from obmm.lab.compare.replayed import Recorded, metrics_by_book, told

    chosen, metrics = arms_of(arms, swap, set_), metrics_by_book(metric)
    recorded = Recorded(capture=recording_of(capture), only=only, response_ms=response_ms)
    began_s = time.perf_counter()
    replayed = {arm.name: _played(arm, recorded) for arm in chosen}
    values = told(replayed, metrics, recorded, time.perf_counter() - began_s)
    if json:
        print_json(values)
    else:
        _print(replayed, metrics, values)
    if values["failed"]:
        sys.exit(1)


def _played(arm: Arm, recorded: Recorded) -> Replayed:
    from obmm.cli._progress import simulated_time
    from obmm.lab.compare.replayed import played

    try:
        with simulated_time(f"{arm.name} on {recorded.capture.name}", None) as bar:
            return played(arm, recorded, bar)
    except mendable():
        raise
    except ValueError as error:
        raise UsageError(f"{recorded.capture} cannot be replayed: {error}") from error


def _print(replayed: dict[str, Replayed], metrics: Sequence[Metric], told: dict[str, Any]) -> None:
    from obmm.cli._earned import pipelines
    from obmm.lab.attribution import PARTS
    from obmm.lab.compare.replayed import by_book, differences, sentence
    from obmm.lab.compare.words import plain, signed

    out = console()
    outcomes = {name: one.outcome for name, one in replayed.items()}
    names = list(outcomes)
    for name, failed in told["failed"].items():
        line = (
            f"a stage of {name} failed on {failed['states']:,} of {failed['of']:,} states: {failed['fault']}"
        )
        out.print(line, style="bold red", markup=False)
    for metric in metrics:
        for d in differences(outcomes, metric):
            out.print(sentence(names[0], d, told["books"]), style="bold", markup=False)
    for line in told["cautions"]:
        out.print(line, markup=False)
    out.print("")
    for metric in metrics:
        columns = [by_book(one, metric) for one in outcomes.values()]
        ids = told["book_ids"].tolist()
        rows = [(str(book), *(plain(float(of[i])) for of in columns)) for i, book in enumerate(ids)]
        rows.append(("mean", *(plain(float(of.mean())) for of in columns)))
        out.print(table(f"{metric.words}: by book", ("book", *names), rows), "")
    for name, ran in told["pipelines"].items():
        out.print(f"{name} runs several pipelines.", markup=False)
        out.print(pipelines({"pipelines": ran}), "")
    parts = told["attribution"]
    rows = [(PARTS[part], *(signed(parts[name][part]) for name in names)) for part in PARTS]
    rows.append(("P&L", *(signed(sum(parts[name].values())) for name in names)))
    out.print(table("Where the P&L comes from, quote per book and hour", ("", *names), rows), "")
    speed = f"{told['book_seconds_per_second']:,.0f} book-seconds per second"
    out.print(
        f"{told['books']} books, {told['hours']:.2f} hours; {told['wall_s']:.1f} s, {speed}", markup=False
    )

"""`obmm study`."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
from cyclopts import Parameter
from rich.console import Console
from rich.text import Text

from obmm.cli._errors import UsageError, needs
from obmm.cli._inputs import TODAY, recording_of, run_of, scenario_of
from obmm.cli._output import console, folded, print_json
from obmm.cli._parameters import Count, Counts, Flag, Positive, Whole

if TYPE_CHECKING:
    from obmm.lab.study import Horizon, SignalStudy, Stretch, Study, Subjects

Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, show_default=False)]
#: With more signals than this the tables of each are left to the page and to JSON.
_DETAILED = 4


def study(
    *signals: str,
    capture: Path | None = None,
    only: str = "",
    run: Path | None = None,
    scenario: str = TODAY,
    seeds: Counts = (1, 2, 3, 4),
    books: Count = 16,
    hours: Positive = 1.0,
    rivals: Words = (),
    uid: Whole = 0,
    horizon: Positive = 10.0,
    preset: str = "balanced",
    toml: Path | None = None,
    out: Path | None = None,
    force: Flag = False,
    json: Flag = False,
) -> None:
    """Say what signals know of the next return, and what they know together.

    Per horizon from 1 s to 300 s: the correlation with the return that follows, its 95 % interval (block
    bootstrap), the share of moves whose sign is called right, and the correlation with the return *before* as
    a warning: what explains the past need not foretell anything.

        obmm study imbalance trade_flow --capture market.msgpack.zst
        obmm study queue=imbalance.depths=[1] trade_flow.scope=all,tau_s=5 --seeds 1 2
        obmm study my_signal.py trade_flow --toml lean.toml --out study.html
        obmm study balanced --scenario taos-0.6.2 --json
        obmm study --run runs/first

    Several signals are combined by a ridge regression, judged on time it has not seen; `--toml` keeps its
    weights as a configuration that runs.

    Args:
        signals: A registered signal; one with options, `imbalance.depths=[1],decay=exponential`; one with a
            name, `queue=imbalance.depths=[1]`; a class, `my_signal:MySignal`; a file of them, `my_signal.py`;
            or a preset or TOML file, all of whose signals are studied.
        capture: A recording to study them on; `sample` is the one that ships with obmm. Or a live recording.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        run: The folder of a run, or a live recording of one simulation: its signals as they were recorded,
            all of them if none is named.
        scenario: Without a recording or a run: the embedded market to study them on.
        seeds: Seeds, a stretch of market each.
        books: Number of books.
        hours: Simulated hours under each seed.
        rivals: Other miners there: `none`, `makers=4`, presets, as in `obmm simulate`.
        uid: The account of the run.
        horizon: Seconds of the return that a combination is made for.
        preset: What a proposed configuration is laid over, unless a file or preset was studied.
        toml: Write the proposed configuration.
        out: Write the page.
        force: Replace the file of `--toml`.
        json: Print JSON for machines.
    """
    from obmm.lab.study import combinable, subjects_of
    from obmm.lab.study import study as measure

    if capture is not None and run is not None:
        raise UsageError("give a recording or a run, not both")
    if toml is not None and run is not None:
        raise UsageError("the signals of a run have their configuration already; --toml needs them named")
    if toml is not None and toml.exists() and not force:
        raise UsageError(f"{toml} exists already; --force overwrites it")
    if out is not None:
        needs("plotly")
    began_s = time.perf_counter()
    subjects: Subjects | None = None
    if run is not None:
        needs("pyarrow")
        from obmm.lab.study import of_run

        run = run_of(run)
        stretches, source = [of_run(run, signals, uid)], f"run {run.name}"
    else:
        subjects = subjects_of(signals)
        stretches, source = _watched(subjects, capture, only, scenario, seeds, books, hours, rivals)
    usable: list[str] | None = None
    left_out: dict[str, str] = {}
    if subjects is not None:
        from obmm.lab.study import Sample

        usable, left_out = combinable(subjects, Sample(tuple(stretches)))
    found: Study = measure(
        stretches, source=source, blend_horizon_s=horizon, combinable=usable, left_out=left_out
    )
    text = _proposal(found, subjects, preset, toml)
    if out is not None:
        from obmm.lab.study.page import write_page

        write_page(found, text, out)
    if json:
        print_json(found.as_dict() | {"toml": text or None, "wall_s": time.perf_counter() - began_s})
        return
    _print(found, text, time.perf_counter() - began_s)
    for path in filter(None, (toml, out)):
        console().print(f"wrote {path}", markup=False, soft_wrap=True)


def _watched(
    subjects: Subjects,
    capture: Path | None,
    only: str,
    scenario: str,
    seeds: Sequence[int],
    books: int,
    hours: float,
    rivals: Sequence[str],
) -> tuple[list[Stretch], str]:
    """The signals on a recording or on the embedded market, and what that is in words."""
    from obmm.cli._progress import simulated_time
    from obmm.lab.study import recorded, simulated

    if capture is not None:
        with simulated_time(f"reading {capture.name}", None) as bar:
            return recorded(subjects, recording_of(capture), bar, only), f"recording {capture.name}"
    needs("numba")
    from obmm.lab.simulate import parse_rivals

    loaded, pipelines = parse_rivals(rivals, scenario_of(scenario))
    _note(loaded.name, seeds, subjects)
    stretches = []
    with simulated_time(f"studying on {loaded.name}", hours * 3600.0 * len(seeds)) as bar:
        for i, seed in enumerate(seeds):
            before_s = i * hours * 3600.0
            stretches.append(
                simulated(
                    subjects,
                    loaded,
                    seed=seed,
                    books=books,
                    hours=hours,
                    rivals=pipelines,
                    progress=lambda done_s, before_s=before_s: bar(before_s + done_s),  # type: ignore[misc]
                )
            )
    named = f"seed {seeds[0]}" if len(seeds) == 1 else f"seeds {' '.join(map(str, seeds))}"
    return stretches, f"{loaded.name}, {named}"


def _note(scenario: str, seeds: Sequence[int], subjects: Subjects) -> None:
    """Tell the ledger of seeds that these are looked at; a result is confirmed on others."""
    from obmm.lab.trials import Ledger

    folder = Path("runs") / "study"
    try:
        Ledger.beside(folder).note(
            "study", scenario=scenario, seeds=seeds, configs=(subjects.config.hash,), folder=folder
        )
    except OSError as error:
        print(f"obmm: the ledger of seeds cannot be written: {error}", file=sys.stderr)


def _proposal(found: Study, subjects: Subjects | None, preset: str, toml: Path | None) -> str:
    """The proposed configuration, written where that is asked for; empty where there is none."""
    from obmm.lab.study.words import no_blend

    if subjects is None or found.blend is None:
        if toml is not None:
            raise UsageError(f"nothing to write into {toml}: {no_blend(found)}")
        return ""
    from obmm.agent import resolve
    from obmm.lab.study import proposed
    from obmm.settings.files import write_whole
    from obmm.settings.toml import parse_layer

    folder = Path() if toml is None else toml.parent
    text = proposed(subjects, found.blend, preset, folder, found.source)
    resolve(parse_layer(text, str(toml or "the proposal"), folder.resolve()))
    if toml is not None:
        toml.parent.mkdir(parents=True, exist_ok=True)
        write_whole(toml, text.encode())
    return text


def _print(found: Study, text: str, wall_s: float) -> None:
    out = console()
    per = "" if len(found.stretches) == 1 else f" in {len(found.stretches)} stretches"
    out.print(
        f"[bold]{found.source}[/bold]: {found.books} books, {found.states:,} states{per}, "
        f"{found.seconds / 3600.0:.2f} hours\n"
    )
    from obmm.lab.study.words import sentence, signed, together

    names = [f"{h:g} s" for h in found.horizons_s]
    rows = [(s.name, *(_cell(h) for h in s.horizons)) for s in found.signals]
    title = "Correlation with the next return, and share of its signs called right; * where it is shown"
    _lay(out, title, ("signal", *names), rows)
    for signal in found.signals:
        out.print(sentence(signal), markup=False, soft_wrap=True)
    out.print("")
    for signal in found.signals if len(found.signals) <= _DETAILED else ():
        _lay(out, *_detail(signal))
    for of_class in found.classes if len(found.classes) > 1 else ():
        rows = [(s.name, *(_cell(h) for h in s.classes[of_class])) for s in found.signals]
        _lay(out, f"Books of class {of_class}", ("signal", *names), rows)
    lags = list(found.signals[0].autocorrelation)
    rows = [
        (s.name, s.mean, s.deviation, f"{s.known:.0%}", signed(s.turnover).lstrip("+"),
         *map(signed, s.autocorrelation.values()))
        for s in found.signals
    ]  # fmt: skip
    columns = ("signal", "mean", "deviation", "known", "turnover", *(f"{lag} s" for lag in lags))
    title = "By itself: change per state in deviations, and autocorrelation by lag"
    _lay(out, title, columns, rows)
    if len(found.signals) > 1:
        labels = [s.name for s in found.signals]
        grid = [(n, *map(signed, row)) for n, row in zip(labels, found.correlations, strict=True)]
        _lay(out, "With each other", ("", *labels), grid)
    for line in together(found):
        out.print(line, markup=False, soft_wrap=True)
    if text and found.blend is not None and len(found.blend.weights) > 1:
        out.print("\n" + text, markup=False, soft_wrap=True)
    out.print(f"{wall_s:.1f} s")


def _cell(horizon: Horizon) -> Text:
    if not np.isfinite(horizon.correlation):
        return Text("–", "dim")
    hits = "" if not np.isfinite(horizon.hit_rate) else f" ({100.0 * horizon.hit_rate:.1f} %)"
    mark, style = ("*", "bold") if horizon.shown else (" ", "dim")
    return Text(f"{horizon.correlation:+.3f}{mark}{hits}", style)


def _detail(signal: SignalStudy) -> tuple[str, Sequence[str], Sequence[Sequence[object]]]:
    """Title, columns and rows of what was found about a signal."""
    from obmm.lab.study.words import between, share, signed

    columns = (
        "horizon", "correlation", "95 % interval", "", "signs", "per deviation", "beyond last",
        "past", "1st half", "2nd half",
    )  # fmt: skip
    rows = [
        (
            f"{h.horizon_s:g} s",
            signed(h.correlation),
            between(h.low, h.high, signed),
            h.reading,
            share(h.hit_rate),
            f"{h.bps_per_deviation:+.2f} bp" if np.isfinite(h.bps_per_deviation) else "–",
            signed(h.marginal),
            signed(h.contemporaneous),
            signed(h.first_half),
            signed(h.second_half),
        )
        for h in signal.horizons
    ]
    return f"{signal.name}, in full", columns, rows


def _lay(out: Console, title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, as several where it is wider than the terminal."""
    for part in folded(title, columns, rows, out.width):
        for column in part.columns[1:]:
            if not column.header:
                column.justify = "left"
        out.print(part, "")

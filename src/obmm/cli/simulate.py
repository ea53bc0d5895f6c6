"""`obmm simulate`."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from obmm.cli._dashboard import simulated
from obmm.cli._earned import earned, pipelines, sources
from obmm.cli._ending import ending, warn
from obmm.cli._errors import message_of, needs
from obmm.cli._inputs import TODAY, scenario_of
from obmm.cli._output import console, print_json, table
from obmm.cli._pace import Pace, Speed
from obmm.cli._parameters import Count, Flag, NotNegative, Positive, Seed, Set, Words
from obmm.cli.report import write_report
from obmm.cli.score import scores_table

if TYPE_CHECKING:
    from obmm.lab.simulate import Plan


def simulate(
    *,
    preset: str = "balanced",
    set: Set = (),
    scenario: str = TODAY,
    books: Count = 16,
    hours: Positive = 3.0,
    seed: Seed = 1,
    rivals: Annotated[tuple[str, ...], Parameter(consume_multiple=True, show_default=False)] = (),
    response_ms: NotNegative = 100.0,
    eras: Words = (),
    threads: Count | None = None,
    out: Path | None = None,
    force: Flag = False,
    dashboard: str | None = None,
    speed: Speed | None = None,
    beside: str = "none",
    json: Flag = False,
) -> None:
    """Run an agent on the embedded market and say what became of it.

    The agent's orders stand in real queues among the background's; its fills, fees and rejects are the
    exchange's own. The same seed gives the same run on any machine.

        obmm simulate --preset touch --books 4 --hours 1
        obmm simulate --preset my.toml --rivals none balanced --set size_base=1
        obmm simulate --rivals makers=4 takers=2 --out runs/crowded --json
        obmm simulate --preset touch --dashboard 127.0.0.1:8790 --speed 60

    Ctrl-C, a polite kill or a lost terminal ends the run early and keeps what is done; the exit status is
    then 130, 143 or 129. A second Ctrl-C does not wait for the summary. Records are written as the run goes
    on, so that even a killed run can be reported and scored. A full disk ends a run early too: its figures
    are printed all the same, and the exit status is 2. It is 1 if a stage failed on any state.

    Args:
        preset: A preset's name or a TOML file.
        set: `name=value`, as often as needed: an option's name, or its path such as
            `gates.inventory.max_inventory_pct`.
        scenario: `taos-0.6.2` (today's network), `taos-0.5.4`, `taos-0.1.51`, or a TOML file of your own.
        books: Number of books, 1 to 128 and more.
        hours: Simulated hours after the first state, or all that the scenario has, which is then said.
        seed: Seed of the run.
        rivals: Other miners: `none`, `makers=4`, `takers=2`, or presets and TOML files that compete with an
            account of their own.
        response_ms: Time the venue is told an answer took; it becomes simulated delay. An agent that is
            slower throughout is charged the time it takes.
        eras: Scoring eras to follow; the scenario's own if not given, `none` for none. `obmm score` tells the
            others from the records.
        threads: Threads of the market; one per core if not given.
        out: Folder of the run; `runs/` and a telling name if not given. A run that lies there is kept: name
            another folder, or say `--force`.
        force: Replace the run that lies in the folder.
        dashboard: Address such as `127.0.0.1:8790` at which to show in a browser what it does meanwhile;
            `obmm dashboard` shows the run afterwards.
        speed: Simulated seconds a real one may bring, such as 60; as fast as it can if not given.
        beside: Another preset or TOML file that plays the same seed meanwhile, in a process of its own and
            without records: what it earned is said beside what this one did.
        json: Print JSON for machines.
    """
    needs("numba", "pyarrow", "scipy")
    from obmm.agent import resolve
    from obmm.cli._progress import simulated_time
    from obmm.lab.beside import Beside, of_one_seed
    from obmm.lab.score import eras_of
    from obmm.lab.simulate import Plan, parse_rivals
    from obmm.lab.simulate import simulate as run
    from obmm.lab.trials import Ledger

    loaded, pipelines = parse_rivals(rivals, scenario_of(scenario))
    plan = Plan(
        config=resolve(preset, set),
        rivals=pipelines,
        scenario=loaded,
        books=books,
        hours=hours,
        seed=seed,
        response_ms=response_ms,
        threads=threads,
        eras=eras_of(eras, loaded),
    )
    if plan.cut:
        print(f"obmm: {plan.cut}", file=sys.stderr)
    other = None if beside == "none" else resolve(beside)
    folder = out or Path("runs") / _run_name(plan, preset, rivals)
    pace = Pace(speed)
    with (
        simulated_time(f"{Path(preset).stem} on {loaded.name}", plan.hours_planned * 3600.0) as bar,
        simulated(plan, folder, dashboard) as listener,
        Beside(other, plan) if other else contextlib.nullcontext() as meanwhile,
    ):

        def progress(done_s: float) -> None:
            bar(done_s)
            pace(done_s)
            if meanwhile is not None:
                meanwhile.look()

        told = run(plan, folder, force=force, progress=progress, listener=listener)
        # A run that somebody ended is not held against a whole one.
        whole = {} if meanwhile is None or not told["completed"] else {Path(beside).stem: meanwhile.outcome()}
        told["earned"] = of_one_seed(told, whole)
    page = _page(folder, told)
    with contextlib.suppress(OSError):
        # Whoever tunes or compares later will know that somebody looked at this seed.
        Ledger.beside(folder).note(
            "simulate", scenario=loaded.name, seeds=(seed,), configs=(plan.config.hash,), folder=folder
        )
    with ending(told):
        if json:
            print_json(told)
        else:
            _print(told)
            console().print(page, markup=False, soft_wrap=True)


def _page(folder: Path, told: dict[str, Any]) -> str:
    """Write the page, unless the disk is full: then `told` says so, and the figures are printed still."""
    if told["unwritten"] is not None:
        return "no report.html: the records are not complete"
    try:
        return write_report(folder)
    except OSError as error:
        told["unwritten"] = message_of(error)
        return "no report.html"


def _run_name(plan: Plan, preset: str, rivals: Sequence[str]) -> str:
    """A folder that tells runs of different settings apart, also those of a file that was edited."""
    from obmm.lab.score import eras_of

    parts = [
        Path(preset).name.removesuffix(".toml"),
        Path(plan.scenario.name).name.removesuffix(".toml"),
        f"{plan.books}x{plan.hours:g}h",
        f"seed{plan.seed}",
        plan.config.hash,
        *([f"{plan.response_ms:g}ms"] if plan.response_ms != 100.0 else []),
        *(["eras", *plan.eras] if plan.eras != eras_of((), plan.scenario) else []),
        *(["against", *(Path(word).stem for word in rivals)] if rivals else []),
    ]
    return "-".join(parts)


def _print(told: dict[str, Any]) -> None:
    from obmm.lab.beside import of_one_seed_words
    from obmm.lab.rejects import meaning

    out = console()
    planned = "" if told["completed"] else f" of {told['hours_planned']:.2f}"
    out.print(
        f"[bold]{told['config']}[/bold] on {told['scenario']}, {len(told['per_book'])} books, "
        f"{told['hours']:.2f}{planned} hours, seed {told['seed']}, hash {told['config_hash']}\n"
    )
    warn(out, told, told["seconds"])
    out.print(earned(told))
    out.print(of_one_seed_words(told["config"].removeprefix("preset "), told["earned"]), markup=False)
    out.print("")
    if (several := pipelines(told)) is not None:
        out.print(several, "")
    out.print(_books(told), "")
    out.print(table("All books", ("", ""), list(_totals(told))), "")
    out.print(sources(told), "")
    markouts = [(after, bps) for after, bps in told["markout_bps"].items() if bps is not None]
    if markouts:
        names, values = zip(*markouts, strict=True)
        out.print(table("Markout of fills, bp, by time after the fill", names, [values], text_columns=0), "")
    if told["scores"]:
        out.print(scores_table(told["scores"]), "")
    if told["rejects"]:
        refused = [(reason, meaning(reason), n) for reason, n in told["rejects"].items()]
        out.print(table("Refused by the venue", ("reason", "", "orders"), refused, text_columns=2), "")
    if told["rivals"]:
        rows = [
            (f"{uid} {rival['name']}", rival["pnl"], rival["fills"], _percent(rival["win_rate"]))
            for uid, rival in told["rivals"].items()
        ]
        out.print(table("Rivals", ("account", "P&L", "fills", "win rate"), rows), "")
    out.print(
        f"{told['wall_s']:.1f} s, {told['book_seconds_per_second']:,.0f} book-seconds per second; "
        f"recorded in {told['run']}",
        markup=False,
        soft_wrap=True,
    )


def _books(told: dict[str, Any]) -> Any:
    columns = ("book", "P&L", "endowment", "fills", "traded", "fees", "win rate", "60 s, bp", "inventory")
    rows = [
        (
            b["book"],
            b["pnl"],
            b["pnl_endowment"],
            b["fills"],
            b["traded_quote"],
            b["fees"],
            _percent(b["win_rate"]),
            b["markout_60s_bps"],
            _percent(b["max_limit_share"]),
        )
        for b in told["per_book"]
    ]
    return table("Per book, in quote; most inventory as share of the limit", columns, rows)


def _totals(told: dict[str, Any]) -> list[tuple[str, object]]:
    ms = told["respond_ms"]
    inventory, reasons = told["inventory"], told["quiet_because"].items()
    rows: list[tuple[str, object]] = [
        ("P&L of trading, fees included", told["pnl"]),
        ("P&L of the starting endowment", told["pnl_endowment"]),
        ("P&L of trading per book and hour", told["pnl_per_book_hour"]),
        ("  after the first hour", told["pnl_after_first_hour"]),
        ("fills", told["fills"]),
        ("fill rate (posted orders that trade)", _percent(told["fill_rate"])),
        ("win rate (60 s markout)", _percent(told["win_rate"])),
        ("maker share of own volume", _percent(told["maker_share"])),
        ("maker ratio of the books, mean", told["maker_ratio_mean"]),
        ("fees paid (negative: rebates)", told["fees"]),
        ("inventory, mean share of the limit", _percent(inventory["mean_limit_share"])),
        ("inventory, largest share of the limit", _percent(inventory["max_limit_share"])),
        ("sides kept closed", _percent(told["quiet"])),
        *((f"  {why.replace('_', ' ')}", _percent(share)) for why, share in reasons if share >= 0.001),
        ("drawdown stops", told["drawdown_stops"]),
        ("response time, median / 99 % / worst", f"{ms['p50']:.2f} / {ms['p99']:.2f} / {ms['max']:.2f} ms"),
    ]
    if told["lifted_share"]:
        rows.insert(-1, ("sizes lifted to the venue's minimum", _percent(told["lifted_share"])))
    return rows


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"

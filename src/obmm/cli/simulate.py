"""`obmm simulate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from obmm.cli._output import console, print_json, table
from obmm.cli.score import scores_table


def simulate(
    *,
    preset: str = "balanced",
    set: Annotated[list[str], Parameter(negative="")] = [],  # noqa: B006  cyclopts reads the default
    scenario: str = "taos-0.5.4",
    books: int = 16,
    hours: float = 3.0,
    seed: int = 1,
    rivals: Annotated[list[str], Parameter(negative="")] = [],  # noqa: B006
    response_ms: float = 100.0,
    threads: int | None = None,
    out: Path | None = None,
    json: bool = False,
) -> None:
    """Run an agent on the embedded market and say what became of it.

    The agent's orders stand in real queues among the background's; its fills, fees and rejects are the
    exchange's own. The same seed gives the same run on any machine. Ctrl-C ends the run early and keeps what
    is done.

    Parameters
    ----------
    preset
        A preset's name or a TOML file.
    set
        `name=value`, as often as needed: an option's name, or its path such as
        `gates.inventory.max_inventory_pct`.
    scenario
        `taos-0.5.4`, `taos-0.1.51`, `taos-0.6.2`, or a TOML file of your own.
    books
        Number of books, 1 to 128 and more.
    hours
        Simulated hours after the first state.
    seed
        Seed of the run.
    rivals
        Other miners, as often as needed: `none`, `makers=4`, `takers=2`, or a preset or TOML file that
        competes with an account of its own.
    response_ms
        Time the venue is told an answer took; it becomes simulated delay.
    threads
        Threads of the market; one per core if not given.
    out
        Folder of the run; `runs/` and a telling name if not given.
    json
        Print JSON for machines.
    """
    from obmm.agent import resolve
    from obmm.cli._progress import simulated_time
    from obmm.lab.simulate import Plan, parse_rivals
    from obmm.lab.simulate import simulate as run
    from obmm.sim import Scenario

    loaded, pipelines = parse_rivals(rivals, Scenario.load(scenario))
    plan = Plan(
        config=resolve(preset, set),
        rivals=pipelines,
        scenario=loaded,
        books=books,
        hours=hours,
        seed=seed,
        response_ms=response_ms,
        threads=threads,
    )
    folder = out or Path("runs") / f"{Path(preset).stem}-{loaded.name}-{books}x{hours:g}h-seed{seed}"
    with simulated_time(f"{Path(preset).stem} on {loaded.name}", hours * 3600.0, quiet=json) as bar:
        told = run(plan, folder, progress=bar)
    if json:
        print_json(told)
    else:
        _print(told)


def _print(told: dict[str, Any]) -> None:
    out = console()
    state = "" if told["completed"] else "  [yellow]interrupted[/yellow]"
    out.print(
        f"[bold]{told['config']}[/bold] on {told['scenario']}, {len(told['per_book'])} books, "
        f"{told['hours']:.2f} hours, seed {told['seed']}, hash {told['config_hash']}{state}\n"
    )
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
    columns = (
        "book",
        "P&L",
        "endowment",
        "fills",
        "traded",
        "fees",
        "win rate",
        "60 s markout, bp",
        "most inventory",
    )
    out.print(table("Per book (quote)", columns, rows), "")
    out.print(table("All books", ("", ""), list(_totals(told))), "")
    out.print(scores_table(told["scores"]), "")
    markouts = told["markout_bps"]
    out.print(
        table(
            "Markout of fills, bp",
            [f"after {h}" for h in markouts],
            [list(markouts.values())],
            text_columns=0,
        ),
        "",
    )
    if told["rejects"]:
        out.print(table("Refused by the venue", ("reason", "orders"), list(told["rejects"].items())), "")
    for uid, rival in told["rivals"].items():
        out.print(f"rival {uid}, {rival['name']}: P&L {rival['pnl']:,.1f}, {rival['fills']:,} fills")
    out.print(
        f"{told['wall_s']:.1f} s, {told['book_seconds_per_second']:,.0f} book-seconds per second; "
        f"recorded in {told['run']}",
        markup=False,
    )


def _totals(told: dict[str, Any]) -> list[tuple[str, object]]:
    ms = told["respond_ms"]
    inventory = told["inventory"]
    return [
        ("P&L of trading, fees included", told["pnl"]),
        ("P&L of the starting endowment", told["pnl_endowment"]),
        ("P&L of trading per book and hour", told["pnl_per_book_hour"]),
        ("fills", told["fills"]),
        ("fill rate (posted orders that trade)", _percent(told["fill_rate"])),
        ("win rate (60 s markout)", _percent(told["win_rate"])),
        ("maker share of own volume", _percent(told["maker_share"])),
        ("maker ratio of the books, mean", told["maker_ratio_mean"]),
        ("fees paid (negative: rebates)", told["fees"]),
        ("inventory, mean share of the limit", _percent(inventory["mean_limit_share"])),
        ("inventory, largest share of the limit", _percent(inventory["max_limit_share"])),
        ("sides kept closed", _percent(told["quiet"])),
        ("response time, median / 99 % / worst", f"{ms['p50']:.2f} / {ms['p99']:.2f} / {ms['max']:.2f} ms"),
    ]


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"

"""`obmm serve-market`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import attrs
from cyclopts import Parameter
from cyclopts.validators import Number

from obmm.cli._ending import ending
from obmm.cli._errors import UsageError, message_of, needs
from obmm.cli._inputs import TODAY, scenario_of
from obmm.cli._output import console, print_json, table
from obmm.cli._parameters import Count, Flag, NotNegative, Positive, Seed
from obmm.cli.report import write_report

if TYPE_CHECKING:
    from obmm.lab.serve import Job, Serving
    from obmm.live.validator import Desk
    from obmm.sim import Scenario

Wire = Literal["harness", "axon"]
#: Real validators are of different ages: each market of several begins so much later than the one before.
_APART_S = 137.0
_WORDS = Parameter(consume_multiple=True, show_default=False)


def serve_market(
    *,
    agent: Annotated[tuple[str, ...], _WORDS] = (),
    scenario: str = TODAY,
    books: Count = 40,
    hours: Positive = 1.0,
    seed: Seed = 1,
    rivals: Annotated[tuple[str, ...], _WORDS] = (),
    wire: Wire = "harness",
    wire_version: Annotated[tuple[str, ...], _WORDS] = (),
    validators: Annotated[Count, Parameter(validator=Number(lte=16))] = 1,
    timeout: Annotated[float | None, Parameter(validator=Number(gt=0.0, lte=60.0))] = None,
    response_ms: NotNegative | None = None,
    realtime: Flag = False,
    threads: Count | None = None,
    out: Path | None = None,
    force: Flag = False,
    json: Flag = False,
) -> None:
    """Serve the embedded market to agents over HTTP, and say what became of them.

    Stands in for the subnet's simulator and its proxy, or with `--wire axon` for a validator: any agent that
    answers these plays against yours, on your desk, without a chain and without a C++ build.

        obmm serve-market --agent http://127.0.0.1:8888
        obmm serve-market --agent http://127.0.0.1:8888 http://127.0.0.1:8889 --rivals balanced --books 8
        obmm serve-market --wire axon --agent http://5Grw…utQY@127.0.0.1:8091 --validators 2

    Every state goes to all agents at once. Answers are judged as a validator judges them: by the strictest
    response model known, five instructions a book, the turnover cap; what does not pass is counted by reason.
    The time that an answer took becomes simulated delay. An agent that does not answer, answers late or
    answers garbage never stops the market. Agents have the numbers 0, 1, … in the order given.

    Ctrl-C ends the run early and keeps what is done, as `obmm simulate` does.

    Args:
        agent: Address of an agent, such as `http://127.0.0.1:8888`, as often as needed; with `--wire axon`
            `http://HOTKEY@127.0.0.1:8091`, since a signature is for one miner.
        scenario: `taos-0.6.2` (today's network), `taos-0.5.4`, `taos-0.1.51`, or a TOML file of your own.
        books: Number of books.
        hours: Simulated hours after the first state, or all that the scenario has.
        seed: Seed of the run.
        rivals: Other miners, as of `obmm simulate`: `none`, `makers=4`, or presets and TOML files, which play
            in this process after the agents.
        wire: `harness`, POST /handle with the state in the open, or `axon`, the signed and packed requests of
            a validator.
        wire_version: Version that messages are written in, such as `0.3.5`; the scenario's if not given. With
            several validators one for each.
        validators: Validators that ask at once, each with a market, a clock and a key of its own.
        timeout: Seconds within which an answer must come; the scenario's if not given.
        response_ms: Time that answers are said to have taken. If not given it is measured, which no two runs
            have in common.
        realtime: Take at least a second for each simulated one.
        threads: Threads of each market; one per core if not given.
        out: Folder of the run; `runs/` and a telling name if not given. With several validators it holds a
            folder for each.
        force: Replace the runs that lie there.
        json: Print JSON for machines.
    """
    needs("numba", "pyarrow", "httpx", *(("bittensor_wallet",) if wire == "axon" else ()))
    from obmm.cli._progress import simulated_time
    from obmm.lab.serve import Serving, serve
    from obmm.lab.simulate import parse_rivals

    if not agent:
        raise UsageError("name an agent, such as --agent http://127.0.0.1:8888")
    loaded, pipelines = parse_rivals(rivals, scenario_of(scenario))
    if timeout is not None:
        loaded = attrs.evolve(loaded, delay=attrs.evolve(loaded.delay, timeout_s=timeout))
    versions = _versions(wire_version, loaded, validators)
    plans = [
        Serving(
            scenario=loaded,
            pipelines=pipelines,
            books=books,
            hours=hours,
            seed=seed + number,
            clock_s=number * _APART_S,
            response_ms=response_ms,
            realtime=realtime,
            threads=threads,
        )
        for number in range(validators)
    ]
    if plans[-1].cut:
        print(f"obmm: {plans[-1].cut}", file=sys.stderr)
    folder = out or Path("runs") / _run_name(plans[0], wire, len(agent), validators)
    with ExitStack() as desks:
        jobs = []
        for number, (plan, version) in enumerate(zip(plans, versions, strict=True)):
            desk = desks.enter_context(_desk(agent, wire, version, number, plan))
            jobs.append(
                _job(plan, desk, folder if validators == 1 else folder / f"validator-{number + 1}", wire)
            )
        if wire == "axon":
            for job in jobs:
                print(f"obmm: validator {job.about['validator']}; a miner must let it in", file=sys.stderr)
        with simulated_time(f"{len(agent)} agents on {loaded.name}", plans[0].hours_planned * 3600.0) as bar:
            runs = serve(jobs, force=force, progress=bar)
    pages = [_page(run) for run in runs]
    told = _summary(runs)
    with ending(told):
        if json:
            print_json(told)
        else:
            for run, page in zip(runs, pages, strict=True):
                _print(run)
                console().print(page, markup=False, soft_wrap=True)


def _desk(agents: Sequence[str], wire: Wire, version: int, number: int, plan: Serving) -> Desk:
    from obmm.live.validator import AxonDoor, Desk, Door, DoorError, HarnessDoor, Signer

    try:
        doors: list[Door]
        if wire == "axon":
            signer = Signer(f"//obmm-validator-{number + 1}")
            name = signer.hotkey
            doors = [AxonDoor.at(address, signer) for address in agents]
        else:
            name = "proxy" if number == 0 else f"proxy-{number + 1}"
            doors = [HarnessDoor.at(address) for address in agents]
    except DoorError as error:
        raise UsageError(f"--agent {error}") from error
    return Desk(doors, validator=name, version=version, timeout_s=plan.scenario.delay.timeout_s)


def _job(plan: Serving, desk: Desk, folder: Path, wire: Wire) -> Job:
    from obmm.lab.serve import Job

    about = {"validator": desk.validator, "wire": wire, "wire_version": _spelt(desk.version)}
    return Job(serving=plan, asker=desk, folder=folder, about=about)


def _versions(words: Sequence[str], scenario: Scenario, count: int) -> list[int]:
    """Spec version of each validator's messages; the last one given holds for the rest."""
    if len(words) > count:
        raise UsageError(
            f"--wire-version names {len(words)} versions for {count} validators; add --validators"
        )
    if words:
        told = [_number(word) for word in words]
    else:
        name = scenario.name.removeprefix("taos-")
        told = [_number(name) if _is_version(name) else 54]
    return told + told[-1:] * (count - len(told))


def _is_version(word: str) -> bool:
    parts = word.split(".")
    return len(parts) == 3 and all(part.isascii() and part.isdigit() for part in parts)


def _number(word: str) -> int:
    """A version as messages carry it: 0.5.4 is 54."""
    if not _is_version(word):
        raise UsageError(f"--wire-version {word} is no version, such as 0.5.4")
    major, minor, patch = map(int, word.split("."))
    return 1000 * major + 10 * minor + patch


def _spelt(version: int) -> str:
    """The version as people write it, but for the old ones that share their number with later ones."""
    major, rest = divmod(version, 1000)
    return "0.1.51" if version == 61 else f"{major}.{rest // 10}.{rest % 10}"


def _run_name(plan: Serving, wire: Wire, agents: int, validators: int) -> str:
    scenario = Path(plan.scenario.name).name.removesuffix(".toml")
    parts = ["served", scenario, f"{plan.books}x{plan.hours:g}h", f"seed{plan.seed}", f"{agents}agents"]
    parts += ["axon"] if wire == "axon" else []
    parts += [f"{validators}validators"] if validators > 1 else []
    return "-".join(parts)


def _page(run: dict[str, Any]) -> str:
    """Write the page, unless the disk is full: then `run` says so, and the figures are printed still."""
    if run["unwritten"] is not None:
        return "no report.html: the records are not complete"
    try:
        return write_report(Path(run["run"]), [account["uid"] for account in run["agents"]])
    except OSError as error:
        run["unwritten"] = message_of(error)
        return "no report.html"


def _summary(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What all validators tell, and the accounts of all of them in one list."""
    agents = [
        {"validator": run["validator"], **account} if len(runs) > 1 else account
        for run in runs
        for account in run["agents"]
    ]
    early = [run for run in runs if not run["completed"]]
    return {
        **{name: value for name, value in runs[0].items() if name != "agents"},
        "completed": not early,
        "ended": (early or runs)[0]["ended"],
        "unwritten": next((run["unwritten"] for run in runs if run["unwritten"] is not None), None),
        "stage_errors": 0,
        "agents": agents,
        "validators": [{k: v for k, v in run.items() if k != "agents"} for run in runs],
    }


def _print(run: dict[str, Any]) -> None:
    from obmm.lab.rejects import meaning

    out = console()
    planned = "" if run["completed"] else f" of {run['hours_planned']:.2f}"
    out.print(
        f"[bold]{run['scenario']}[/bold] of {run['validator']}, {run['books']} books, "
        f"{run['hours']:.2f}{planned} hours, seed {run['seed']}, {run['wire']} {run['wire_version']}\n"
    )
    if not run["completed"]:
        out.print(f"[yellow]ended early[/yellow] ({run['ended']})\n")
    names = [f"{account['uid']} {account['agent']}" for account in run["agents"]]
    columns = (
        "agent",
        "answered",
        "dropped",
        "rejects",
        "fills",
        "P&L",
        "per book, hour",
        "ms 50 %",
        "ms 99 %",
    )
    rows = [
        (
            name,
            f"{a['answered'] / max(a['asked'], 1):.1%}",
            sum(a["dropped"].values()),
            sum(a["rejects"].values()),
            a["fills"],
            a["pnl"],
            a["pnl_per_book_hour"],
            a["respond_ms"]["p50"],
            a["respond_ms"]["p99"],
        )
        for name, a in zip(names, run["agents"], strict=True)
    ]
    out.print(table("Agents; P&L of trading in quote, fees included", columns, rows), "")
    dropped = [
        (name, reason, n)
        for name, a in zip(names, run["agents"], strict=True)
        for reason, n in a["dropped"].items()
    ]
    if dropped:
        out.print(
            table("Dropped before the market saw it", ("agent", "reason", ""), dropped, text_columns=2), ""
        )
    for name, account in zip(names, run["agents"], strict=True):
        for problem in account["problems"]:
            out.print(f"{name}: {problem}", style="yellow", markup=False)
        if account["problems"]:
            out.print("")
    refused = [
        (name, reason, meaning(reason), n)
        for name, a in zip(names, run["agents"], strict=True)
        for reason, n in a["rejects"].items()
    ]
    if refused:
        out.print(
            table("Refused by the venue", ("agent", "reason", "", "orders"), refused, text_columns=3), ""
        )
    eras = list(dict.fromkeys(era for account in run["agents"] for era in account["scores"]))
    if eras:
        scored = [
            (name, *(a["scores"][era]["total"] if era in a["scores"] else None for era in eras))
            for name, a in zip(names, run["agents"], strict=True)
        ]
        out.print(table("Scores", ("agent", *eras), scored), "")
    out.print(
        f"{run['wall_s']:.1f} s, {run['book_seconds_per_second']:,.0f} book-seconds per second; "
        f"recorded in {run['run']}",
        markup=False,
        soft_wrap=True,
    )

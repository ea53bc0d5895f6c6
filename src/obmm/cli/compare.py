"""`obmm compare`."""

from __future__ import annotations

import contextlib
import itertools
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from obmm.cli._compared import shown
from obmm.cli._compared_recording import compared_on
from obmm.cli._errors import UsageError, needs
from obmm.cli._executor import executor_of
from obmm.cli._inputs import TODAY, scenario_of
from obmm.cli._output import print_json
from obmm.cli._parameters import Count, Flag, NotNegative, Positive, Set, Words
from obmm.cli._progress import work

if TYPE_CHECKING:
    from obmm.lab.compare import Question

#: More seeds are a slip.
MAX_SEEDS = 10_000
Often = Annotated[tuple[str, ...], Parameter(show_default=False)]


def compare(
    *arms: str,
    swap: Often = (),
    set: Set = (),
    metric: Often = (),
    seeds: Words = ("8",),
    confirm: Flag = False,
    until_sure: Flag = False,
    most: Count = 64,
    books: Count = 16,
    hours: Positive = 3.0,
    capture: Path | None = None,
    only: str = "",
    scenario: Words = (TODAY,),
    rivals: Words = (),
    fields: Words = (),
    eras: Words = (),
    response_ms: NotNegative = 100.0,
    jobs: Count | None = None,
    executor: str = "local",
    out: Path | None = None,
    force: Flag = False,
    markdown: Flag = False,
    json: Flag = False,
) -> None:
    """Say which of several configurations is better, and how sure that is.

    Every configuration plays the same seeds, so that the market's luck falls out of the difference. The first
    one is what the others are held against.

        obmm compare balanced touch
        obmm compare balanced --swap builder=touch --swap signals.lean.weights.imbalance=0
        obmm compare balanced my.toml --seeds 4 --hours 1 --until-sure
        obmm compare balanced my.toml --confirm --fields all
        obmm compare balanced my.toml --fields all --scenario taos-0.5.4 taos-0.6.2 --markdown
        obmm compare balanced my.toml --capture sample

    Ctrl-C keeps what is done: it is compared as far as it came, and the same command goes on from there. The
    exit status is then 130, and 1 if a stage of any configuration failed.

    Args:
        arms: Presets' names and TOML files; a live recording stands for the configuration it ended with.
        swap: One challenger each, made of the first configuration: `builder=touch`, `gates.drawdown=off`,
            `builder.size_base=1`; several words in quotes are one challenger.
        set: `name=value` for all of them, as often as needed.
        metric: What is compared, as often as needed; the first decides. P&L per book and hour if not given,
            and the score under each era. Where runs last longer than an hour, P&L per book and hour is
            followed by what of it is earned after the first hour, `pnl_after_first_hour`.
        seeds: How many, or which: `8`, `3 5 7`, `10..17`.
        confirm: Take fresh seeds, of those kept for confirming.
        until_sure: Add seeds until the interval excludes zero; it is wider, so that looking is paid for.
        most: Seeds at which that ends.
        books: Number of books.
        hours: Simulated hours of each run.
        capture: A recording on whose flow they play in place of the embedded market: `sample`, a recorded
            stream or a live recording. Nobody reacts to them there, and it is one stretch of time.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        scenario: Markets: names or TOML files.
        rivals: Populations of other miners, each compared on its own and together: fields, such as `none` or
            `crowd`, `maker-share=0.45`, `makers=4,touch`, or `all` of the usual ones. The scenario's own if
            neither these nor fields are given.
        fields: Named populations of the package beside these, or `all` of them.
        eras: Scoring eras to follow; the scenario's own if not given, `none` for none.
        response_ms: Time that every answer is taken to need.
        jobs: Runs at a time; one per core if not given.
        executor: `local`, or `dask://scheduler:8786`.
        out: Folder of the comparison; `runs/` and a telling name if not given.
            The same comparison goes on there.
        force: Replace another comparison that lies in the folder.
        markdown: Print the matrix of fields and configurations as tables for a document; they lie in the
            folder, too, as `matrix.md`.
        json: Print JSON for machines.
    """
    needs("numba", "scipy")
    if capture is not None:
        said = {
            "--seeds": seeds != ("8",),
            "--confirm": confirm,
            "--until-sure": until_sure,
            "--most": most != 64,
            "--books": books != 16,
            "--hours": hours != 3.0,
            "--scenario": scenario != (TODAY,),
            "--rivals": bool(rivals),
            "--fields": bool(fields),
            "--eras": bool(eras),
            "--jobs": jobs is not None,
            "--executor": executor != "local",
            "--out": out is not None,
            "--force": force,
            "--markdown": markdown,
        }
        if idle := [name for name, given in said.items() if given]:
            raise UsageError(f"{', '.join(idle)} of the embedded market: leave out beside --capture")
        compared_on(capture, only, arms, swap, set, metric, response_ms, json)
        return
    from obmm.lab.compare import Question, arms_of, fields_of, markets_of, metrics_of
    from obmm.lab.compare.folder import Folder
    from obmm.lab.compare.matrix import markdown as matrix
    from obmm.lab.compare.run import Runner
    from obmm.lab.compare.used import used_before
    from obmm.lab.interrupt import exit_status
    from obmm.lab.score import eras_of
    from obmm.lab.trials import Ledger

    loaded = [scenario_of(name) for name in dict.fromkeys(scenario)]
    followed = eras_of(eras, *loaded)
    question = Question(
        arms=arms_of(arms, swap, set),
        markets=markets_of(loaded, (*rivals, *fields_of(fields)) or ("default",), eras),
        books=books,
        hours=hours,
        response_ms=response_ms,
        metrics=metrics_of(metric, followed, hours),
    )
    folder = out or Path("runs") / _name(question)
    ledger = Ledger.beside(folder)
    names = {one.name for one in loaded}
    uses = [use for use in ledger.uses() if use.scenario in names]
    used = {seed for use in uses for seed in use.seeds}
    asked = _seeds(seeds, confirm, used)

    def note(fresh: Sequence[int]) -> None:
        for name in names:
            ledger.note(
                "confirm" if confirm else "compare",
                scenario=name,
                seeds=fresh,
                configs=[arm.config.hash for arm in question.arms],
                folder=folder,
            )

    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(work("compare"))
        player = executor_of(executor, jobs, bar)
        at_once = player.at_once  # A cluster that is not there says so before a folder is made.
        kept = stack.enter_context(Folder(folder, question, force))

        def begin(book_seconds: float, fresh: Sequence[int]) -> None:
            note(fresh)
            bar.begin(book_seconds, f"{len(fresh)} seed{'' if len(fresh) == 1 else 's'}")

        runner = Runner(question, player, at_once, kept.keep, begin)
        if until_sure:
            comparison = runner.until_sure(asked, lambda n, known: _more(n, known, confirm, used), most)
        else:
            comparison = runner.on(asked)
        before = used_before(uses, comparison.seeds)
        told = kept.write(comparison, before)
    problem = kept.problem or runner.problem
    if json:
        print_json(told)
    elif markdown:
        print(matrix(comparison), end="")
    else:
        shown(comparison, told, before, folder, problem)
    if problem:
        print(f"obmm: could not be written: {problem}", file=sys.stderr)
        sys.exit(2)
    if comparison.ended:
        sys.exit(exit_status(comparison.ended))
    if told["failed"]:
        sys.exit(1)


def _seeds(words: Sequence[str], confirm: bool, used: set[int]) -> tuple[int, ...]:
    """The seeds that are asked for: a number of them, or which.

    Raises:
        UsageError: A word is neither a number, a list, nor a range.
    """
    from obmm.lab.trials import confirming_seeds, looking_seeds

    parts = [part for word in words for part in word.split(",") if part]
    if len(parts) == 1 and parts[0] == words[0] and parts[0].removeprefix("-").isdecimal():
        count = int(parts[0][:10])
        if not 0 < count <= MAX_SEEDS:
            alone = f"; seed {count} alone is written {count}," if count >= 0 else ""
            raise UsageError(f"--seeds {count} must be 1 to {MAX_SEEDS:,}{alone}")
        return confirming_seeds(count, used) if confirm else looking_seeds(count)
    if confirm:
        raise UsageError("--confirm chooses the seeds itself: say how many, such as --seeds 8")
    chosen: list[int] = []
    for part in parts:
        low, dots, high = part.partition("..")
        try:
            first = int(low)
            last = int(high) if dots else first
        except ValueError:
            raise UsageError(f"--seeds {part!r} is no seed: write 8, 3 5 7, or 10..17") from None
        if not 0 <= last - first < MAX_SEEDS or not -(2**63) <= first <= last < 2**63:
            raise UsageError(f"--seeds {part!r} is no range of at most {MAX_SEEDS:,} seeds")
        chosen += range(first, last + 1)
    if not chosen:
        raise UsageError("--seeds names none: write how many, such as 8, or which, such as 3 5 7")
    return tuple(dict.fromkeys(chosen))


def _more(n: int, known: Sequence[int], confirm: bool, used: set[int]) -> tuple[int, ...]:
    """So many seeds beside those that are known."""
    from obmm.lab.trials import confirming_seeds
    from obmm.lab.trials.seeds import FIRST_CONFIRMING

    if confirm:
        return confirming_seeds(n, used | {*known})
    fresh = (seed for seed in range(1, FIRST_CONFIRMING) if seed not in {*known})
    return tuple(itertools.islice(fresh, n))


def _name(question: Question) -> str:
    """A folder that tells comparisons of different things apart."""
    from obmm.lab.compare.folder import question_hash

    arms = "-vs-".join(re.sub(r"[^A-Za-z0-9_.=-]+", "-", arm.name) for arm in question.arms)
    return f"compare-{arms[:80]}-{question.books}x{question.hours:g}h-{question_hash(question)}"

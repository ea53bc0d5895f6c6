"""`obmm check`."""

from __future__ import annotations

import logging
import sys

from rich.text import Text

from obmm.cli._output import console, print_json
from obmm.cli._parameters import Flag, Markets, Set, States


def check(
    target: str = "balanced",
    /,
    *,
    set: Set = (),
    books: Markets = (40, 128),
    states: States = 240,
    json: Flag = False,
) -> None:
    """Validate an installation and a configuration as if it went live now.

    The agent is assembled and answers markets of 40 and 128 books: every order is held to the venue's rules
    (price on the grid, no unintended cross, sizes, funds, limits), signals to published examples, stages to
    their contract; broken books, extreme inventories and a restart are tried. With the name of a stage, the
    contract of that stage alone.

        obmm check examples/fade.toml
        obmm check balanced --set size_base=0.1 --books 8
        obmm check my_signal:MySignal

    The exit status is 1 if anything fails.

    Args:
        target: A preset's name, a TOML file, or one stage: its name, or `module:Class` for one of your own.
        set: `name=value`, as often as needed.
        books: Sizes of the markets to answer.
        states: States of each market; with fewer than some 60 most presets are still warming up.
        json: Print JSON for machines.
    """
    from obmm.agent import preset_names, resolve
    from obmm.cli._logging import log_to_stderr
    from obmm.lab.check import check_config, check_oracles, check_stage
    from obmm.lab.stage_target import is_stage, stage_of

    # What is checked here goes wrong on purpose; only what fails is worth a word.
    log_to_stderr(logging.ERROR)
    if target not in preset_names() and is_stage(target):
        findings = check_stage(stage_of(target)[1])
    else:
        config = resolve(target, set)
        findings = (
            finding for part in (check_oracles(), check_config(config, books, states)) for finding in part
        )
    done = []
    out = console()
    for finding in findings:
        done.append(finding)
        if not json:
            mark = Text("ok  ", "green") if finding.ok else Text("FAIL", "red")
            line = Text.assemble(mark, f" {finding.area:<9} {finding.name}")
            if finding.detail:
                line.append(f"  {finding.detail}", "dim")
            out.print(line, soft_wrap=True)
    failed = [finding for finding in done if not finding.ok]
    if json:
        print_json(
            {
                "ok": not failed,
                "checks": [{"area": f.area, "name": f.name, "ok": f.ok, "detail": f.detail} for f in done],
            }
        )
    else:
        out.print(f"\n{len(done) - len(failed)} passed, {len(failed)} failed")
    sys.exit(1 if failed else 0)

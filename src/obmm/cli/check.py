"""`obmm check`."""

from __future__ import annotations

import sys
from typing import Annotated

from cyclopts import Parameter

from obmm.cli._output import console, print_json


def check(
    target: str = "balanced",
    *,
    set: Annotated[list[str], Parameter(negative="")] = [],  # noqa: B006  cyclopts reads the default
    books: Annotated[list[int], Parameter(negative="", consume_multiple=True)] = [40, 128],  # noqa: B006
    json: bool = False,
) -> None:
    """Validate an installation and a configuration as a miner would before going live.

    The agent is assembled and answers markets of 40 and 128 books, its signals are held to published
    examples, every order to the venue's rules (price on the grid, no unintended cross, sizes, funds,
    limits), and broken books, extreme inventories and a restart are tried. The exit status is 1 if anything
    fails.

    Parameters
    ----------
    target
        A preset's name, a TOML file, or `module:Class` to check one stage of your own.
    set
        `name=value`, as often as needed.
    books
        Sizes of the markets to answer.
    json
        Print JSON for machines.
    """
    from obmm.agent import resolve
    from obmm.lab.check import check_config, check_oracles, check_stage
    from obmm.lab.stage_target import stage_of

    if ":" in target:
        findings = check_stage(stage_of(target))
    else:
        config = resolve(target, set)
        findings = (finding for part in (check_oracles(), check_config(config, books)) for finding in part)
    done = []
    out = console()
    for finding in findings:
        done.append(finding)
        if not json:
            mark = "[green]ok  [/green]" if finding.ok else "[red]FAIL[/red]"
            out.print(f"{mark} {finding.area:<9} {finding.name}", end="")
            out.print(f"  [dim]{finding.detail}[/dim]" if finding.detail else "", soft_wrap=True)
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

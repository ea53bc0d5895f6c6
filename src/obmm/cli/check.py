"""`obmm check`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from obmm.cli._output import console, print_json
from obmm.cli._parameters import Flag, Markets, Set, States, Whole

if TYPE_CHECKING:
    from obmm.agent import Config
    from obmm.lab.check import Finding


def check(
    target: str = "balanced",
    /,
    *,
    set: Set = (),
    books: Markets = (40, 128),
    states: States = 240,
    live: Flag = False,
    wallet: str | None = None,
    hotkey: str = "default",
    wallet_path: Path = Path("~/.bittensor/wallets"),
    netuid: Whole = 79,
    network: str = "finney",
    port: Whole = 8091,
    offline: Flag = False,
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
        obmm check balanced --live --wallet miner --hotkey default --port 8091

    With `--live` it is the machine that is looked at, before `obmm run`: the packages, the wallet's files and
    who may read them, port, open files, disk, clock, time of an answer, registration and public address.

    The exit status is 1 if anything fails.

    Args:
        target: A preset's name, a TOML file, or one stage: its name, or `module:Class` for one of your own.
        set: `name=value`, as often as needed.
        books: Sizes of the markets to answer.
        states: States of each market; with fewer than some 60 most presets are still warming up.
        live: Look at the machine instead of the configuration.
        wallet: With `--live`, the wallet to go live with; without one that of the harness is looked at.
        hotkey: Name of its hotkey.
        wallet_path: Folder of the wallets.
        netuid: Subnet to be registered on.
        network: `finney`, `test`, or the address of a node.
        port: Port to listen on.
        offline: Ask neither the chain nor time servers.
        json: Print JSON for machines.
    """
    from obmm.agent import preset_names, resolve
    from obmm.cli._logging import log_to_stderr
    from obmm.lab.check import check_config, check_oracles, check_stage
    from obmm.lab.stage_target import is_stage, stage_of

    findings: Iterable[Finding]
    # What is checked here goes wrong on purpose; only what fails is worth a word.
    log_to_stderr(logging.ERROR)
    if live:
        findings = _machine(
            resolve(target, set), wallet, hotkey, wallet_path, port, (netuid, network), offline=offline
        )
    elif target not in preset_names() and is_stage(target):
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


def _machine(
    config: Config,
    wallet: str | None,
    hotkey: str,
    folder: Path,
    port: int,
    subnet: tuple[int, str],
    *,
    offline: bool,
) -> Iterator[Finding]:
    """What `--live` looks at."""
    from obmm.lab.check import Finding
    from obmm.live import fitness

    servers = () if offline else fitness.TIME_SERVERS
    place = fitness.Place(wallet=wallet, hotkey=hotkey, folder=folder, port=port, time_servers=servers)
    for fit in fitness.look(config, place):
        yield Finding("machine", fit.name, fit.ok, fit.detail)
    if wallet is None or offline:
        return
    from obmm.live.chain import Place, chain_for
    from obmm.live.chain.address import fault_of_address, public_address
    from obmm.live.keys import hotkey_address

    netuid, network = subnet

    def uid() -> int | None:
        address = hotkey_address(wallet, hotkey, folder)
        connection = chain_for(Place(network, netuid, wallet, hotkey, folder, address))()
        try:
            return connection.uid()
        finally:
            connection.close()

    for fit in fitness.chain(uid, public_address, fault_of_address):
        yield Finding("network", fit.name, fit.ok, fit.detail)

"""`obmm export-agent`."""

from __future__ import annotations

import keyword
from pathlib import Path

from obmm.cli._errors import UsageError
from obmm.cli._output import console
from obmm.cli._parameters import Flag, Set

#: The seed's agent: the words of its command lines go with this name.
SEED = "OrderBookImbalanceMarketMaker"

_FILE = '''"""A market maker of obmm {version} for the subnet's miner and its offline harness.

    run_miner.sh -g {folder} -n {name} -m "preset={preset} lazy_load=1"
    python {name}.py --port 8888 --agent_id 0 --params preset={preset}

obmm must be installed in the environment of the miner. Words after -m or --params go on top of what stands
here: any option of a stage, and record, record_gb, state, overrides and budget_ms as `obmm run` has them.
"""

PRESET = {preset!r}
PARAMS = {params!r}

if __name__ == "__main__":
    from obmm.live.plugin import launch

    launch(PRESET, PARAMS)
else:
    from obmm.live.plugin import agent_base

    class {name}(agent_base()):
        """Answers the miner's states with the orders of obmm's agent."""

        preset, params = PRESET, PARAMS
'''


def export_agent(
    *,
    preset: str = "balanced",
    set: Set = (),
    name: str = "ObmmAgent",
    out: Path = Path("~/.taos/agents"),
    force: Flag = False,
) -> None:
    """Write an agent file for the subnet's own miner and its offline harness.

    The file is short and imports obmm, which must be installed in the environment of the miner. Called
    OrderBookImbalanceMarketMaker it takes the place of the agent of that name, with its words.

        obmm export-agent --preset balanced --name ObmmAgent --out ~/.taos/agents
        run_miner.sh -n ObmmAgent -m "preset=balanced base_order_size=0.5 max_inventory_pct=0.30 lazy_load=1"

    Args:
        preset: A preset's name or a TOML file; of a file the absolute path is written.
        set: `name=value`, as often as needed; words of the miner go on top.
        name: Name of the agent: of the file and of the class in it.
        out: Folder for the file.
        force: Replace a file that is there.
    """
    from obmm import __version__
    from obmm.agent import resolve
    from obmm.settings.files import write_whole

    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"--name {name}: must be a name that a Python class can have")
    # Whatever is wrong is said here, not by a miner.
    resolve(preset, set)
    source = str(Path(preset).resolve()) if preset.endswith(".toml") else preset
    folder = out.expanduser()
    path = folder / f"{name}.py"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already; say --force to replace it")
    folder.mkdir(parents=True, exist_ok=True)
    params = dict(word.split("=", 1) for word in set)
    text = _FILE.format(version=__version__, folder=folder, name=name, preset=source, params=params)
    write_whole(path, text.encode())
    console().print(
        f'{path}\n\nrun_miner.sh -g {folder} -n {name} -m "preset={source} lazy_load=1"',
        markup=False,
        soft_wrap=True,
    )

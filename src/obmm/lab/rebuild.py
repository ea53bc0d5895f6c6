"""Configurations made again out of what a run or a recording says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, Problem, preset_names, resolve
from obmm.agent.config import Assignment
from obmm.agent.objective import AUTO
from obmm.lab.diagnose.configuration import as_sections
from obmm.lab.recorded import Run
from obmm.lab.records import STAGES
from obmm.settings.toml import Layer


def rebuilt(name: str, table: Mapping[str, Any], config_hash: str, folder: Path | None = None) -> Config:
    """A configuration out of `Config.as_table`, with the pipelines of assigned books.

    Args:
        name: What it is called.
        table: The table.
        config_hash: Its hash, as it was.
        folder: Where the modules of the user's own stages lie.

    Raises:
        ConfigError: It cannot be made again: a stage is not found, or has other code now.
    """
    preset = name.removeprefix("preset ")
    if preset in preset_names() and (config := resolve(preset)).hash == config_hash:
        return config
    config = _config(name, table, folder)
    if config.hash == config_hash:
        return config
    theirs = {str(path): digest for path, digest in table.get("sources", {}).items()}
    mine = {spec.path: spec.source for spec in config.all_specs if spec.source}
    other = sorted(path for path in theirs if mine.get(path) != theirs[path])
    what = f"the code of {', '.join(other)} is another now" if other else "another version of obmm made it"
    raise ConfigError([Problem(name, f"{what}: it is recorded as {config_hash}, and is {config.hash} now")])


def _config(name: str, table: Mapping[str, Any], folder: Path | None) -> Config:
    if choices := table.get("choices"):
        made = {
            str(objective): _config(f"{name}: {objective}", one, folder) for objective, one in choices.items()
        }
        return attrs.evolve(next(iter(made.values())), name=name, objective=AUTO, choices=made)
    own = {key: value for key, value in table.items() if key != "assign"}
    config = resolve(Layer(name, as_sections(own), folder))
    assign = table.get("assign", [])
    if not isinstance(assign, list):
        raise ConfigError([Problem(name, "its table of assigned books is damaged")])
    parts = [
        Assignment(selector, _config(f"{name}, books {selector}", part, folder)) for selector, part in assign
    ]
    return attrs.evolve(config, assign=tuple(parts))


def config_of_account(run: Run, uid: int) -> Config:
    """The configuration of an account of a run, with the stages that the run keeps.

    Raises:
        ConfigError: It cannot be made again.
    """
    account = run.about["accounts"][str(uid)]
    kept = run.folder / STAGES / str(uid)
    folder = kept if kept.is_dir() else None
    return rebuilt(str(account["name"]), account["config"], str(account["config_hash"]), folder)

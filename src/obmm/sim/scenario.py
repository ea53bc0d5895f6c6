"""Scenarios: everything that defines an embedded market except its seed and its size.

A scenario is a TOML file; those that ship with the package reproduce the production markets by version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.market.arrays import IntArray
from obmm.market.fees import FeePolicy
from obmm.settings import ConfigError, Problem, did_you_mean
from obmm.settings.structure import Structure
from obmm.settings.toml import parse_layer, read_text
from obmm.sim._parameters import KINDS, Asset, Delay, Rivals, VenueRules

__all__ = ["DEFAULT_SCENARIO", "Scenario", "ScenarioError", "scenario_names"]

#: The market of the network as it is today.
DEFAULT_SCENARIO = "taos-0.6.2"
_SHIPPED = resources.files("obmm.sim") / "scenarios"
_STRUCTURE = Structure(KINDS)
#: Numbers of a scenario lie below this, so that times and sizes fit the simulator's whole numbers.
_MOST = 1e9


class ScenarioError(ConfigError):
    """A scenario that cannot be used: every fault of the file, each with its path, in one message."""

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        super().__init__(
            [Problem("scenario", problems)] if isinstance(problems, str) else problems, of="the scenario"
        )


def scenario_names() -> list[str]:
    """Names of the scenarios that ship with the package.

    >>> scenario_names()
    ['taos-0.1.51', 'taos-0.5.4', 'taos-0.6.2']
    """
    return sorted(entry.name[: -len(".toml")] for entry in _SHIPPED.iterdir() if entry.name.endswith(".toml"))


@attrs.frozen(kw_only=True)
class Scenario:
    """A market to simulate: rules, fees, delays, assets with their background, default rivals.

    Attributes:
        name: What results call it.
        venue: Clock, layout and limits.
        fees: Fee policy.
        delay: How answer times become simulated delays.
        rivals: The other miners, unless the run names others.
        assets: Classes of books, in the order of production's books.
        era: Version of the scoring rules that its miners are paid by; empty where it does not say.

    >>> market = Scenario.load("taos-0.6.2")
    >>> [(asset.name, asset.initial_price) for asset in market.assets]
    [('simulation_0', 300.0), ('simulation_1', 29.57)]
    >>> market.asset_of_book(4).tolist()
    [0, 0, 0, 1]
    """

    name: str
    venue: VenueRules
    fees: FeePolicy
    delay: Delay
    rivals: Rivals
    assets: tuple[Asset, ...] = attrs.field(validator=attrs.validators.min_len(1))
    era: str = ""

    @classmethod
    def load(cls, name_or_path: str | Path) -> Scenario:
        """The scenario of that name, or of the TOML file at that path.

        Raises:
            ScenarioError: No such scenario, or the file has faults; all of them are told at once.
        """
        text = str(name_or_path)
        path = Path(name_or_path)
        if text in scenario_names():
            source = (_SHIPPED / f"{text}.toml").read_text(encoding="utf-8")
        elif path.suffix == ".toml" or path.is_file():
            try:
                source = read_text(path)
            except ConfigError as error:
                raise ScenarioError(error.problems) from error
        else:
            near = did_you_mean(text, scenario_names())
            raise ScenarioError(f"{text!r} is neither one that ships nor a TOML file; {near}")
        return cls.parse(source, origin=text)

    @classmethod
    def parse(cls, source: str, origin: str = "scenario") -> Scenario:
        """The scenario written in the TOML text `source`; `origin` names it in errors.

        Raises:
            ScenarioError: The text has faults; all of them are told at once.
        """
        try:
            table = dict(parse_layer(source, origin).table)
        except ConfigError as error:
            raise ScenarioError(error.problems) from error
        if isinstance(table.get("assets"), list):
            table["assets"] = _inherited(table["assets"])
        scenario, complaints = _STRUCTURE(table, cls)
        complaints += [(path, "must be finite and below 1e9") for path in too_large(table)]
        if complaints:
            raise ScenarioError(
                [Problem(f"{origin}: {path}" if path else origin, what) for path, what in complaints]
            )
        made: Scenario = scenario
        return made

    def asset_of_book(self, n_books: int) -> IntArray:
        """Index of the asset of each of `n_books` books (n_books,), in production's proportions and order."""
        blocks = np.array([asset.blocks for asset in self.assets])
        share = np.cumsum(blocks) / blocks.sum()
        return np.searchsorted(share, (np.arange(n_books) + 0.5) / n_books).astype(np.int64)


def _inherited(assets: Sequence[Any]) -> list[Any]:
    """Each asset table completed by the one before it; a table of another kind replaces the whole."""
    complete: list[Any] = []
    for table in assets:
        complete.append(_merged(complete[-1], table) if complete else table)
    return complete


def _merged(base: Any, change: Any) -> Any:
    if not (isinstance(base, Mapping) and isinstance(change, Mapping)):
        return change
    if "kind" in change and change["kind"] != base.get("kind"):
        return change
    return {**base, **{key: _merged(base.get(key), value) for key, value in change.items()}}


def too_large(value: Any, path: str = "") -> Iterator[str]:
    """Paths of numbers that no scenario can mean."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from too_large(item, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for i, item in enumerate(value):
            yield from too_large(item, f"{path}[{i}]")
    elif isinstance(value, (int, float)) and not abs(value) < _MOST:
        yield path

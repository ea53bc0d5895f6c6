"""The markets on which configurations are compared: scenarios, each with populations of other miners."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence

import attrs

from obmm.agent import Config, ConfigError, Problem
from obmm.lab.fields import Field, field_named, field_names
from obmm.lab.score import eras_of
from obmm.lab.simulate import parse_rivals
from obmm.sim import Scenario

#: `maker-share=0.45`: nobody's trades move the maker share, it is given from outside around this level.
SHARE = "maker-share"
#: Levels of the maker share between which a quoter inside the touch goes from earning to losing.
SHARES = (0.3, 0.45, 0.6)


@attrs.frozen(kw_only=True)
class Market:
    """A scenario with a population.

    Attributes:
        name: What tells it from the others of the comparison.
        scenario: The market, its synthetic miners as the population says.
        rivals: Pipelines of ours that compete.
        copies: So many copies of the configuration itself compete, too.
        field: The named population, if it is one.
        eras: Scoring eras that are followed there.
    """

    name: str
    scenario: Scenario
    rivals: tuple[Config, ...] = ()
    copies: int = 0
    field: Field | None = None
    eras: tuple[str, ...] = ()

    @property
    def population(self) -> str:
        """Eight hex digits that change with anybody who trades here, the scenario's own miners included."""
        told = [attrs.asdict(self.scenario.rivals), [rival.hash for rival in self.rivals], self.copies]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:8]


def markets_of(
    scenarios: Sequence[Scenario],
    populations: Sequence[str] = ("default",),
    eras: Sequence[str] = ("none",),
) -> tuple[Market, ...]:
    """Every scenario with every population.

    A population is a field (`default`, `none`, `crowd` …), `maker-share=0.45`, or words of
    `obmm simulate --rivals` with commas between them. `all` stands for the fields none, default, crowd and
    heritage, and three maker shares.

    Args:
        scenarios: The scenarios.
        populations: Who else trades there.
        eras: Scoring eras to follow, as `obmm.lab.score.eras_of` reads them: each scenario's own if empty.

    Raises:
        ConfigError: A word is none of these.

    >>> [market.name for market in markets_of([Scenario.load("taos-0.5.4")], ["none", "makers=4,touch"])]
    ['none', 'makers=4,touch']
    """
    names = list(dict.fromkeys(name for word in populations for name in _spelt_out(word)))
    several = len(scenarios) > 1
    markets = []
    for scenario in scenarios:
        for name in names:
            told = _words(name)
            changed, rivals = parse_rivals(told, scenario, copied=True)
            fields = [field_named(word) for word in told if word in field_names()]
            parts = [scenario.name] if several else []
            parts += [name] if len(names) > 1 or not several else []
            markets.append(
                Market(
                    name=", ".join(parts),
                    scenario=changed,
                    rivals=rivals,
                    copies=sum(field.copies for field in fields),
                    field=fields[0] if len(told) == 1 and fields else None,
                    eras=eras_of(eras, scenario),
                )
            )
    return tuple(markets)


def fields_of(words: Sequence[str]) -> tuple[str, ...]:
    """The fields that `--fields` words name, `all` for every one.

    Raises:
        ConfigError: There is no such field.

    >>> fields_of(["crowd", "own"]), len(fields_of(["all"])) == len(field_names())
    (('crowd', 'own'), True)
    """
    names = [name for word in words for name in (field_names() if word == "all" else word.split(","))]
    return tuple(field_named(name).name for name in dict.fromkeys(names))


def _spelt_out(word: str) -> Iterator[str]:
    if word == "all":
        yield from ("none", "default", "crowd", "heritage")
        yield from (f"{SHARE}={share:g}" for share in SHARES)
    else:
        yield word


def _words(population: str) -> tuple[str, ...]:
    told: list[str] = []
    for word in filter(None, population.split(",")):
        name, _, value = word.partition("=")
        if name == SHARE:
            told += ["exogenous_mtr=1", f"mtr_mean={value}"]
        else:
            told.append(word)
    if not told:
        raise ConfigError([Problem("--rivals", f"{population!r} is no population")])
    return tuple(told)

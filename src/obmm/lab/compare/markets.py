"""The markets on which configurations are compared: scenarios, each with populations of other miners."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from obmm.agent import Config, ConfigError, Problem, preset_names
from obmm.lab.simulate import parse_rivals
from obmm.sim import Scenario

#: Name of a population → the words of `obmm simulate --rivals` that make it.
POPULATIONS = {
    "default": (),
    "none": ("none",),
    "quoters": ("makers=20",),
    "presets": tuple(preset_names()),
}
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
    """

    name: str
    scenario: Scenario
    rivals: tuple[Config, ...] = ()


def markets_of(
    scenarios: Sequence[Scenario], populations: Sequence[str] = ("default",)
) -> tuple[Market, ...]:
    """Every scenario with every population.

    A population is `default` (the scenario's own), `none`, `quoters` (twenty), `presets` (all of ours
    compete), `maker-share=0.45`, or words of `obmm simulate --rivals` with commas between them. `all` stands
    for none, default, quoters, presets and three maker shares.

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
            changed, rivals = parse_rivals(_words(name), scenario)
            parts = [scenario.name] if several else []
            parts += [name] if len(names) > 1 or not several else []
            markets.append(Market(name=", ".join(parts), scenario=changed, rivals=rivals))
    return tuple(markets)


def _spelt_out(word: str) -> Iterator[str]:
    if word == "all":
        yield from ("none", "default", "quoters", "presets")
        yield from (f"{SHARE}={share:g}" for share in SHARES)
    else:
        yield word


def _words(population: str) -> tuple[str, ...]:
    if population in POPULATIONS:
        return POPULATIONS[population]
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

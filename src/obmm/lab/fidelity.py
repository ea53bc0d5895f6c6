"""Is the embedded market the same market? Its facts beside those of a recorded one.

Facts of first order (spread, deviations, depth, rates, sizes …) are to agree within a tenth, markouts within
15 % or a tenth of a basis point, flows of base between classes of agents within 15 %.
Correlations, kurtosis and variance ratios differ from hour to hour of the same market; they are held against
the spread over seeds: within the 95 % interval in which another hour of the simulated market would lie.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, Literal, TypeAlias

import attrs
import numpy as np

from obmm.lab.facts import Facts, flat, measure
from obmm.market import Feed
from obmm.sim import Scenario, SimulatedMarket, class_ids, scenario_names

Kind: TypeAlias = Literal["first order", "markout", "flow", "noisy"]

_REFERENCES = resources.files("obmm.lab") / "reference"

#: By how much facts of a kind may differ: a share of the reference, or as much as the second number.
TOLERANCE: dict[Kind, tuple[float, float]] = {
    "first order": (0.1, 0.0),
    "markout": (0.15, 0.1),
    "flow": (0.15, 0.0),
}
KINDS: tuple[Kind, ...] = (*TOLERANCE, "noisy")
#: A flow counts from this share of all traded base on.
_LEAST_FLOW = 0.02

_HORIZONS = (1, 5, 10, 30, 60)
_QUANTILES = ("q05", "q25", "q50", "q75", "q95")
_FIRST_ORDER = (
    "spread_ticks.mean",
    *(f"spread_ticks.{q}" for q in _QUANTILES),
    *(f"vol.{h}s.sd_bps" for h in (1, 10, 60, 300)),
    "zero_ret1_frac",
    *(f"depth.top{n}.{side}.mean" for n in (1, 5, 21) for side in ("bid", "ask")),
    *(
        f"level_gap_ticks.{gap}.{side}.mean"
        for gap in ("1-2", "2-3", "5-6", "10-11")
        for side in ("bid", "ask")
    ),
    *(f"span21_ticks.{side}.mean" for side in ("bid", "ask")),
    *(f"rates_per_s.{kind}" for kind in ("order", "cancel", "trade")),
    "trade.aggressing_orders_per_s",
    "trade.notional_per_s",
    *(f"trade.size.{q}" for q in ("mean", "q50")),
    *(f"order_size.{q}" for q in ("mean", "q50")),
    *(f"lifetime_cancelled_s.{q}" for q in ("q25", "q50", "q75")),
    *(f"placement_distance_ticks.{q}" for q in ("q25", "q50", "q75")),
    "limit_orders_that_get_maker_fill_frac",
)
_MARKOUTS = tuple(f"maker_markout.{h}s.mean_bps" for h in (0, *_HORIZONS))
_NOISY = (
    *(f"excess_kurtosis.{h}s" for h in (1, 10, 60)),
    *(f"ret1_acf.{k}" for k in range(1, 11)),
    *(f"absret1_acf.{k}" for k in (1, 5, 10, 30, 60)),
    *(f"variance_ratio.{k}" for k in (2, 5, 10, 30, 60, 300)),
    *(f"trade.sign_acf.{k}" for k in (1, 2, 5, 10)),
    "trade.buy_frac",
    *(f"imbalance.L{n}.{h}s.pearson" for n in (1, 3, 5, 10) for h in _HORIZONS),
    *(f"flow_pearson.past{past}s.next{h}s" for past in (1, 10) for h in _HORIZONS),
    *(f"momentum_pearson.past{past}_next{h}" for past in _HORIZONS for h in _HORIZONS),
    *(f"cross_book_corr.{h}s.mean" for h in (1, 10, 60, 300)),
)


@attrs.frozen(kw_only=True)
class FactRow:
    """One fact of both markets.

    Attributes:
        name: Dotted name, see `obmm.lab.facts`.
        kind: "first order", "markout", "flow" or "noisy".
        reference: The recorded market's value.
        simulated: Mean over the seeds; NaN if no seed gave one.
        spread: Sample deviation over the seeds; NaN for a single one.
        ratio: Simulated over reference; NaN where the reference is zero.
        within: Whether it agrees by the measure of its kind; None where that cannot be told.

    >>> FactRow.of("vol.1s.sd_bps", "first order", 1.0, [1.02, 1.06]).within
    True
    >>> FactRow.of("ret1_acf.1", "noisy", 0.01, [0.13, 0.15, 0.14]).within
    False
    """

    name: str
    kind: Kind
    reference: float
    simulated: float
    spread: float
    ratio: float
    within: bool | None

    @classmethod
    def of(cls, name: str, kind: Kind, reference: float, values: Sequence[float]) -> FactRow:
        """The row of a fact from its values under each seed."""
        n = len(values)
        simulated = float(np.mean(values)) if n else math.nan
        spread = float(np.std(values, ddof=1)) if n > 1 else math.nan
        ratio = simulated / reference if reference else math.nan
        if kind in TOLERANCE:
            share, least = TOLERANCE[kind]
            room = max(share * abs(reference), least)
        else:
            room = _noise(spread, n)
        known = math.isfinite(simulated) and math.isfinite(room)
        return cls(
            name=name,
            kind=kind,
            reference=reference,
            simulated=simulated,
            spread=spread,
            ratio=ratio,
            within=abs(simulated - reference) <= room if known else None,
        )


@attrs.frozen(kw_only=True)
class Fidelity:
    """Facts of a recorded class of books and of simulated hours of it, side by side.

    Attributes:
        scenario: Name of the simulated scenario.
        asset: Class of books.
        books: Books simulated.
        seconds: Simulated seconds measured under each seed.
        seeds: Seeds simulated.
        reference: Facts of the recording.
        simulated: Facts under each seed.
        rows: The comparison, fact by fact.
    """

    scenario: str
    asset: str
    books: int
    seconds: int
    seeds: tuple[int, ...]
    reference: Facts = attrs.field(repr=False)
    simulated: tuple[Facts, ...] = attrs.field(repr=False)
    rows: tuple[FactRow, ...] = attrs.field(repr=False)

    def outside(self, kind: Kind) -> tuple[FactRow, ...]:
        """The rows of a kind that do not agree."""
        return tuple(row for row in self.rows if row.kind == kind and row.within is False)

    def to_dict(self) -> dict[str, Any]:
        """What a JSON file of the comparison holds; unknown numbers are None."""
        rows = [
            {
                name: None if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in attrs.asdict(row).items()
            }
            for row in self.rows
        ]
        return {
            "scenario": self.scenario,
            "asset": self.asset,
            "books": self.books,
            "seconds": self.seconds,
            "seeds": list(self.seeds),
            "tolerance": TOLERANCE,
            "rows": rows,
            "outside": {kind: [row.name for row in self.outside(kind)] for kind in KINDS},
        }


def recorded_scenarios() -> list[str]:
    """Names of the scenarios whose every class of books was recorded.

    >>> recorded_scenarios()
    ['taos-0.5.4', 'taos-0.6.2']
    """
    return [
        name
        for name in scenario_names()
        if all((_REFERENCES / f"{name}.{asset.name}.json").is_file() for asset in Scenario.load(name).assets)
    ]


def load_reference(scenario: str, asset: str) -> Facts:
    """The facts of a recorded class of books that a scenario stands for, as they ship with the package.

    Raises:
        FileNotFoundError: No recording of it is known.

    >>> round(load_reference("taos-0.5.4", "main")["pooled"]["spread_ticks"]["q50"])
    105
    >>> round(load_reference("taos-0.6.2", "simulation_1")["pooled"]["spread_ticks"]["q50"], 2)
    3.25
    """
    facts: Facts = json.loads((_REFERENCES / f"{scenario}.{asset}.json").read_text(encoding="utf-8"))
    return facts


def fidelity(
    reference: Facts,
    scenario: Scenario | str,
    *,
    asset: str | None = None,
    seeds: Sequence[int] = (1, 2, 3, 4),
    books: int = 8,
    seconds: int = 3599,
) -> Fidelity:
    """Simulate one class of books under each seed, its background alone, and hold it against the reference.

    Args:
        reference: Facts as `measure` returns them or as a file holds them.
        scenario: The market to simulate; its rivals stay away.
        asset: Which of its classes of books; None for the first.
        seeds: One simulated stretch each.
        books: Number of books.
        seconds: Simulated time from the first measured state to the last.

    Raises:
        ScenarioError: The scenario cannot be used.
        ValueError: A count is out of range, or there is no such class.
    """
    loaded = scenario if isinstance(scenario, Scenario) else Scenario.load(scenario)
    classes = {each.name: each for each in loaded.assets}
    name = loaded.assets[0].name if asset is None else asset
    if name not in classes:
        raise ValueError(f"{loaded.name} has no class of books {name!r}; it has {', '.join(classes)}")
    alone = attrs.evolve(
        loaded,
        assets=(classes[name],),
        rivals=attrs.evolve(loaded.rivals, makers=0, takers=0, exogenous_mtr=False),
    )
    measured = tuple(_simulated(alone, seed, books, seconds) for seed in seeds)
    return Fidelity(
        scenario=loaded.name,
        asset=name,
        books=books,
        seconds=seconds,
        seeds=tuple(seeds),
        reference=reference,
        simulated=measured,
        rows=tuple(compared(reference, measured)),
    )


def compared(reference: Facts, simulated: Sequence[Facts]) -> Iterator[FactRow]:
    """A row for every compared fact that the reference tells."""
    known = _names(reference)
    measured = [_names(facts) for facts in simulated]
    names: dict[Kind, tuple[str, ...]] = {
        "first order": _FIRST_ORDER,
        "markout": _MARKOUTS,
        "flow": _flows(known),
        "noisy": _NOISY,
    }
    for kind in KINDS:
        for name in names[kind]:
            if name in known:
                values = [facts[name] for facts in measured if name in facts]
                yield FactRow.of(name, kind, known[name], values)


def _simulated(scenario: Scenario, seed: int, books: int, seconds: int) -> Facts:
    with SimulatedMarket(scenario, books=books, seed=seed, feeds={Feed.TAPE}) as market:
        classes = class_ids(scenario.assets[0])
        return measure((states[0] for states in market.states(seconds=seconds)), classes)


def _flows(known: dict[str, float]) -> tuple[str, ...]:
    """The flows that matter, the largest first."""
    flows = {name: base for name, base in known.items() if name.startswith("flow.")}
    large = [name for name, base in flows.items() if base >= _LEAST_FLOW * sum(flows.values())]
    return tuple(sorted(large, key=lambda name: -flows[name]))


def _names(facts: Facts) -> dict[str, float]:
    """Flat names, those of pooled facts without that word."""
    told = {name: value for name, value in facts.items() if name in ("pooled", "cross_book_corr")}
    return {name.removeprefix("pooled."): value for name, value in flat(told).items()}


def _noise(spread: float, n: int) -> float:
    """Half the 95 % interval of one more value, given `n` of sample deviation `spread`."""
    if n < 2:
        return math.nan
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1)) * spread * math.sqrt(1.0 + 1.0 / n)

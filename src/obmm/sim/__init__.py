"""The embedded market: an exact exchange and its living background, compiled.

`SimulatedMarket` plays a `Scenario` second by second, `ReplayedMarket` a recording with own orders in its
queues; `warmup` compiles both ahead of the first run. Kernels live in three wings: the `exchange`, the
`background` that trades on it, and `recorded` order flow; what runs them stands beside the wings.
"""

from obmm.sim._miners import Miners
from obmm.sim._parameters import Rivals
from obmm.sim._warmup import warmup
from obmm.sim.background._setup import class_ids
from obmm.sim.market import SimulatedMarket
from obmm.sim.replay import ReplayedMarket
from obmm.sim.scenario import DEFAULT_SCENARIO, Scenario, ScenarioError, scenario_names

__all__ = [
    "DEFAULT_SCENARIO",
    "Miners",
    "ReplayedMarket",
    "Rivals",
    "Scenario",
    "ScenarioError",
    "SimulatedMarket",
    "class_ids",
    "scenario_names",
    "warmup",
]

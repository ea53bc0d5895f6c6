"""The embedded market: an exact exchange and its living background, compiled.

`SimulatedMarket` plays a `Scenario` second by second; `warmup` compiles it ahead of the first run.
"""

from obmm.sim._parameters import Rivals
from obmm.sim._warmup import warmup
from obmm.sim.market import SimulatedMarket
from obmm.sim.scenario import DEFAULT_SCENARIO, Scenario, ScenarioError, scenario_names

__all__ = [
    "DEFAULT_SCENARIO",
    "Rivals",
    "Scenario",
    "ScenarioError",
    "SimulatedMarket",
    "scenario_names",
    "warmup",
]

"""obmm: market making on many limit order books at once.

The names below are what a script of one's own begins with; each is loaded when it is first asked for, so that
`import obmm` alone costs nothing.

>>> import obmm
>>> maker = obmm.MarketMaker(obmm.resolve("balanced", ["max_inventory_pct=0.1"]))
>>> maker.config.name
'preset balanced'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from obmm._version import __version__

if TYPE_CHECKING:
    from obmm.agent import Config, ConfigError, Decision, MarketMaker, preset_names
    from obmm.agent.resolve import resolve
    from obmm.market import (
        Limits,
        MarketState,
        Orders,
        Quotes,
        Reason,
        Signals,
        Stage,
        Venue,
        memory,
        option,
    )
    from obmm.sim import Scenario, SimulatedMarket

_NAMES = {
    "obmm.agent": ("Config", "ConfigError", "Decision", "MarketMaker", "preset_names", "resolve"),
    "obmm.market": ("Limits", "MarketState", "Orders", "Quotes", "Reason", "Signals", "Stage", "Venue"),
    "obmm.market.stages": ("memory", "option"),
    "obmm.sim": ("Scenario", "SimulatedMarket"),
}
_ROOM = {name: room for room, names in _NAMES.items() for name in names}

__all__ = [
    "Config",
    "ConfigError",
    "Decision",
    "Limits",
    "MarketMaker",
    "MarketState",
    "Orders",
    "Quotes",
    "Reason",
    "Scenario",
    "Signals",
    "SimulatedMarket",
    "Stage",
    "Venue",
    "__version__",
    "memory",
    "option",
    "preset_names",
    "resolve",
]


# A type checker that sees it takes any name for one of ours.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        # PEP 562: called for names that are not there yet.
        if name not in _ROOM:
            raise AttributeError(f"module 'obmm' has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(_ROOM[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOM})

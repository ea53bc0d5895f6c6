"""Signals: numbers about each book, computed once per state and read by gates and builders.

Importing this package makes every signal known by its name.
"""

from obmm.signals.arrivals import Arrivals
from obmm.signals.ensemble import Ensemble
from obmm.signals.fee_margin import FeeMargin
from obmm.signals.fees import FeeState
from obmm.signals.fill_edge import FillEdge
from obmm.signals.imbalance import Imbalance
from obmm.signals.inventory import Inventory
from obmm.signals.lots import Lots
from obmm.signals.microprice import Microprice
from obmm.signals.momentum import Momentum
from obmm.signals.order_flow import Mlofi, Ofi, level_flow
from obmm.signals.prices import Mid, Spread
from obmm.signals.stoikov import Stoikov, adjustment, fit_adjustment
from obmm.signals.trade_flow import TradeFlow
from obmm.signals.volatility import Volatility
from obmm.signals.volume_price import VolumePrice
from obmm.signals.vpin import Vpin

__all__ = [
    "Arrivals",
    "Ensemble",
    "FeeMargin",
    "FeeState",
    "FillEdge",
    "Imbalance",
    "Inventory",
    "Lots",
    "Microprice",
    "Mid",
    "Mlofi",
    "Momentum",
    "Ofi",
    "Spread",
    "Stoikov",
    "TradeFlow",
    "Volatility",
    "VolumePrice",
    "Vpin",
    "adjustment",
    "fit_adjustment",
    "level_flow",
]

"""Gates: what risk allows on each book, and why. Each speaks for itself; the strictest word holds."""

from obmm.risk.data_quality import DataQualityGate
from obmm.risk.drawdown import DrawdownEnd, DrawdownGate, DrawdownStop
from obmm.risk.ending import EndingGate
from obmm.risk.endowment import EndowmentGate
from obmm.risk.exposure import ExposureGate
from obmm.risk.fees import FeeGate
from obmm.risk.inventory import InventoryGate
from obmm.risk.override import Override, OverrideGate
from obmm.risk.tiers import TiersGate
from obmm.risk.turnover import TurnoverGate
from obmm.risk.volatility import VolatilityGate
from obmm.risk.warmup import WarmupGate

__all__ = [
    "DataQualityGate",
    "DrawdownEnd",
    "DrawdownGate",
    "DrawdownStop",
    "EndingGate",
    "EndowmentGate",
    "ExposureGate",
    "FeeGate",
    "InventoryGate",
    "Override",
    "OverrideGate",
    "TiersGate",
    "TurnoverGate",
    "VolatilityGate",
    "WarmupGate",
]

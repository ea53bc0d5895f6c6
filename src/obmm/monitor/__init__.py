"""What an agent does while it runs, in sight: figures, metrics, a dashboard; alerts, and a hand on it."""

from obmm.monitor.snapshot import Fills, NewsItem, Simulation, Snapshot, Validator
from obmm.monitor.watch import Heard, Watch

__all__ = ["Fills", "Heard", "NewsItem", "Simulation", "Snapshot", "Validator", "Watch"]

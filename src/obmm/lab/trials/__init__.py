"""Experiments: one configuration on many seeds of one market, run here or elsewhere, without records."""

from obmm.lab.trials.executor import Executor, LocalExecutor, Stopped
from obmm.lab.trials.gather import Gather
from obmm.lab.trials.metrics import METRICS, Metric, era_metrics, metric_named
from obmm.lab.trials.others import Other
from obmm.lab.trials.outcome import Outcome
from obmm.lab.trials.play import play
from obmm.lab.trials.seeds import Ledger, confirming_seeds, is_confirming, looking_seeds
from obmm.lab.trials.trial import Trial

__all__ = [
    "METRICS",
    "Executor",
    "Gather",
    "Ledger",
    "LocalExecutor",
    "Metric",
    "Other",
    "Outcome",
    "Stopped",
    "Trial",
    "confirming_seeds",
    "era_metrics",
    "is_confirming",
    "looking_seeds",
    "metric_named",
    "play",
]

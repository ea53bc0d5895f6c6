"""Settings: TOML and `k=v` words become typed objects, stages are found by name, every mistake is told."""

from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.registry import builder, gate, placer, signal

__all__ = ["ConfigError", "Problem", "builder", "did_you_mean", "gate", "placer", "signal"]

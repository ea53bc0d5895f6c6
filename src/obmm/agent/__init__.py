"""The agent: configurations, pipelines, and the one entry point `MarketMaker.respond`."""

from obmm.agent.config import BookSetting, Config, Setting, StageSpec
from obmm.agent.decision import Decision, Step
from obmm.agent.faults import Fault, FaultCount
from obmm.agent.keeper import Keeper
from obmm.agent.maker import Busy, MarketMaker
from obmm.agent.objective import AUTO, OBJECTIVES, Chosen, paid_by
from obmm.agent.overrides import OverrideFile, read_overrides
from obmm.agent.pipeline import Pipeline, Plan, feeds_of, plan
from obmm.agent.reload import Choice, ConfigFile, Trial
from obmm.agent.resolve import resolve
from obmm.agent.sources import HERITAGE, preset_names, preset_text
from obmm.settings.errors import ConfigError, Problem

__all__ = [
    "AUTO",
    "HERITAGE",
    "OBJECTIVES",
    "BookSetting",
    "Busy",
    "Choice",
    "Chosen",
    "Config",
    "ConfigError",
    "ConfigFile",
    "Decision",
    "Fault",
    "FaultCount",
    "Keeper",
    "MarketMaker",
    "OverrideFile",
    "Pipeline",
    "Plan",
    "Problem",
    "Setting",
    "StageSpec",
    "Step",
    "Trial",
    "feeds_of",
    "paid_by",
    "plan",
    "preset_names",
    "preset_text",
    "read_overrides",
    "resolve",
]

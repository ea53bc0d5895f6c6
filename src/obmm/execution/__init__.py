"""Builders decide where and how much to quote; the placer finds the instructions that get us there."""

from obmm.execution._shape import lifted
from obmm.execution.amend import AmendPlacer
from obmm.execution.fill_rate import FillRate
from obmm.execution.following import FollowingBuilder
from obmm.execution.ladder import LadderBuilder
from obmm.execution.lock import lock
from obmm.execution.model import ModelBuilder
from obmm.execution.quoting import Lifted, Quoting
from obmm.execution.round_trip import Cut, RoundTripBuilder
from obmm.execution.skewed import SkewedBuilder
from obmm.execution.taking import TakingBuilder
from obmm.execution.touch import TouchBuilder

__all__ = [
    "AmendPlacer",
    "Cut",
    "FillRate",
    "FollowingBuilder",
    "LadderBuilder",
    "Lifted",
    "ModelBuilder",
    "Quoting",
    "RoundTripBuilder",
    "SkewedBuilder",
    "TakingBuilder",
    "TouchBuilder",
    "lifted",
    "lock",
]

"""Tools for people who write stages: random states, and the checks that every stage has to pass."""

from obmm.testing.states import random_state, random_states, trades, walk
from obmm.testing.variants import Flaw, read_only, selected, spoiled, with_levels

__all__ = [
    "Flaw",
    "random_state",
    "random_states",
    "read_only",
    "selected",
    "spoiled",
    "trades",
    "walk",
    "with_levels",
]

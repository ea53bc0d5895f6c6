"""Tools for people who write stages: random states, the venue's rules, and the checks of every stage."""

from obmm.testing._trial import group_of
from obmm.testing.acceptance import accepted
from obmm.testing.checks import Check, CheckResult, checks_for, mixes_groups, run_check, run_checks
from obmm.testing.inputs import random_limits, random_quotes
from obmm.testing.paper import PaperOrders
from obmm.testing.rules import violations
from obmm.testing.speed import call_s
from obmm.testing.states import fills, random_state, random_states, trades, walk
from obmm.testing.variants import Flaw, selected, spoiled, with_levels

__all__ = [
    "Check",
    "CheckResult",
    "Flaw",
    "PaperOrders",
    "accepted",
    "call_s",
    "checks_for",
    "fills",
    "group_of",
    "mixes_groups",
    "random_limits",
    "random_quotes",
    "random_state",
    "random_states",
    "run_check",
    "run_checks",
    "selected",
    "spoiled",
    "trades",
    "violations",
    "walk",
    "with_levels",
]

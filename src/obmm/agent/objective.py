"""What an agent plays for, and what a venue pays for."""

from __future__ import annotations

import re
from collections.abc import Collection
from types import MappingProxyType

import attrs

from obmm.market import Venue
from obmm.scoring.eras import ERAS

#: What a configuration may say it plays for, and in words.
OBJECTIVES = MappingProxyType(
    {
        "money": "quote earned",
        "sharpe": "Sharpe of the account's value (0.1.x)",
        "kappa": "frequent realised gains (0.3 to 0.5)",
        "making": "two-sided capture (0.6)",
        "skill": "alpha on many books (0.6)",
    }
)
#: What plays for what the venue pays.
AUTO = "auto"

#: Mechanism of an era → what is played for there, the first that there is a preset for.
_PAID = {"sharpe": ("sharpe",), "kappa": ("kappa",), "debeta": ("making", "skill")}
_PAYS = {
    "sharpe": "Sharpe of the account's value",
    "kappa": "Kappa of realised P&L",
    "debeta": "making and skill",
}
#: Played for where nothing is known, and where there is no preset for what is paid.
ELSE = "money"
_VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)")


@attrs.frozen
class Chosen:
    """What is played for on a venue, and why."""

    objective: str
    why: str


def paid_by(venue: Venue, known: Collection[str] = tuple(OBJECTIVES)) -> Chosen:
    """What to play for on a venue, out of what is `known`.

    The version of the software decides, which the messages of a validator tell; of a market of our own it is
    the one in the scenario's name. Where neither says one, the layout does: several classes of assets came
    with 0.6, a cap of twenty times the wealth went with 0.1.

    >>> paid_by(Venue.of(2, version="0.5.4"))
    Chosen(objective='kappa', why='version 0.5.4 pays by Kappa of realised P&L')
    >>> import numpy as np
    >>> paid_by(Venue.of(2, initial_price=np.array([300.0, 29.57]))).why
    'the version is not known; with 2 classes of assets it is taken for 0.6, which pays by making and skill'
    >>> paid_by(Venue.of(2, version="0.6.2"), known=("money", "kappa")).objective
    'money'
    """
    version = venue.version
    if not version and not venue.validator:
        found = _VERSION.search(venue.simulation_id)
        version = found.group() if found else ""
    mechanism = _mechanism(version) if version else ""
    why = f"version {version} pays by"
    if not mechanism:
        mechanism, layout = _by_layout(venue)
        why = f"the version is not known; with {layout}, which pays by"
    why = f"{why} {_PAYS[mechanism]}"
    for objective in _PAID[mechanism]:
        if objective in known:
            return Chosen(objective, why)
    return Chosen(ELSE, f"{why}, for which there is no preset")


def _mechanism(version: str) -> str:
    """The mechanism of the newest era that is not newer than a version, or of the oldest."""
    numbers = _numbers(version)
    eras = [era for name, era in ERAS.items() if _numbers(name) <= numbers]
    # 0.6.3 is the first that we score of 0.6, whose mechanism is the same.
    alike = [era for name, era in ERAS.items() if _numbers(name)[:2] == numbers[:2]]
    return (alike or eras or list(ERAS.values()))[-1].mechanism


def _numbers(version: str) -> tuple[int, ...]:
    found = _VERSION.search(version)
    return tuple(map(int, found.groups())) if found else (0, 0, 0)


def _by_layout(venue: Venue) -> tuple[str, str]:
    classes = int(venue.asset_class.max(initial=0)) + 1
    if classes > 1:
        return "debeta", f"{classes} classes of assets it is taken for 0.6"
    if (venue.turnover_cap_quote >= 15.0 * venue.wealth_quote).all():
        return "sharpe", "a turnover cap of twenty times the wealth it is taken for 0.1"
    return "kappa", "one class of assets and that turnover cap it is taken for 0.5"

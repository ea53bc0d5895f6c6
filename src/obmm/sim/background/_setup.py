"""Writing a scenario into an empty background record."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from obmm.sim._parameters import Asset, Rivals, TokenMakers, VenueRules
from obmm.sim.background._layout import (
    BACKGROUND,
    BAR_SLOTS,
    FGN_SLOTS,
    FIELD_SIDE,
    HISTORY_SLOTS,
    MAKER_SLOTS,
    PARAMETERS,
    RIVAL_SLOTS,
    SECOND,
    STYLIZED_SLOTS,
    fill,
)
from obmm.sim.exchange._layout import ACCOUNT_SLOTS, TICKS_PER_QUOTE
from obmm.sim.scenario import ScenarioError

#: The classes in the order of their published ids -1, -2, …; the exchange itself has the second one.
CLASSES = ("algo", "exchange", "futures", "high_frequency", "initialization", "noise", "stylized")
_SLOT_FIELDS = {
    "algo": "slot_algo",
    "futures": "slot_futures",
    "high_frequency": "slot_makers",
    "initialization": "slot_initialization",
    "noise": "slot_noise",
    "stylized": "slot_stylized",
}


def class_counts(asset: Asset) -> dict[str, int]:
    """Number of published ids of each class, in their order.

    >>> from obmm.sim.scenario import Scenario
    >>> class_counts(Scenario.load("taos-0.6.2").assets[0])["high_frequency"]
    20
    """
    return {name: 1 if name == "exchange" else getattr(asset, name).count for name in CLASSES}


def class_ids(asset: Asset) -> dict[str, tuple[int, int]]:
    """First and last published id of each class that has members.

    >>> from obmm.sim.scenario import Scenario
    >>> ids = class_ids(Scenario.load("taos-0.5.4").assets[0])
    >>> ids["futures"], ids["high_frequency"], ids["stylized"]
    ((-3, -102), (-103, -112), (-1637, -2636))
    """
    ids = {}
    last = 0
    for name, count in class_counts(asset).items():
        if count:
            ids[name] = (last - 1, last - count)
        last -= count
    return ids


def make_background(
    asset: Asset,
    venue: VenueRules,
    rivals: Rivals,
    *,
    n_miners: int,
    first_rival: int = 0,
    block: int = 0,
    into: npt.NDArray[np.void] | None = None,
) -> npt.NDArray[np.void]:
    """The background of one book before its start, as an array of one record.

    Args:
        asset: Parameters of the book's asset.
        venue: Clock of the simulation.
        rivals: The synthetic miners of the book.
        n_miners: Miner accounts of the book; background accounts follow them.
        first_rival: Account (uid) of the first synthetic miner.
        block: Books of equal block share the constants of their agents.
        into: A zeroed array of one record to write to; None makes one.

    Raises:
        ScenarioError: The scenario needs more room than a book has; all shortages are told at once.
    """
    _check_room(asset, venue, rivals, n_miners, first_rival)
    backgrounds = np.zeros(1, dtype=BACKGROUND) if into is None else into
    g: Any = backgrounds[0]
    tables = {name: getattr(asset, name) for name in PARAMETERS.names or () if name != "rivals"}
    for name, table in {**tables, "rivals": rivals}.items():
        fill(g["p"][name], table)
    slot = n_miners
    for name, count in class_counts(asset).items():
        if name in _SLOT_FIELDS:
            g[_SLOT_FIELDS[name]] = slot
        slot += count
    g["slot_rivals"] = first_rival
    g["initial_tick"] = round(asset.initial_price * TICKS_PER_QUOTE)
    g["miner_wealth_quote"] = asset.miner_wealth_quote
    g["block"] = block
    g["publish_ns"] = round(venue.publish_interval_s * SECOND)
    g["first_state_ns"] = max(1, -(-venue.grace_period_s // venue.publish_interval_s)) * g["publish_ns"]
    return backgrounds


def _check_room(asset: Asset, venue: VenueRules, rivals: Rivals, n_miners: int, first_rival: int) -> None:
    stylized = asset.stylized
    bars = stylized.returns == "bars"
    updates = venue.duration_s / asset.fundamental.update_s
    limits: list[tuple[str, float, float]] = [
        ("accounts of miners and background", n_miners + sum(class_counts(asset).values()), ACCOUNT_SLOTS),
        ("high_frequency.count", asset.high_frequency.count, MAKER_SLOTS),
        ("stylized.count", stylized.count, STYLIZED_SLOTS),
        ("stylized.history_max", stylized.history_max, BAR_SLOTS - 1 if bars else HISTORY_SLOTS),
        ("stylized.count x history_max", stylized.count * stylized.history_max, HISTORY_SLOTS),
        ("field.side", asset.field.side, FIELD_SIDE),
        ("noise.count (a spin for each)", asset.noise.count, asset.field.side**2),
        ("fundamental updates in the venue's duration", updates, FGN_SLOTS),
        ("rivals", rivals.makers + rivals.takers, RIVAL_SLOTS),
        ("rivals beyond the miners' accounts", first_rival + rivals.makers + rivals.takers, n_miners),
    ]
    faults = [f"\n  {what}: {need:g}, room for {room:g}" for what, need, room in limits if need > room]
    if isinstance(asset.high_frequency, TokenMakers) and not bars:
        faults.append('\n  high_frequency of kind "token" needs stylized.returns = "bars"')
    if faults:
        raise ScenarioError(f"asset {asset.name}: {len(faults)} fault(s)" + "".join(faults))

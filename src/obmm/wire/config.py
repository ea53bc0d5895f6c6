"""The market configuration of a message, and the `Venue` it describes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import attrs
import numpy as np
from msgspec import Meta, Struct, structs

from obmm.market import FeePolicy, Venue
from obmm.market.arrays import as_ints
from obmm.wire.bounds import (
    MAX_BOOKS,
    MAX_CLASSES,
    MAX_CONFIG_BYTES,
    MAX_LEVELS,
    MAX_PER_BOOK,
    MAX_TIERS,
    Name,
    check_size,
)
from obmm.wire.codec import Codec, read
from obmm.wire.errors import WireError
from obmm.wire.fallbacks import BOOK_LEVELS, MAX_INSTRUCTIONS, Fallback, fallback_of, version_named
from obmm.wire.models import Id, Int

Count = Annotated[int, Meta(ge=0, le=MAX_BOOKS)]
Levels = Annotated[int, Meta(ge=1, le=MAX_LEVELS)]
Ids = Annotated[list[Id], Meta(max_length=MAX_BOOKS)]
Decimals = Annotated[int, Meta(ge=0, le=8)]
Share = Annotated[float, Meta(gt=0.0, le=1.0)]


#: Our name of each parameter of a fee policy.
FEE_FIELDS = {
    "historySlots": "history_slots",
    "makerFee": "maker_fee",
    "takerFee": "taker_fee",
    "maxMakerRate": "max_maker_rate",
    "maxTakerRate": "max_taker_rate",
    "targetMTR": "target_mtr",
    "shapeMakerFee": "shape_maker_fee",
    "shapeMakerRebate": "shape_maker_rebate",
}


class FeeParams(Struct):
    """Parameters of the dynamic policy; they travel as strings."""

    historySlots: Int | None = None
    makerFee: float | None = None
    takerFee: float | None = None
    maxMakerRate: float | None = None
    maxTakerRate: float | None = None
    targetMTR: Share | None = None
    shapeMakerFee: float | None = None
    shapeMakerRebate: float | None = None


class FeeTier(Struct):
    """Rates from a traded volume on."""

    maker_fee: float = 0.0
    taker_fee: float = 0.0


class FeeConfig(Struct):
    """Fee policy."""

    fee_type: str | None = None
    params: FeeParams | None = None
    tiers: Annotated[list[FeeTier], Meta(max_length=MAX_TIERS)] | None = None


class BookConfig(Struct):
    """What may differ between the classes of a simulation."""

    priceDecimals: Decimals | None = None
    volumeDecimals: Decimals | None = None
    min_order_size: float | None = None
    miner_wealth: float | None = None
    init_price: float | None = None
    turnover_cap_quote: float | None = None


class BookClass(Struct):
    """A class of books; its decimals win over those of its own configuration."""

    books: Ids | None = None
    priceDecimals: Decimals | None = None
    volumeDecimals: Decimals | None = None
    config: BookConfig | None = None


class Config(BookConfig):
    """The configuration as far as it concerns a miner."""

    simulation_id: Name | None = None
    remoteAgentCount: Int | None = None
    book_count: Count | None = None
    book_ids: Ids | None = None
    book_levels: Levels | None = None
    max_open_orders: Int | None = None
    max_instructions: Annotated[int, Meta(le=MAX_PER_BOOK)] | None = None
    publish_interval: Int | None = None
    grace_period: Int | None = None
    duration: Int | None = None
    fee_policy: FeeConfig | None = None
    classes: Annotated[list[BookClass], Meta(max_length=MAX_CLASSES)] | None = None


def read_config(data: bytes, codec: Codec) -> Config | None:
    """The configuration in `data`; None where it is absent, null or a mere name.

    Raises:
        WireError: A field has the wrong type, or there is far too much of it.
    """
    if data in (b"", b"null", b"\xc0"):
        return None
    check_size(data, MAX_CONFIG_BYTES, "config")
    found = read(codec.reader(Config | str, strict=False), data, "config")
    return found if isinstance(found, Config) else None


def venue_of(
    config: Config | None,
    *,
    version: int | None,
    seen: Iterable[int],
    validator: str = "",
    simulation_id: str = "",
) -> Venue:
    """The venue a configuration describes; fall-backs by version fill what it leaves open.

    Args:
        config: Configuration, None where the message has none.
        version: Spec version of the message.
        seen: Ids of the books in the message, which count where the configuration does not cover them.
        validator: Who sends the states.
        simulation_id: Name of the run where the configuration has none.

    Raises:
        WireError: Values that no venue can have.
    """
    told = config or Config()
    is_old = None if config is None else told.remoteAgentCount is None and told.min_order_size is None
    known = fallback_of(version, is_old=is_old)
    ids = _book_ids(told, sorted(seen))
    try:
        return Venue(
            book_ids=as_ints(ids),
            **_per_book(told, ids, known, initial_price=np.nan if config else known.initial_price),
            max_open_orders=_or(told.max_open_orders, known.max_open_orders),
            max_instructions=_or(told.max_instructions, MAX_INSTRUCTIONS),
            publish_interval_ns=_or(told.publish_interval, known.publish_interval_ns),
            grace_period_ns=_or(told.grace_period, known.grace_period_ns),
            duration_ns=_or(told.duration, known.duration_ns),
            fees=_fees(told.fee_policy or FeeConfig(), known),
            validator=validator,
            simulation_id=told.simulation_id or simulation_id,
            version=version_named(version, is_old=is_old),
        )
    except ValueError as error:
        raise WireError("config", str(error)) from error


def levels_of(config: Config | None) -> int:
    """Levels per side that states of this configuration have."""
    return (config.book_levels if config else None) or BOOK_LEVELS


def _book_ids(told: Config, seen: Sequence[int]) -> Sequence[int]:
    if told.book_ids is not None:
        return told.book_ids
    counted = range(told.book_count or 0)
    return counted if len(counted) and (not seen or seen[-1] < len(counted)) else seen


def _per_book(told: Config, ids: Sequence[int], known: Fallback, initial_price: float) -> dict[str, Any]:
    """Columns of what may differ between books: the whole's value, overridden by the class's."""
    positions = {book_id: i for i, book_id in enumerate(ids)}
    whole = BookClass(books=list(ids), config=told)
    columns: dict[str, Any] = {
        "price_decimals": np.full(len(ids), known.price_decimals),
        "volume_decimals": np.full(len(ids), known.volume_decimals),
        "min_size_base": np.full(len(ids), known.min_size_base),
        "wealth_quote": np.full(len(ids), known.wealth_quote),
        "initial_price": np.full(len(ids), initial_price),
        "turnover_cap_quote": np.full(len(ids), np.nan),
    }
    for part in (whole, *(told.classes or ())):
        config = part.config or BookConfig()
        values = {
            "price_decimals": _or(part.priceDecimals, config.priceDecimals),
            "volume_decimals": _or(part.volumeDecimals, config.volumeDecimals),
            "min_size_base": config.min_order_size,
            "wealth_quote": config.miner_wealth,
            "initial_price": config.init_price,
            "turnover_cap_quote": config.turnover_cap_quote,
        }
        rows = [positions[book_id] for book_id in part.books or () if book_id in positions]
        for name, value in values.items():
            if value is not None:
                columns[name][rows] = value
    cap, wealth = columns["turnover_cap_quote"], columns["wealth_quote"]
    rounded = np.round(known.turnover_multiplier * wealth, columns["volume_decimals"].max(initial=0))
    columns["turnover_cap_quote"] = np.where(np.isnan(cap), rounded, cap)
    return columns


def _fees(told: FeeConfig, known: Fallback) -> FeePolicy:
    """The policy; one of an unknown type counts as constant, and accounts tell its rates."""
    if (told.fee_type or "dynamic") == "dynamic":
        usual = FeePolicy(max_maker_rate=known.max_rate, max_taker_rate=known.max_rate)
    else:
        first = (told.tiers or [FeeTier()])[0]
        kind: Literal["tiered", "zero"] = "tiered" if told.fee_type == "tiered" else "zero"
        usual = FeePolicy(kind=kind, maker_fee=first.maker_fee, taker_fee=first.taker_fee)
    given = structs.asdict(told.params or FeeParams())
    return attrs.evolve(
        usual, **{FEE_FIELDS[key]: value for key, value in given.items() if value is not None}
    )


def _or(value: Any, otherwise: Any) -> Any:
    return otherwise if value is None else value

"""The venue that a configuration describes, and what stands in for a silent one."""

from __future__ import annotations

from typing import Any

import attrs
import msgspec
import numpy as np
import pytest

from obmm.market import FeePolicy, Venue
from obmm.wire import WireError
from obmm.wire.codec import JSON, MSGPACK
from obmm.wire.config import levels_of, read_config, venue_of
from obmm.wire.encode import config_of


def told(version: int | None = 54, seen: Any = (0, 1), **config: Any) -> Venue:
    """The venue of a configuration, which travels as JSON."""
    return venue_of(read_config(msgspec.json.encode(config), JSON), version=version, seen=seen)


#: Version, fields that tell 0.1 from its later namesake, and the facts of the era.
ERAS = [
    (19, {}, 0.1, 100_000.0, 2_000_000.0, 0.0075),
    (61, {}, 0.1, 100_000.0, 2_000_000.0, 0.0075),
    (45, {}, 0.1, 100_000.0, 2_000_000.0, 0.0075),
    (35, {"remoteAgentCount": 264}, 1.0, 50_000.0, 500_000.0, 0.015),
    (44, {"remoteAgentCount": 264}, 1.0, 50_000.0, 500_000.0, 0.015),
    (45, {"remoteAgentCount": 264}, 0.25, 50_000.0, 500_000.0, 0.015),
    (61, {"min_order_size": 0.25}, 0.25, 50_000.0, 500_000.0, 0.015),
    (63, {"remoteAgentCount": 264}, 0.25, 50_000.0, 500_000.0, 0.015),
    (None, {"remoteAgentCount": 264}, 0.25, 50_000.0, 500_000.0, 0.015),
]


@pytest.mark.parametrize(
    ("version", "config", "expected"),
    [
        (62, {}, "0.6.2"),
        (54, {"remoteAgentCount": 264}, "0.5.4"),
        (61, {}, "0.1.51"),
        (61, {"min_order_size": 0.25}, "0.6.1"),
        (19, {}, "0.1.9"),
        (1023, {}, "1.2.3"),
        (None, {}, ""),
    ],
)
def test_the_version_of_a_message_is_that_of_the_venue(
    version: int | None, config: dict[str, Any], expected: str
) -> None:
    """As people write it; two of one number are told apart by what they send."""
    assert expected == told(version, **config).version


@pytest.mark.parametrize(("version", "config", "minimum", "wealth", "cap", "rate"), ERAS)
def test_silence_is_filled_by_version(
    version: int | None, config: dict[str, Any], minimum: float, wealth: float, cap: float, rate: float
) -> None:
    """What a validator does not send is that version's production constant."""
    venue = told(version, **config)
    assert [minimum] * 2 == venue.min_size_base.tolist()
    assert [wealth] * 2 == venue.wealth_quote.tolist()
    assert [cap] * 2 == venue.turnover_cap_quote.tolist()
    assert rate == venue.fees.max_maker_rate == venue.fees.max_taker_rate


@pytest.mark.parametrize(("version", "minimum"), [(61, 0.1), (45, 0.25), (54, 0.25), (35, 1.0)])
def test_without_any_configuration_the_number_decides(version: int, minimum: float) -> None:
    """Recordings carry no configuration: their version alone fills it, the initial price included."""
    venue = venue_of(None, version=version, seen=[1, 0], validator="v", simulation_id="run")
    assert ([minimum] * 2, [300.0] * 2) == (venue.min_size_base.tolist(), venue.initial_price.tolist())
    assert ([0, 1], "v", "run") == (venue.book_ids.tolist(), venue.validator, venue.simulation_id)


def test_what_is_told_wins() -> None:
    """Each fact of the configuration reaches the venue."""
    venue = told(
        35,
        remoteAgentCount=1,
        simulation_id="20261122_1639",
        book_count=3,
        priceDecimals=3,
        volumeDecimals=2,
        min_order_size=0.5,
        miner_wealth=1000.0,
        init_price=29.57,
        max_open_orders=7,
        publish_interval=5,
        grace_period=6,
        duration=70,
    )
    assert ("20261122_1639", [0, 1, 2]) == (venue.simulation_id, venue.book_ids.tolist())
    assert ([3] * 3, [2] * 3) == (venue.price_decimals.tolist(), venue.volume_decimals.tolist())
    assert ([0.5] * 3, [1000.0] * 3) == (venue.min_size_base.tolist(), venue.wealth_quote.tolist())
    assert ([29.57] * 3, [10_000.0] * 3) == (venue.initial_price.tolist(), venue.turnover_cap_quote.tolist())
    assert (7, 5, 5) == (venue.max_open_orders, venue.max_instructions, venue.publish_interval_ns)
    assert (6, 70) == (venue.grace_period_ns, venue.duration_ns)


def test_initial_price_is_unknown_where_a_configuration_lacks_it() -> None:
    """Only a message without any configuration makes us assume production's price."""
    assert np.isnan(told().initial_price).all()


@pytest.mark.parametrize(
    ("config", "seen", "ids"),
    [
        ({"book_ids": [9, 4]}, (4, 9, 11), [9, 4]),
        ({"book_count": 3}, (2, 0), [0, 1, 2]),
        ({"book_count": 3}, (), [0, 1, 2]),
        ({"book_count": 3}, (7, 0), [0, 7]),
        ({}, (7, 0), [0, 7]),
        ({"book_ids": None, "book_count": None}, (), []),
    ],
)
def test_which_books_there_are(config: dict[str, Any], seen: Any, ids: list[int]) -> None:
    """Configured ids first, then the count if it covers what was seen, then what was seen."""
    assert ids == told(seen=seen, **config).book_ids.tolist()


def test_classes_have_their_own_grid_and_capital() -> None:
    """A class's decimals win over its configuration's, and both over the whole's."""
    classes = [
        {"name": "simulation_0", "books": [0, 2], "priceDecimals": 2, "volumeDecimals": 4, "config": None},
        {"name": "simulation_1", "books": [1, 77], "priceDecimals": 3, "volumeDecimals": None}
        | {
            "config": {
                "priceDecimals": 5,
                "volumeDecimals": 1,
                "min_order_size": 2.5364,
                "miner_wealth": 10.0,
            }
        },
        {"name": "simulation_2"},
    ]
    venue = told(63, book_count=3, min_order_size=0.25, init_price=300.0, classes=classes, backgrounds=2)
    assert ([2, 3, 2], [4, 1, 4]) == (venue.price_decimals.tolist(), venue.volume_decimals.tolist())
    assert [0.25, 2.5364, 0.25] == venue.min_size_base.tolist()
    assert [500_000.0, 100.0, 500_000.0] == venue.turnover_cap_quote.tolist()
    assert [300.0] * 3 == venue.initial_price.tolist()


def test_fee_parameters_are_strings() -> None:
    """The dynamic policy's parameters arrive as strings; those that are missing are production's."""
    params = {"historySlots": "30", "makerFee": "0.001", "targetMTR": "0.5", "shapeMakerFee": "3", "new": "x"}
    venue = told(fee_policy={"fee_type": "dynamic", "params": params, "tiers": []}, remoteAgentCount=1)
    assert FeePolicy(history_slots=30, maker_fee=0.001, target_mtr=0.5, shape_maker_fee=3.0) == venue.fees


@pytest.mark.parametrize("policy", [None, {}, {"fee_type": None}, {"params": None, "tiers": None}])
def test_silent_fee_policy_is_the_dynamic_one(policy: Any) -> None:
    """Production has one policy."""
    assert FeePolicy() == told(fee_policy=policy, remoteAgentCount=1).fees


def test_other_fee_policies_take_their_first_tier() -> None:
    """A tiered policy starts at its first tier; a type that nobody knows counts as constant."""
    tiers = [{"volume_required": 0.0, "maker_fee": -0.001, "taker_fee": 0.002}, {"volume_required": 1e6}]
    tiered = FeePolicy(kind="tiered", maker_fee=-0.001, taker_fee=0.002)
    assert tiered == told(fee_policy={"fee_type": "tiered", "tiers": tiers}).fees
    assert FeePolicy(kind="zero", taker_fee=0.0) == told(fee_policy={"fee_type": "lottery"}).fees


@pytest.mark.parametrize("data", [b"", b"null", b"\xc0", b'"logs/simulation_0.xml"'])
def test_absent_configuration_is_none(data: bytes) -> None:
    """Absent, null and a mere name are no configuration."""
    assert read_config(data, JSON if data[:1] == b'"' else MSGPACK) is None


def test_levels_per_side() -> None:
    """The configuration may say how many levels there are; 21 otherwise."""
    assert [21, 21, 5] == [
        levels_of(config)
        for config in (None, read_config(b"{}", JSON), read_config(b'{"book_levels":5}', JSON))
    ]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"book_ids": [1, 1]}, "repeats an id"),
        ({"min_order_size": 0.0}, "min_size_base must be positive"),
        ({"max_open_orders": 0}, "max_open_orders must be positive"),
    ],
)
def test_impossible_configurations_are_refused(config: dict[str, Any], problem: str) -> None:
    """What no venue can have is an error of the configuration."""
    with pytest.raises(WireError, match=f"config: .*{problem}"):
        told(**config)


def test_configuration_of_a_venue_reads_like_a_validators() -> None:
    """Books alike share a class; a single class is the whole."""
    config = config_of(Venue.of(2), 21)
    assert "classes" not in config
    assert (2, 0.25, "0.4") == (
        config["book_count"],
        config["min_order_size"],
        config["fee_policy"]["params"]["targetMTR"],
    )
    assert "min_order_size" not in config_of(Venue.of(2), 21, 45)
    two = config_of(attrs.evolve(Venue.of(3), min_size_base=[1.0, 2.0, 1.0]), 21)
    assert [[0, 2], [1]] == [part["books"] for part in two["classes"]]

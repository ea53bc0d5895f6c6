"""The facts of the recorded hours are those that were published with them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

pytest.importorskip("numba")

from obmm.lab.facts import flat, measure
from obmm.lab.fidelity import load_reference
from obmm.market import Feed
from obmm.sim import Scenario, class_ids
from obmm.wire import read_stream

#: Needs the single orders of each level, which a state does not carry.
NOT_TOLD = "orders_at_touch_both_sides"


#: A recorded hour of 8 books, what was published of it, and what we ship of it.
HOURS = (
    ("background-8books-1h.msgpack.zst", "stylised-facts.json", ("taos-0.5.4", "main"), 646),
    (
        "taos-0.6.2-class0-8books-1h.msgpack.zst",
        "taos-0.6.2-class0-facts.json",
        ("taos-0.6.2", "simulation_0"),
        646,
    ),
    (
        "taos-0.6.2-class1-8books-1h.msgpack.zst",
        "taos-0.6.2-class1-facts.json",
        ("taos-0.6.2", "simulation_1"),
        646,
    ),
)


@pytest.mark.parametrize(("recording", "publication", "shipped_as", "figures"), HOURS)
def test_published_and_shipped_facts_are_those_of_the_recording(
    shared_data: Path, recording: str, publication: str, shipped_as: tuple[str, str], figures: int
):
    """Published figures to their last of five digits, shipped ones to six.

    What is shipped lacks the fees, which are constant there.
    """
    captures = shared_data / "captures"
    stream = read_stream(captures / recording, frozenset({Feed.TAPE}))
    scenario, asset = shipped_as
    (classes,) = (class_ids(each) for each in Scenario.load(scenario).assets if each.name == asset)
    found = flat(measure((recorded.state for recorded in stream), classes))

    published = json.loads((captures / publication).read_text())
    published.pop("capture")
    expected = {name: value for name, value in flat(published).items() if NOT_TOLD not in name}
    assert figures == len(expected)
    wrong = {
        name: (value, found.get(name))
        for name, value in expected.items()
        if abs(found.get(name, math.inf) - value) > half_a_unit(value)
    }
    assert wrong == {}

    shipped = flat(load_reference(*shipped_as))
    assert len(shipped) > 600
    assert {name: pytest.approx(value, rel=1e-5, abs=1e-9) for name, value in shipped.items()} == {
        name: found[name] for name in shipped
    }


def half_a_unit(value: float) -> float:
    """Half a unit of the fifth digit, and a hair more: a tie may have been rounded either way."""
    return 0.500001 * 10.0 ** (math.floor(math.log10(abs(value))) - 4) if value else 1e-12

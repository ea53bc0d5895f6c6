"""The facts of the recorded hour are those that were published with it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

pytest.importorskip("numba")

from obmm.lab.facts import flat, measure
from obmm.lab.fidelity import load_reference
from obmm.market import Feed
from obmm.wire import read_stream

#: Needs the single orders of each level, which a state does not carry.
NOT_TOLD = "orders_at_touch_both_sides"


@pytest.fixture(scope="module")
def found(shared_data: Path) -> dict[str, float]:
    """The facts of the recorded hour of 8 books."""
    recording = read_stream(
        shared_data / "captures" / "background-8books-1h.msgpack.zst", frozenset({Feed.TAPE})
    )
    return flat(measure(recorded.state for recorded in recording))


def test_every_published_figure_is_reproduced_to_its_last_digit(shared_data: Path, found: dict[str, float]):
    """646 numbers, five digits each."""
    published = json.loads((shared_data / "captures" / "stylised-facts.json").read_text())
    published.pop("capture")
    expected = {name: value for name, value in flat(published).items() if NOT_TOLD not in name}
    assert len(expected) == 646
    wrong = {
        name: (value, found.get(name))
        for name, value in expected.items()
        if abs(found.get(name, math.inf) - value) > half_a_unit(value)
    }
    assert wrong == {}


def half_a_unit(value: float) -> float:
    """Half a unit of the fifth digit, and a hair more: a tie may have been rounded either way."""
    return 0.500001 * 10.0 ** (math.floor(math.log10(abs(value))) - 4) if value else 1e-12


def test_the_shipped_reference_is_that_of_the_recording(found: dict[str, float]):
    """Six digits of every fact, without the fees, which are constant there."""
    shipped = flat(load_reference())
    assert len(shipped) > 600
    assert {name: pytest.approx(value, rel=1e-5, abs=1e-9) for name, value in shipped.items()} == {
        name: found[name] for name in shipped
    }

"""The facts of the recorded hour are those that were published with it."""

from __future__ import annotations

import json
import math
from pathlib import Path

from obmm.lab.facts import flat, measure
from obmm.market import Feed
from obmm.wire import read_stream

#: Needs the single orders of each level, which a state does not carry.
NOT_TOLD = "orders_at_touch_both_sides"


def test_every_published_figure_is_reproduced_to_its_last_digit(shared_data: Path):
    """646 numbers of the recorded hour of 8 books, five digits each."""
    captures = shared_data / "captures"
    published = json.loads((captures / "stylised-facts.json").read_text())
    published.pop("capture")
    recording = read_stream(captures / "background-8books-1h.msgpack.zst", frozenset({Feed.TAPE}))
    found = flat(measure(recorded.state for recorded in recording))
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

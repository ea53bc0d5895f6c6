"""Configurations on the flow of a live recording: pipelines are told apart, and what stands beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("numba")

from tests.live.recording import Asked, recorded

from obmm.agent import Config, MarketMaker, resolve
from obmm.lab.compare import Arm
from obmm.lab.compare.replayed import OWN_ORDERS, Recorded, Replayed, metrics_by_book, played, told
from obmm.market import Feed
from obmm.settings.toml import parse_layer
from obmm.sim import SimulatedMarket
from obmm.wire import encode_request

#: Another pipeline on half of the books.
TWO = 'extends = "touch"\n[[assign]]\nbooks = "odd"\npipeline = "balanced"\n'


def asked_by(config: Config, seconds: float) -> list[Asked]:
    """What a validator asked an agent that it trades with, on four books."""
    maker, requests = MarketMaker(config), []
    with SimulatedMarket("taos-0.5.4", books=4, seed=3, feeds={Feed.TAPE, *maker.feeds}) as market:
        for states in market.states(seconds):
            requests.append(("one", encode_request(states[0], version=54)))
            market.submit(0, maker.decide(states[0]).orders, 0.01)
    return requests


def compared(folder: Path, *configs: Config) -> tuple[dict[str, Replayed], dict[str, Any]]:
    """Configurations on a recording, and all that is told of them."""
    on = Recorded(capture=folder)
    arms = [Arm(f"arm {i}", config) for i, config in enumerate(configs)]
    replayed = {arm.name: played(arm, on, lambda seconds: None) for arm in arms}
    return replayed, told(replayed, metrics_by_book(()), on, 1.0)


def test_a_live_recording_tells_pipelines_apart(tmp_path: Path) -> None:
    """Which ran which books, by their ids; and that the recorded agent's own orders stand beside."""
    both, one = resolve(parse_layer(TWO, "mine.toml")), resolve("touch")
    recorded(tmp_path, both, asked_by(both, 120.0))
    replayed, values = compared(tmp_path, both, one)
    ran = values["pipelines"]["arm 0"]
    assert [("mine.toml", [0, 2]), ("preset balanced", [1, 3])] == [(p["name"], p["books"]) for p in ran]
    fills = replayed["arm 0"].outcome.books["fills"]
    assert [int(fills[::2].sum()), int(fills[1::2].sum())] == [p["fills"] for p in ran]
    assert fills[::2].sum() > 0
    assert [0.0, 1.0, 0.0, 1.0] == replayed["arm 0"].outcome.books["pipeline"].tolist()
    assert (["arm 0"], OWN_ORDERS) == (list(values["pipelines"]), values["cautions"][-1])
    assert [0, 1, 2, 3] == values["book_ids"].tolist()

"""The agent that runs live runs on a replayed recording too."""

from __future__ import annotations

import pytest

pytest.importorskip("numba")

from obmm.agent import MarketMaker, resolve
from obmm.market import Feed, MarketState, NoticeKind
from obmm.sim import SimulatedMarket
from obmm.sim.replay import ReplayedMarket


@pytest.fixture(scope="module")
def recording() -> list[MarketState]:
    """Four minutes of two simulated books."""
    with SimulatedMarket("taos-0.5.4", books=2, seed=11, feeds={Feed.TAPE}) as market:
        return [states[0] for states in market.states(seconds=240)]


def replay(recording: list[MarketState]) -> tuple[MarketState, int, MarketMaker]:
    """The last state, the number of own fills, and the agent, after a replay with the balanced preset."""
    maker = MarketMaker(resolve("balanced"))
    market = ReplayedMarket(recording, seed=2, feeds=maker.feeds)
    n_fills = 0
    for states in market.states():
        state = states[0]
        n_fills += int((state.notices.kind == NoticeKind.FILL).sum())
        market.submit(0, maker.respond(state), response_s=0.1)
    return state, n_fills, maker


def test_the_balanced_preset_quotes_and_trades_on_a_replay(recording):
    """Orders stand, some fill, no stage raises, and nothing is lost but fees."""
    state, n_fills, maker = replay(recording)
    assert maker.errors == 0
    assert n_fills > 0
    assert len(state.open_orders) > 0
    accounts = state.accounts
    assert (accounts.base_free <= accounts.base_total).all()
    assert (accounts.quote_reserved > 0.0).any()
    assert accounts.position.tolist() != [0.0, 0.0]


def test_two_replays_decide_alike(recording):
    """Same recording, same seed: same account at the end."""
    assert replay(recording)[0] == replay(recording)[0]

"""What signals are worth on an hour of the real market, where the recording is at hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from obmm.market import BUY, Feed, FloatArray, Signal, Signals
from obmm.signals import Imbalance, Momentum, TradeFlow, Volatility
from obmm.signals.trade_flow import trade_rows
from obmm.wire import read_stream

Series = dict[str, FloatArray]
Make = Callable[[], Signal]


def measured(data: Path, makes: dict[str, Make], feeds: frozenset[Feed]) -> Series:
    """Signals and mids, each (seconds, books), of the recorded hour, and signed traded volume with a tape."""
    stages = {name: make() for name, make in makes.items()}
    found: dict[str, list[FloatArray]] = {name: [] for name in (*stages, "mid", "signed")}
    for recorded in read_stream(data / "captures" / "background-8books-1h.msgpack.zst", feeds):
        state = recorded.state
        for name, stage in stages.items():
            found[name].append(stage(state, Signals(n_books=state.n_books)))
        found["mid"].append(state.mid)
        if state.tape is not None:
            rows, book = trade_rows(state.tape, -1)
            signed = np.where(state.tape.side[rows] == BUY, 1.0, -1.0) * state.tape.size[rows]
            found["signed"].append(np.bincount(book, weights=signed, minlength=state.n_books))
    return {name: np.array(values) for name, values in found.items()}


@pytest.fixture(scope="module")
def hour(shared_data: Path) -> Series:
    """Signals that the books alone give."""
    makes: dict[str, Make] = {
        "queue": lambda: Imbalance(depths=[1]),
        "five levels": lambda: Imbalance(depths=[5]),
        "momentum": Momentum,
        "volatility": Volatility,
    }
    return measured(shared_data, makes, frozenset())


@pytest.fixture(scope="module")
def hour_of_trades(shared_data: Path) -> Series:
    """Signals that need the tape."""
    makes: dict[str, Make] = {"all books": lambda: TradeFlow(scope="all")}
    return measured(shared_data, makes, frozenset({Feed.TAPE}))


def foresight(series: Series, signal: FloatArray, horizon_s: int) -> tuple[float, float]:
    """Correlation with the return of the next seconds, mean over books, and share of signs called right."""
    log_mid = np.log(series["mid"])
    ahead, known = log_mid[horizon_s:] - log_mid[:-horizon_s], signal[:-horizon_s]
    each = []
    for book in range(ahead.shape[1]):
        both = np.isfinite(known[:, book])
        each.append(np.corrcoef(known[both, book], ahead[both, book])[0, 1])
    moved = np.isfinite(known) & (ahead != 0.0) & (known != 0.0)
    return float(np.mean(each)), float((np.sign(known) == np.sign(ahead))[moved].mean())


@pytest.mark.parametrize(
    ("horizon_s", "correlation", "called"), [(1, -0.060, 0.466), (5, -0.085, 0.446), (30, -0.041, 0.465)]
)
def test_queue_imbalance_is_contrarian(
    hour: Series, horizon_s: int, correlation: float, called: float
) -> None:
    """A heavier bid is followed by a fall more often than by a rise."""
    found = foresight(hour, hour["queue"], horizon_s)
    np.testing.assert_allclose([correlation, called], found, atol=0.002)


def test_depth_imbalance_is_contrarian(hour: Series) -> None:
    """Five levels say the same as one."""
    np.testing.assert_allclose([-0.079, 0.461], foresight(hour, hour["five levels"], 5), atol=0.001)


def test_momentum_is_a_little_contrarian(hour: Series) -> None:
    """The return of the last ten seconds comes back in part."""
    assert pytest.approx(-0.04, abs=0.005) == foresight(hour, hour["momentum"], 5)[0]


def test_volatility_is_that_of_one_second_returns(hour: Series) -> None:
    """The mean estimate is near the deviation of one-second returns, 1.03 basis points."""
    assert 0.8e-4 < hour["volatility"].mean() < 1.1e-4


@pytest.mark.long
@pytest.mark.parametrize(("horizon_s", "correlation"), [(1, 0.03), (5, 0.08), (10, 0.10), (30, 0.10)])
def test_trade_flow_leads(hour_of_trades: Series, horizon_s: int, correlation: float) -> None:
    """Signed volume of the last ten seconds is followed by a move its own way."""
    total = np.cumsum(hour_of_trades["signed"], axis=0)
    ten = total - np.concatenate([np.zeros_like(total[:10]), total[:-10]])
    assert pytest.approx(correlation, abs=0.006) == foresight(hour_of_trades, ten, horizon_s)[0]


@pytest.mark.long
def test_flow_over_all_books_leads_best(hour_of_trades: Series) -> None:
    """The pooled signal correlates with the next ten seconds about twice as well as a book's own flow."""
    correlation, called = foresight(hour_of_trades, hour_of_trades["all books"], 10)
    assert pytest.approx(0.19, abs=0.01) == correlation
    assert pytest.approx(0.58, abs=0.01) == called

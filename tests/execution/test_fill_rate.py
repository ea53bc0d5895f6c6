"""The controller steers the spread until the target share of what is posted trades."""

from __future__ import annotations

import attrs
import numpy as np
import pytest

from execution.quote_scenes import scene, signals
from obmm.execution import FillRate, SkewedBuilder, TouchBuilder
from obmm.market import Limits, MarketState, NoticeKind, Notices


def noticed(second: float, *rows: tuple[NoticeKind, int, float], n_books: int = 1) -> MarketState:
    """A state with notices of (kind, book, base)."""
    n = len(rows)
    columns = {f.name: np.full(n, -1) for f in attrs.fields(Notices)}
    columns["kind"] = np.array([kind for kind, _, _ in rows], dtype=np.int64)
    columns["book"] = np.array([book for _, book, _ in rows], dtype=np.int64)
    sizes = np.array([size for _, _, size in rows])
    floats = {"size": sizes, "price": np.full(n, 300.0), "fee": np.zeros(n), "message": [""] * n}
    return attrs.evolve(scene(n_books, time_s=600.0 + second), notices=Notices(**{**columns, **floats}))


def after(controller: FillRate, *, filled: float, minutes: int) -> float:
    """The factor after minutes in which 1 base was posted each, of which a share filled."""
    for minute in range(minutes + 1):
        rows = ((NoticeKind.ACCEPTED, 0, 1.0), (NoticeKind.FILL, 0, filled))
        factor = controller(noticed(60.0 * minute, *rows))
    return float(factor[0])


def test_too_few_fills_narrow() -> None:
    """X 0.95 per minute below 40 %."""
    assert 0.95**3 == pytest.approx(after(FillRate(), filled=0.39, minutes=3))


def test_too_many_fills_widen() -> None:
    """X 1.05 per minute above 40 %."""
    assert 1.05**3 == pytest.approx(after(FillRate(), filled=0.41, minutes=3))


def test_on_target_nothing_moves() -> None:
    """Exactly the target leaves the factor."""
    assert 1.0 == after(FillRate(target=0.5), filled=0.5, minutes=3)


def test_the_factor_is_bounded() -> None:
    """However long it lasts, within least and most."""
    assert 0.8 == after(FillRate(least=0.8), filled=0.0, minutes=30)
    assert 1.5 == after(FillRate(most=1.5), filled=1.0, minutes=30)


def test_a_silent_book_keeps_its_factor() -> None:
    """Nothing posted is no sign of too wide a spread; each book has a factor of its own."""
    controller = FillRate()
    for minute in range(4):
        factor = controller(noticed(60.0 * minute, (NoticeKind.ACCEPTED, 1, 1.0), n_books=3))
    assert factor.tolist() == pytest.approx([1.0, 0.95**3, 1.0])


def test_between_adjustments_nothing_moves() -> None:
    """Notices gather; the factor moves once per interval."""
    controller = FillRate(interval_s=60.0)
    factors = [
        float(controller(noticed(second, (NoticeKind.ACCEPTED, 0, 1.0)))[0]) for second in (0, 59, 60, 119)
    ]
    assert [1.0, 1.0, 0.95, 0.95] == factors


def test_old_counts_fade() -> None:
    """After some half-lives only what happened lately counts."""
    controller = FillRate(halflife_s=60.0)
    controller(noticed(0.0, (NoticeKind.ACCEPTED, 0, 100.0)))
    controller(noticed(1200.0, (NoticeKind.ACCEPTED, 0, 1.0), (NoticeKind.FILL, 0, 1.0)))
    assert controller(noticed(1260.0))[0] > 0.95


def test_other_notices_and_holes_do_not_count() -> None:
    """Cancels, rejections, global notices and sizes that are missing are no posted base."""
    controller = FillRate()
    controller(noticed(0.0))
    rows = (
        (NoticeKind.REJECTED, 0, 5.0),
        (NoticeKind.ACCEPTED, -1, 5.0),
        (NoticeKind.ACCEPTED, 0, float("nan")),
    )
    assert [1.0] == controller(noticed(60.0, *rows)).tolist()


def test_any_builder_carries_it() -> None:
    """The factor multiplies the distance from the fair value."""
    for builder in (
        SkewedBuilder(volatility="", fair="mid", controller=FillRate(), min_edge_bps=0.0),
        TouchBuilder(controller=FillRate(), min_edge_bps=0.0),
    ):
        asks = []
        for minute in range(2):
            state = noticed(60.0 * minute, (NoticeKind.FILL, 0, 1.0), (NoticeKind.ACCEPTED, 0, 1.0))
            asks.append(builder(state, signals(mid=300.0), Limits.open(1)).ask_price[0, 0] - 300.0)
        assert asks[1] == pytest.approx(1.05 * asks[0], abs=0.01)


def test_builders_do_not_share_a_controller() -> None:
    """One given to two builders steers each by itself."""
    controller = FillRate()
    one, other = TouchBuilder(controller=controller), TouchBuilder(controller=controller)
    assert one.controller is not None
    assert one.controller is not other.controller
    after(one.controller, filled=1.0, minutes=5)
    assert other.controller is not None
    assert [1.0] == other.controller(noticed(0.0)).tolist()


def test_reset_forgets_the_factor() -> None:
    """A new simulation starts at 1, with the builder's reset."""
    builder = TouchBuilder(controller=FillRate())
    assert builder.controller is not None
    after(builder.controller, filled=1.0, minutes=5)
    builder.reset()
    assert [1.0] == builder.controller(noticed(0.0)).tolist()
    TouchBuilder().reset()

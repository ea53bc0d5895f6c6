"""Kappa of runs side by side: each comes to what it comes to alone, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import pytest

from obmm.lab.groups import of_groups
from obmm.market import MarketState, NoticeKind, Notices, Venue
from obmm.scoring import ERAS, EraConstants, Field, FieldScore
from obmm.scoring.kappa_fields import KappaFields

SECOND_NS = 10**9
GROUPS, WIDTH = 3, 5


def small(version: str, **changes: Any) -> EraConstants:
    """An era with windows of minutes, so that a short run fills, prunes and idles them."""
    return attrs.evolve(
        ERAS[version],
        kappa_lookback_ns=240 * SECOND_NS,
        kappa_min_lookback_ns=60 * SECOND_NS,
        pnl_lookback_ns=120 * SECOND_NS,
        volume_sample_ns=30 * SECOND_NS,
        volume_period_ns=120 * SECOND_NS,
        prune_interval_ns=20 * SECOND_NS,
        **changes,
    )


def fills(rng: np.random.Generator, uid: int, busy: np.ndarray[Any, Any]) -> Notices:
    """Fills on some books, some of them with oneself; none on books that are not `busy`."""
    book = np.flatnonzero((rng.random(GROUPS * WIDTH) < 0.3) & busy)
    n = book.size
    if not n:
        return Notices.none()
    own = rng.random(n) < 0.5
    other = np.where(rng.random(n) < 0.1, uid, 90)
    return attrs.evolve(
        Notices.none(),
        kind=np.full(n, int(NoticeKind.FILL)),
        time_ns=np.zeros(n, dtype=np.int64),
        book=book,
        order_id=np.arange(n),
        client_id=np.full(n, -1),
        side=rng.integers(0, 2, n),
        price=300.0 + rng.normal(0.0, 1.0, n).round(2),
        size=rng.uniform(0.1, 3.0, n).round(4),
        fee=rng.normal(0.0, 0.01, n),
        maker_id=np.where(own, uid, other),
        taker_id=np.where(own, other, uid),
        trade_id=np.arange(n),
        message=("",) * n,
    )


def run(seed: int, uids: tuple[int, ...], states: int) -> Iterator[dict[int, MarketState]]:
    """States of several markets side by side; the books of the last market rest for a while."""
    rng = np.random.default_rng(seed)
    n = GROUPS * WIDTH
    venue = Venue.of(n, groups=np.arange(GROUPS).repeat(WIDTH), book_ids=np.tile(np.arange(WIDTH), GROUPS))
    books = [[(299.0, 1.0)]] * n, [[(301.0, 1.0)]] * n
    for number in range(states):
        busy = np.ones(n, dtype=np.bool_)
        busy[-WIDTH:] = not 100 < number < 280
        busy[1] = False
        told = {}
        for uid in uids:
            state = MarketState.of_books(venue, *books, time_ns=(600 + number) * SECOND_NS, uid=uid)
            told[uid] = attrs.evolve(state, notices=fills(rng, uid, busy))
        yield told


def plain(score: FieldScore | None) -> Any:
    """Everything a scoring tells, NaN as a word."""
    assert score is not None
    own = {
        uid: (
            {name: repr(value) for name, value in one.figures.items()},
            {name: repr(values.tolist()) for name, values in one.columns.items()},
        )
        for uid, one in score.scores.items()
    }
    ranks = [values.tolist() for values in (score.raw, score.rewards, score.averages, score.weights)]
    return score.time_ns, score.uids, own, repr(ranks)


@pytest.mark.parametrize("version", ["0.5.4", "0.5.5"])
@pytest.mark.parametrize(
    ("uids", "changes"),
    [((1,), {}), ((0, 1, 2, 7), {"activity_decay_rate": 1.0, "activity_impact": 0.5, "pnl_impact": 0.5})],
)
def test_each_run_is_what_it_is_alone(version: str, uids: tuple[int, ...], changes: dict[str, Any]) -> None:
    """Whenever it is asked: while there is no Kappa, at each scoring, and after many together."""
    era = small(version, **changes)
    fields, alone = KappaFields(era), [Field(era) for _ in range(GROUPS)]
    asked = {20, 25, 30, 110, 115, 119, 300, 419}
    for number, states in enumerate(run(3, uids, 420)):
        fields.observe(states)
        parts = {uid: of_groups(state, accounts=False) for uid, state in states.items()}
        for group, field in enumerate(alone):
            field.observe({uid: cut[group] for uid, cut in parts.items()})
        if number in asked:
            told = [plain(fields.latest_of(group)) for group in range(GROUPS)]
            assert [plain(field.latest) for field in alone] == told
    assert fields.count == 84


def test_a_state_is_taken_in_once_and_nothing_is_told_before_the_first_scoring() -> None:
    """A second state of the same time changes nothing."""
    (first, second) = run(1, (1,), 2)
    fields = KappaFields(small("0.5.4"))
    assert fields.count == 0
    fields.observe(second)
    assert fields.latest_of(0) is None
    fields.observe(second)
    with pytest.raises(ValueError, match="cannot start again"):
        fields.observe(first)


def test_a_reset_is_refused() -> None:
    """An account that starts afresh would change the times of its run alone."""
    (state,) = next(run(1, (1,), 1)).values()
    reset = attrs.evolve(
        Notices.none(),
        **{
            name: np.array([-1]) for name in ("book", "order_id", "client_id", "side", "maker_id", "taker_id")
        },
        kind=np.array([int(NoticeKind.RESET)]),
        time_ns=np.array([0]),
        trade_id=np.array([-1]),
        **{name: np.array([np.nan]) for name in ("price", "size", "fee")},
        message=("",),
    )
    with pytest.raises(ValueError, match="cannot be reset"):
        KappaFields(small("0.5.4")).observe({1: attrs.evolve(state, notices=reset)})


def test_eras_whose_books_depend_on_their_number_are_refused() -> None:
    """0.3.5 keeps a Kappa while a miner realises nothing, on any of its books."""
    with pytest.raises(ValueError, match=r"under era 0\.3\.5"):
        KappaFields(ERAS["0.3.5"])

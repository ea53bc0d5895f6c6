"""The live scorer of making and skill: equal to the batch functions, honest at the edges."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from obmm.market import BUY, EventKind, MarketState, NoticeKind, Notices, Tape, Venue
from obmm.scoring import ERAS
from obmm.scoring.debeta import RUNGS_0_6_1, DebetaScorer, Dials, Round, pools
from obmm.scoring.debeta.accumulate import Accumulation
from obmm.scoring.debeta.capture import captured_spread
from obmm.scoring.debeta.mtm import INVENTORY_SUM
from obmm.scoring.debeta.prints import Prints
from obmm.scoring.debeta.realised import realised_spread
from obmm.scoring.debeta.told import Trades, told_of_trades

SECOND_NS = 10**9
START_S = 600
MINERS = 6
BOOKS = 8
DIALS = Dials(class_weights="", skill_hurdle_bps=0.1)


def tape_of(rows: list[tuple[Any, ...]], n_books: int) -> Tape:
    """A tape of trades from rows (book, time, price, size, side, maker, taker) and an order per book."""
    rows = sorted(rows, key=lambda row: (row[0], row[1]))
    book = np.array([row[0] for row in rows], dtype=np.int64)
    offset = np.searchsorted(book, np.arange(n_books + 1))
    n = len(rows)
    columns = list(zip(*rows, strict=True)) if rows else [()] * 7
    ones, free = np.full(n, -1), np.zeros(n)
    return Tape(
        offset=offset,
        kind=np.full(n, EventKind.TRADE),
        time_ns=columns[1],
        price=columns[2],
        size=columns[3],
        side=columns[4],
        order_id=ones,
        taker_order_id=ones,
        maker_id=columns[5],
        taker_id=columns[6],
        maker_fee=free,
        taker_fee=free,
        client_id=ones,
    )


def state_of(time_s: int, rows: list[tuple[Any, ...]], n_books: int = BOOKS, **known: Any) -> MarketState:
    """A state with a tape; its quotes do not matter here."""
    venue = Venue.of(n_books, simulation_id=known.pop("simulation_id", ""))
    quotes = [[[(299.0, 1.0)]] * n_books, [[(301.0, 1.0)]] * n_books]
    state = MarketState.of_books(venue, *quotes, time_ns=time_s * SECOND_NS, tape=tape_of(rows, n_books))
    return attrs.evolve(state, **known)


def run(seconds: int, seed: int = 1, every_s: int = 1) -> list[MarketState]:
    """States of a market in which miners mostly make and the background mostly takes."""
    rng = np.random.default_rng(seed)
    mid = np.full(BOOKS, 300.0)
    states = []
    for second in range(START_S + 1, START_S + 1 + seconds):
        mid += rng.normal(0.0, 0.02, BOOKS)
        rows = []
        for book in range(BOOKS):
            for _ in range(rng.poisson(2.0) if second % every_s == 0 else 0):
                side = int(rng.integers(2))
                maker = int(rng.integers(MINERS)) if rng.random() < 0.6 else -int(rng.integers(2, 9))
                taker = int(rng.integers(MINERS)) if rng.random() < 0.2 else -int(rng.integers(9, 16))
                price = round(mid[book] + (0.03 if side == BUY else -0.03), 2)
                time_ns = (second - 1) * SECOND_NS + int(rng.integers(SECOND_NS))
                rows.append((book, time_ns, price, int(rng.integers(1, 9)) / 4.0, side, maker, taker))
        states.append(state_of(second, rows))
    return states


@pytest.fixture(scope="module")
def states() -> list[MarketState]:
    """Four minutes of trading and three of silence, after which nothing waits any more."""
    silence = [state_of(START_S + 240 + i, []) for i in range(1, 181)]
    return run(240) + silence


@pytest.fixture
def scorer(states: list[MarketState]) -> DebetaScorer:
    """A scorer that has seen all of it."""
    scorer = DebetaScorer(dials=DIALS)
    for state in states:
        scorer.observe(state)
    return scorer


def whole_stream(states: list[MarketState], sums: Accumulation) -> Prints:
    """All prints of a run as those of a single state."""
    rows = []
    for state in states:
        tape = state.tape
        assert tape is not None
        columns = (tape.time_ns, tape.price, tape.size, tape.side, tape.maker_id, tape.taker_id)
        rows += list(zip(tape.book.tolist(), *(column.tolist() for column in columns), strict=True))
    return told_of_trades([0], [Trades.of(tape_of(rows, BOOKS))], sums.columns).prints


def test_the_run_state_by_state_equals_the_whole_stream_at_once(
    states: list[MarketState], scorer: DebetaScorer
) -> None:
    """Captured, realised, alphas and counterparties are those of the batch functions on the whole stream."""
    batch = Accumulation.empty(DIALS, ERAS["0.6.3"], np.zeros(BOOKS, dtype=np.int64), range(MINERS))
    prints = whole_stream(states, batch)
    batch.add(states[-1].time_ns, prints)
    for book in range(BOOKS):
        rows = slice(int(prints.offset[book]), int(prints.offset[book + 1]))
        one = attrs.evolve(
            prints,
            offset=np.array([0, rows.stop - rows.start]),
            **{name: getattr(prints, name)[rows] for name in attrs.asdict(prints) if name != "offset"},
        )
        captured = captured_spread(one, 15, MINERS)
        realised = realised_spread(one, 15, DIALS.horizon_ns, MINERS)
        for uid in range(MINERS):
            parts = scorer.parts(uid)
            found = parts.captured_buy[book], parts.captured_sell[book]
            np.testing.assert_allclose(found, captured[:, uid], atol=1e-9)
            if uid > 0:  # what uid 0 makes for the background is not measured live
                found = parts.realised_buy[book], parts.realised_sell[book]
                np.testing.assert_allclose(found, realised[:, uid], atol=1e-9)
    sums = scorer.sums
    place = [sums.columns.index(uid) for uid in range(MINERS)]
    np.testing.assert_array_equal(batch.mtm.path.total, sums.mtm.path.total[..., place])
    np.testing.assert_array_equal(batch.mtm.notional.total, sums.mtm.notional.total[:, place])
    np.testing.assert_array_equal(batch.mtm.drift.total, sums.mtm.drift.total)
    flow = sums.flows[0].total[place][:, [0, *(1 + np.array(place))]]
    np.testing.assert_allclose(flow, batch.flows[0].total, rtol=1e-12)


def everything(scorer: DebetaScorer) -> list[bytes]:
    """All that was summed up, to the last bit."""
    sums = scorer.sums
    samples = [sample for window in sums.windows for sample in (window.total, *window.samples)]
    held = [one if isinstance(one, np.ndarray) else np.stack((one.part, one.touched)) for one in samples]
    return [array.tobytes() for array in (*held, sums.mtm.inventory, np.array(sums.pending))]


@pytest.mark.parametrize("stale_s", [3, 60])
@pytest.mark.parametrize("mark_mode", ["last", "vwap"])
def test_states_summed_up_together_are_those_summed_up_one_by_one(
    states: list[MarketState], stale_s: int, mark_mode: str
) -> None:
    """However many wait until somebody looks, every sum is the same to the last bit."""
    dials = Dials(stale_ns=stale_s * SECOND_NS, mark_mode=mark_mode, skill_hurdle_bps=0.1)
    classes = np.array([0] * 5 + [1] * 3)
    era = attrs.evolve(
        ERAS["0.6.3"],
        scoring_interval_ns=7 * SECOND_NS,
        volume_sample_ns=30 * SECOND_NS,
        kappa_lookback_ns=120 * SECOND_NS,
    )
    lazy, eager = (DebetaScorer(era=era, dials=dials, class_of_book=classes, uid_shift=1) for _ in range(2))
    for state in states[:245]:
        paid, at_once = lazy.observe(state), eager.observe(state)
        eager.verdict()
        assert (paid is None) == (at_once is None)
        if paid is not None and at_once is not None:
            assert paid.emission.tobytes() == at_once.emission.tobytes()
    assert everything(eager) == everything(lazy)
    assert sum(map(sum, eager.sums.pending)) > 0


def side_by_side(runs: list[list[MarketState]]) -> list[MarketState]:
    """States of several markets as those of one wide market, a group each."""
    venue = Venue.of(
        BOOKS * len(runs),
        groups=np.repeat(np.arange(len(runs)), BOOKS),
        book_ids=np.tile(np.arange(BOOKS), len(runs)),
    )
    wide = []
    for states in zip(*runs, strict=True):
        tapes = [state.tape for state in states if state.tape is not None]
        rows = [
            (group * BOOKS + book, *row)
            for group, tape in enumerate(tapes)
            for book, *row in zip(
                *(
                    getattr(tape, name).tolist()
                    for name in ("book", "time_ns", "price", "size", "side", "maker_id", "taker_id")
                ),
                strict=True,
            )
        ]
        quotes = [[[(299.0, 1.0)]] * venue.n_books, [[(301.0, 1.0)]] * venue.n_books]
        tape = tape_of(rows, venue.n_books)
        wide.append(MarketState.of_books(venue, *quotes, time_ns=states[0].time_ns, tape=tape))
    return wide


def bits(paid: Round) -> list[bytes]:
    """Every figure of a scoring, to the last bit."""
    verdict = paid.verdict
    fields = [] if verdict is None else [verdict.field, *verdict.classes]
    told = [paid, *fields]
    values = [getattr(one, field.name) for one in told for field in attrs.fields(type(one))]
    return [value.tobytes() for value in values if isinstance(value, np.ndarray)]


RULES: list[tuple[Dials, int]] = [
    (attrs.evolve(DIALS, class_weights="0.95,0.05", min_books=1), 5),
    (attrs.evolve(DIALS, floor_scale=0.5, making_floor_scale=0.3, skill_pool_scaling=True), 5),
    (attrs.evolve(DIALS, skill_subwindows=3), 10),
    (attrs.evolve(DIALS, skill_variant="held", skill_rank_scope="whole", making_rank_scope="whole"), 5),
]


@pytest.mark.parametrize(("dials", "every_s"), RULES)
def test_markets_side_by_side_are_scored_as_alone_and_state_by_state(dials: Dials, every_s: int) -> None:
    """However late scorings are made, and whoever else is there, every figure is the same to the last bit.

    Uids come to the markets in different orders, one of them late and in one market only, and in the middle
    of it a miner is reset and then the clock runs back.
    """
    runs = [run(150, seed) for seed in (1, 2, 3)]
    late = (3, (START_S + 72) * SECOND_NS, 300.02, 1.5, BUY, 41, 2)
    runs[1][72] = state_of(START_S + 73, [late])
    era = attrs.evolve(
        ERAS["0.6.3"],
        scoring_interval_ns=every_s * SECOND_NS,
        volume_sample_ns=30 * SECOND_NS,
        kappa_lookback_ns=90 * SECOND_NS,
    )
    one: dict[str, Any] = {field.name: [-1] for field in attrs.fields(Notices)}
    reset = Notices(**(one | {"kind": [NoticeKind.RESET], "message": [""]}))
    for states in (*runs, wide := side_by_side(runs)):
        states[89] = attrs.evolve(states[89], uid=1, notices=reset)
        states[120:] = [
            attrs.evolve(state, time_ns=state.time_ns - 100 * SECOND_NS) for state in states[120:]
        ]
    classes = np.array([0] * 5 + [1] * 3)
    together = DebetaScorer(era=era, dials=dials, class_of_book=classes, uids=[9])
    paid = [one for state in wide for one in together.follow(state)] + together.settle()
    for group, states in enumerate(runs):
        alone = DebetaScorer(era=era, dials=dials, class_of_book=classes, uids=[9])
        expected = [one for state in states if (one := alone.observe(state)) is not None]
        mine = [one for which, one in paid if which == group]
        assert [one.time_ns for one in expected] == [one.time_ns for one in mine]
        assert [bits(one) for one in expected] == [bits(one) for one in mine]
        assert any(one.emission.any() for one in expected)
        for uid in range(MINERS):
            parts = (alone.parts(uid), together.parts(uid, group))
            assert len({b"".join(v.tobytes() for v in attrs.astuple(one)) for one in parts}) == 1


def test_scorings_are_handed_out_once(states: list[MarketState]) -> None:
    """What was made on the way is not told again, and what was made by looking is told by the next call."""
    scorer = DebetaScorer(dials=DIALS)
    told = [one for state in states[:90] for one in scorer.follow(state)]
    assert scorer.latest is not None
    told += scorer.settle()
    assert not scorer.settle()
    assert [(START_S + 5 * i) * SECOND_NS for i in range(1, 19)] == [paid.time_ns for _, paid in told]


def test_an_era_that_weighs_kappa_is_not_followed(states: list[MarketState]) -> None:
    """It needs the other scores at each scoring."""
    era, dials = RUNGS_0_6_1[2]
    with pytest.raises(ValueError, match="one by one"):
        DebetaScorer(era=era, dials=dials).follow(states[0])


def test_scorings_come_at_multiples_of_five_seconds(states: list[MarketState]) -> None:
    """A state in between is summed up but not scored."""
    scorer = DebetaScorer(dials=DIALS)
    scored = [state.time_ns for state in states[:20] if scorer.observe(state) is not None]
    assert scored == [(START_S + 5 * i) * SECOND_NS for i in range(1, 5)]


@pytest.mark.parametrize("classes", [None, np.array([0] * 5 + [1] * 3)])
def test_book_shares_add_up_to_the_shares_of_the_miner(
    states: list[MarketState], classes: np.ndarray | None
) -> None:
    """What each book earned of both halves sums to what the uid gets, in one market and in two classes."""
    dials = DIALS if classes is None else attrs.evolve(DIALS, class_weights="0.95,0.05")
    scorer = DebetaScorer(dials=dials, class_of_book=classes)
    for state in states:
        scorer.observe(state)
    verdict = scorer.verdict()
    making = pools.mixed_shares(verdict.making_credits, verdict.weights)
    skilled = pools.mixed_shares(verdict.skill_credits, verdict.weights)
    assert np.count_nonzero(making) > 1
    assert np.count_nonzero(skilled) > 1
    for row, uid in enumerate(verdict.field.uids.tolist()):
        score = scorer.score_of(uid)
        assert score.parts.making_share.sum() == pytest.approx(making[row], abs=1e-12)
        assert score.parts.skill_share.sum() == pytest.approx(skilled[row], abs=1e-12)
        whole = 0.5 * making[row] + 0.5 * skilled[row]
        assert score.columns["score"].sum() == pytest.approx(whole, abs=1e-12)
        assert set(score.columns["alpha_counts"]) <= {0.0, 1.0}


def test_a_miner_reads_its_figures_from_the_last_scoring(scorer: DebetaScorer) -> None:
    """Total, ranks, shares and factors of one uid are those of the round."""
    latest = scorer.latest
    assert latest is not None
    assert latest.verdict is not None
    uid = int(latest.uids[2])
    score = scorer.score_of(uid)
    assert score.time_ns == latest.time_ns
    assert score.total == latest.trading[2]
    assert score.figures["emission"] == latest.emission[2]
    assert score.figures["making"] == latest.verdict.field.making[2]
    assert score.figures["field_size"] == MINERS


def test_a_uid_of_the_field_that_never_trades_earns_nothing(states: list[MarketState]) -> None:
    """Named at the start, it takes part in the ranking with nothing."""
    scorer = DebetaScorer(dials=DIALS, uids=[99])
    for state in states:
        scorer.observe(state)
    score = scorer.score_of(99)
    assert score.total == 0.0
    assert score.figures["field_size"] == MINERS + 1
    assert np.isnan(score.figures["making"])
    assert np.isnan(score.parts.alpha).all()
    assert not score.columns["score"].any()


def test_shares_of_the_emission_sum_to_one(scorer: DebetaScorer) -> None:
    """Both halves are paid out in full; the slow average follows them."""
    latest = scorer.latest
    assert latest is not None
    assert latest.making_share.sum() == pytest.approx(1.0)
    assert latest.skill_share.sum() == pytest.approx(1.0)
    assert latest.emission.sum() == pytest.approx(1.0, abs=1e-6)
    assert 0.0 < scorer.averages.sum() < 1.0


def test_a_clock_that_runs_back_starts_a_new_simulation(states: list[MarketState]) -> None:
    """Sums move to the new clock, inventories are forgotten, later the old run leaves the window."""
    scorer = DebetaScorer(dials=DIALS)
    for state in states[:240]:
        scorer.observe(state)
    waiting = sum(map(sum, scorer.sums.pending))
    assert waiting > 0
    old = scorer.parts(1)
    assert old.inventory.any()
    scorer.observe(state_of(START_S, []))
    new = scorer.parts(1)
    assert not new.inventory.any()
    assert sum(map(sum, scorer.sums.pending)) == 0
    np.testing.assert_array_equal(old.notional, new.notional)
    assert all(sample.time_ns <= START_S * SECOND_NS for sample in scorer.sums.mtm.notional.samples)
    scorer.observe(state_of(START_S + 10_801, []))
    assert not scorer.parts(1).notional.any()


def test_another_simulation_id_starts_a_new_simulation(states: list[MarketState]) -> None:
    """Even if the clock runs on."""
    scorer = DebetaScorer(dials=DIALS)
    for state in states[:60]:
        scorer.observe(state)
    assert scorer.parts(1).inventory.any()
    scorer.observe(state_of(START_S + 100, [], simulation_id="next"))
    assert not scorer.parts(1).inventory.any()


def test_a_state_at_the_same_time_is_ignored(states: list[MarketState]) -> None:
    """The same tape twice counts once."""
    scorer = DebetaScorer(dials=DIALS)
    for state in states[:60]:
        scorer.observe(state)
    before = scorer.parts(1).notional
    assert scorer.observe(states[59]) is None
    np.testing.assert_array_equal(before, scorer.parts(1).notional)


def test_a_reset_notice_forgets_the_miner(states: list[MarketState]) -> None:
    """Its sums, inventory and counterparty rows go; the others keep theirs."""
    scorer = DebetaScorer(dials=DIALS)
    for state in states[:120]:
        scorer.observe(state)
    others = scorer.parts(2).notional
    one: dict[str, Any] = {field.name: [-1] for field in attrs.fields(Notices)}
    notice = Notices(**(one | {"kind": [NoticeKind.RESET], "message": [""]}))
    scorer.observe(state_of(START_S + 121, [], uid=1, notices=notice))
    parts = scorer.parts(1)
    for name in ("captured_buy", "realised_sell", "notional", "inventory"):
        assert not getattr(parts, name).any()
    column = scorer.sums.columns.index(1)
    assert column is not None
    assert not scorer.sums.flows[0].total[column].any()
    assert not scorer.sums.flows[0].total[:, column + 1].any()
    np.testing.assert_array_equal(others, scorer.parts(2).notional)


def test_a_deregistered_uid_loses_its_track_record_until_it_registers(states: list[MarketState]) -> None:
    """While it is flagged its average stays empty; afterwards it starts from its own next score."""
    scorer = DebetaScorer(dials=DIALS)
    scorer.deregister(77)
    for state in states[:120]:
        scorer.observe(state)
    latest = scorer.latest
    assert latest is not None
    uid = int(latest.uids[np.argmax(latest.smoothed)])
    scorer.deregister(uid)
    record = scorer._ledgers[0].payroll.record
    scorer.observe(states[120])
    for state in states[121:130]:
        scorer.observe(state)
    place = record.uids.tolist().index(uid)
    assert record.counts[place] == 0
    scorer.register(uid)
    for state in states[130:240]:
        scorer.observe(state)
    assert record.counts[place] > 0


def test_who_stops_answering_is_not_paid(states: list[MarketState]) -> None:
    """After a full window of failed queries a uid's score and shares are 0."""
    scorer = DebetaScorer(dials=attrs.evolve(DIALS, presence_window=10))
    for state in states[:200]:
        scorer.note_answers({uid: uid != 3 for uid in range(MINERS)})
        scorer.observe(state)
    verdict = scorer.verdict()
    gone = verdict.field.uids.tolist().index(3)
    assert not verdict.present[gone]
    assert verdict.score[gone] == 0.0
    assert verdict.making_credits[0][gone] == 0.0
    assert not scorer.parts(3).making_share.any()
    everybody = attrs.evolve(DIALS, presence_gate=False, presence_window=10)
    open_to_all = DebetaScorer(dials=everybody)
    for state in states[:200]:
        open_to_all.note_answers({uid: uid != 3 for uid in range(MINERS)})
        open_to_all.observe(state)
    assert open_to_all.verdict().present.all()


def test_miners_that_join_keep_the_averages_of_the_others(states: list[MarketState]) -> None:
    """A uid first seen late enters the field without moving the others' averages."""
    scorer = DebetaScorer(dials=DIALS)
    for state in states[:200]:
        scorer.observe(state)
    latest = scorer.latest
    assert latest is not None
    before = dict(zip(latest.uids.tolist(), scorer.averages.tolist(), strict=True))
    row = (0, (START_S + 204) * SECOND_NS, 300.0, 1.0, BUY, 3_000, -2)
    joined = scorer.observe(state_of(START_S + 205, [row]))
    assert joined is not None
    assert 3_000 in joined.uids
    alpha = ERAS["0.6.3"].moving_average_alpha
    for uid, average in before.items():
        place = joined.uids.tolist().index(uid)
        expected = alpha * joined.emission[place] + (1.0 - alpha) * average
        assert scorer.averages[place] == pytest.approx(expected, rel=1e-5)


def test_memory_is_bounded_by_the_window() -> None:
    """Six hours of sparse trading keep three hours of samples and no more prints than wait."""
    scorer = DebetaScorer(dials=DIALS)
    rng = np.random.default_rng(5)
    for minute in range(11, 360):
        time_s = 60 * minute
        rows = [
            (book, time_s * SECOND_NS - 1, 300.0 + 0.01 * int(rng.integers(9)), 1.0, BUY, book % 4, -2)
            for book in range(BOOKS)
        ]
        scorer.observe(state_of(time_s, rows))
    sums = scorer.sums
    assert {len(window.samples) for window in sums.windows} <= {18, 19}
    assert sums._queues._prints.capacity == 128
    full = sums.mtm.path.total[INVENTORY_SUM, 0, 0]
    fresh = sum(sample.part[INVENTORY_SUM, 0, 0] for sample in sums.mtm.path.samples)
    assert full == pytest.approx(fresh)


def test_rungs_of_0_6_1_take_kappa_and_pnl_from_outside(states: list[MarketState]) -> None:
    """While they carry weight they must be given; the blend is that of the rung."""
    era, dials = RUNGS_0_6_1[2]
    scorer = DebetaScorer(era=era, dials=dials)
    for state in states[:240]:
        scorer.observe(state, {1: 0.2, 2: 0.3})
    latest = scorer.latest
    assert latest is not None
    assert latest.verdict is not None
    others = np.array([{1: 0.2, 2: 0.3}.get(uid, 0.0) for uid in latest.uids.tolist()])
    field = np.zeros(latest.uids.size)
    field[np.searchsorted(latest.uids, latest.verdict.field.uids)] = latest.verdict.score
    np.testing.assert_allclose(latest.trading, others + 0.5 * field)
    with pytest.raises(ValueError, match="weighs Kappa and P&L"):
        scorer.observe(state_of(START_S + 245, []))


def test_misuse_is_told(states: list[MarketState]) -> None:
    """No tape, another market, a stranger, or nothing yet: each says what is wrong."""
    scorer = DebetaScorer(dials=DIALS)
    with pytest.raises(ValueError, match="no state yet"):
        scorer.verdict()
    with pytest.raises(ValueError, match="nothing has been scored"):
        scorer.score_of(1)
    with pytest.raises(ValueError, match="tape"):
        scorer.observe(attrs.evolve(states[0], tape=None))
    for state in states[:10]:
        scorer.observe(state)
    with pytest.raises(ValueError, match="8 books, the state 2"):
        scorer.observe(state_of(START_S + 50, [], n_books=2))
    with pytest.raises(KeyError, match="uid 4711 has not traded"):
        scorer.parts(4711)
    with pytest.raises(KeyError, match="uid 4711 was not scored"):
        scorer.score_of(4711)
    scorer.sums.forget(4711)


def test_a_stray_print_between_scorings_is_seen_at_once(scorer: DebetaScorer) -> None:
    """The verdict between scorings counts what has come in since."""
    before = scorer.parts(2).notional[0]
    row = (0, (START_S + 420) * SECOND_NS + 1, 300.0, 2.0, BUY, 2, -5)
    scorer.observe(state_of(START_S + 421, [row]))
    assert scorer.parts(2).notional[0] == before + 600.0
    assert scorer.latest is not None
    assert scorer.latest.time_ns == (START_S + 420) * SECOND_NS

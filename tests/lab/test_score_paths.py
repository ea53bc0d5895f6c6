"""Two ways from a run to its scores: live, and from the tables through the vectors' schemas to the formulas.

The second way shares the formulas with the first, which the reference vectors hold to the validators, and
nothing else: values, volumes, round trips, prints, queues and smoothing are worked out in plain loops. Scores
come out bit for bit. Shares of making and skill agree to 1e-12, where sums run over uids in another order,
and emissions to the precision of the 32 bits they are kept in.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from lab.debeta_paths import Paid, pay
from lab.run_vectors import SECOND, Recorded, compact_volumes, inventory, print_stream, round_trips
from obmm.agent import resolve
from obmm.lab.recorded import Run
from obmm.lab.score import score_run
from obmm.lab.simulate import Plan, parse_rivals, simulate
from obmm.scoring import (
    ERAS,
    EraConstants,
    KappaRatios,
    TradingScore,
    activity_factors,
    activity_factors_0_3_5,
    activity_window_start_ns,
    kappa_ratios,
    last_traded_ns,
    pnl_since_ns,
    score_books,
    score_books_0_1_9,
    score_uid,
    sharpe_ratios,
    sharpe_ratios_0_1_9,
)
from obmm.sim import Scenario
from scoring.test_kappa import history_of, naive_kappa
from scoring.test_score_0_3_5 import roundtrips
from scoring.test_sharpe import series

KAPPA_ERAS = ("0.3.5", "0.4.5", "0.5.4", "0.5.5")
#: Figures of every scoring of 0.6.3, and how closely the two ways agree on them.
SERIES = {"score": 0.0, "smoothed": 0.0, "making_share": 1e-12, "skill_share": 1e-12, "emission": 1e-6}


def era_of(version: str, run: Recorded) -> EraConstants:
    """Constants of a version with the wealth of the run."""
    return attrs.evolve(ERAS[version], wealth_quote=run.wealth)


def check_sharpe(run: Recorded, stride: int = 100) -> None:
    """Fail unless 0.1.51 scores the tables as it did the run, at every `stride`-th scoring and the last."""
    era = era_of("0.1.51", run)
    volumes = compact_volumes(run, 3600)
    read = series(inventory(run))
    assert read is not None
    times, _, values = read
    live = run.scorings("0.1.51", "score")
    factors, scored = np.zeros(len(run.books)), list(volumes)
    for k, time in enumerate(scored):
        stop = times.index(time) + 1
        if stop < era.sharpe_min_observations:
            assert live[time] == 0.0
            continue
        rows = list(volumes[time].values())
        lookback, latest = ([row[name] for row in rows] for name in ("lookback_volume", "latest_volume"))
        factors = activity_factors(factors, lookback, latest, era)
        if k % stride == 0 or time == scored[-1]:
            window = slice(max(0, stop - era.sharpe_lookback), stop)
            ratios = sharpe_ratios(values[:, window], times[window], era)
            assert ratios is not None
            assert live[time] == score_books(ratios.books, factors, era).score
    stored = run.stored("0.1.51")
    weights = score_books(ratios.books, factors, era)
    assert stored["total"] == weights.score
    assert stored["books"]["sharpe"] == ratios.books.tolist()
    assert stored["books"]["activity_factor"] == factors.tolist()
    assert stored["books"]["score"] == weights.books.tolist()
    assert stored["figures"]["penalty"] == weights.penalty
    assert stored["figures"]["sharpe_total"] == ratios.total


def check_early_sharpe(run: Recorded) -> None:
    """Fail unless 0.1.9 scores the tables as it scored the run, bit for bit."""
    era = era_of("0.1.9", run)
    volumes = compact_volumes(run, 3600)
    read = series(inventory(run, every=5))
    assert read is not None
    times, _, values = read
    factors = np.zeros(len(run.books))
    for time in volumes:
        if times.index(time) < 1:
            continue
        rows = list(volumes[time].values())
        lookback = [round(row["lookback_volume"], 4) for row in rows]
        factors = activity_factors(factors, lookback, [row["latest_volume"] for row in rows], era)
    cut = slice(-era.sharpe_lookback, None)
    ratios = sharpe_ratios_0_1_9(values[:, cut], times[cut], era)
    assert ratios is not None
    stored = run.stored("0.1.9")
    assert stored["books"]["sharpe"] == ratios.books.tolist()
    assert stored["books"]["activity_factor"] == factors.tolist()
    assert stored["total"] == score_books_0_1_9(ratios.books, factors, era).score


def cached_states(pnl: Sequence[Sequence[float]], run: Recorded, era: EraConstants) -> dict[int, int]:
    """Scoring time → number of states whose Kappa holds then: an unchanged record keeps its Kappa."""
    if not era.kappa_cached:
        return {time: i + 1 for i, time in enumerate(run.times) if time % (5 * SECOND) == 0}
    found, known, entries, row = {}, 0, -1, 0
    for i, time in enumerate(run.times):
        if time % (5 * SECOND):
            continue
        while row < len(pnl) and pnl[row][0] <= i:
            row += 1
        if row != entries:
            entries, known = row, i + 1
        found[time] = known
    return found


def kappa_of(pnl: list[list[float]], n: int, run: Recorded, era: EraConstants) -> KappaRatios | None:
    """Kappa of the first `n` states, through the schema of the Kappa vectors."""
    document = {"timestamps": run.times[:n], "pnl": [entry for entry in pnl if entry[0] < n]}
    return kappa_ratios(history_of(document), len(run.books), era)


def score_kappa_era(run: Recorded, era: EraConstants) -> tuple[TradingScore, np.ndarray, np.ndarray]:
    """The last scoring of a Kappa era from the tables, with P&L and round-trip volume (B,)."""
    n_books = len(run.books)
    trips = round_trips(run, whole_fee=era.whole_fee_on_partial_close)
    cached = cached_states(trips.pnl, run, era)
    volumes: dict[str, dict[str, float]] = {}
    factors = before = np.zeros(n_books)
    n_states = run.times.index(max(cached)) + 1
    for i, time in enumerate(run.times[:n_states]):
        for book, sample, volume in trips.samples[i]:
            samples = volumes.setdefault(str(book), {})
            samples[str(sample)] = samples.get(str(sample), 0.0) + volume
        if time not in cached:
            continue
        names, table = roundtrips(volumes, n_books)
        recent = names >= activity_window_start_ns(time, era)
        volume = table[recent].sum(axis=0)
        last = last_traded_ns(names, table, time)
        if run.times[cached[time] - 1] - run.times[0] >= era.kappa_min_lookback_ns:
            before, factors = factors, activity_factors_0_3_5(factors, volume, last, time, era)
    entries = [entry for entry in trips.pnl if entry[0] < n_states]
    history = history_of({"timestamps": run.times[:n_states], "pnl": entries})
    pnl = history.since(pnl_since_ns(time, era)).by_book(n_books)
    score = score_uid(
        kappa_of(trips.pnl, cached[time], run, era),
        before,
        pnl=pnl,
        roundtrip_volume=volume,
        last_roundtrip_ns=last,
        time_ns=time,
        era=era,
    )
    return score, pnl, volume


def check_kappa(run: Recorded, version: str) -> None:
    """Fail unless a Kappa era scores the tables as it scored the run."""
    era = era_of(version, run)
    score, pnl, volume = score_kappa_era(run, era)
    stored = run.stored(version)
    assert score.kappa is not None
    expected = {
        "score": score.weights.books if score.weights else None,
        "kappa": score.kappa.books,
        "activity_factor": score.activity_factors,
        "realised_pnl_quote": pnl,
        "roundtrip_volume_quote": volume,
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(stored["books"][name], values, err_msg=name)
    assert stored["total"] == score.total
    assert stored["figures"]["pnl_score"] == score.pnl_score
    assert stored["figures"]["kappa_total"] == score.kappa.total


def check_debeta(run: Recorded) -> Paid:
    """Fail unless 0.6.3 pays the print stream, one print after the other, as it paid the run."""
    paid = pay(print_stream(run), len(run.books), run.uid + 1)
    for name, precision in SERIES.items():
        live = run.scorings("0.6.3", name)
        assert list(live) == paid.times
        np.testing.assert_allclose(paid.series[name], list(live.values()), rtol=precision, err_msg=name)
    figures = run.stored("0.6.3")["figures"]
    for name, value in paid.figures.items():
        assert figures[name] == pytest.approx(value, rel=1e-12), name
    return paid


@pytest.fixture(scope="module")
def recorded(small_run: Path) -> Recorded:
    """The shared run read without the package's own readers."""
    return Recorded(small_run)


def test_0_1_51_from_the_tables_is_bit_equal(recorded: Recorded) -> None:
    """Scores along the run, and every book's ratio, factor and weight at its end."""
    check_sharpe(recorded)


def test_0_1_9_from_the_tables_is_bit_equal(recorded: Recorded) -> None:
    """Every fifth state is valued, all fills count."""
    check_early_sharpe(recorded)


@pytest.mark.parametrize("version", KAPPA_ERAS)
def test_kappa_eras_from_the_tables_agree(recorded: Recorded, version: str) -> None:
    """Round trips matched anew give the same Kappa, factors, P&L and score."""
    check_kappa(recorded, version)


@pytest.mark.parametrize("version", ["0.5.4", "0.5.5"])
def test_kappa_of_the_run_is_the_written_out_formula(recorded: Recorded, version: str) -> None:
    """Dense series of a book, one number per state, give the Kappa that was stored."""
    era = era_of(version, recorded)
    dense = np.zeros((len(recorded.books), len(recorded.times)))
    for state, book, pnl in round_trips(recorded, whole_fee=False).pnl:
        dense[int(book), int(state)] = pnl
    last = max(i for i, time in enumerate(recorded.times) if time % (5 * SECOND) == 0) + 1
    kept = np.ones(last, dtype=np.bool_)
    expected = [naive_kappa(series[:last], kept, era) for series in dense]
    np.testing.assert_allclose(recorded.stored(version)["books"]["kappa"], expected, rtol=1e-11)


def test_0_6_3_from_the_print_stream_agrees(recorded: Recorded) -> None:
    """Scores, shares and emission of every scoring, and the parts of the last one."""
    paid = check_debeta(recorded)
    assert paid.figures["making"] > 0.0
    assert max(paid.series["score"]) > 0.0


def test_scoring_the_records_repeats_the_live_scores(small_run: Path) -> None:
    """States rebuilt from the tables give the figures of the run itself, bit for bit."""
    run = Run(small_run)
    for version, again in score_run(run, ("0.1.51", "0.5.4")).told(0).items():
        np.testing.assert_equal(again, run.about["scores"]["0"][version], err_msg=version)


@pytest.mark.long
def test_three_hours_of_sixteen_books_score_alike_on_both_ways(tmp_path: Path) -> None:
    """A run of three hours with a competing pipeline: every era and both accounts, from the tables alone."""
    scenario, rivals = parse_rivals(["makers=5", "touch"], Scenario.load("taos-0.5.4"))
    plan = Plan(
        config=resolve("balanced"),
        rivals=rivals,
        scenario=scenario,
        books=16,
        hours=3.0,
        seed=1,
        eras=tuple(ERAS),
    )
    simulate(plan, tmp_path)
    again = score_run(Run(tmp_path), tuple(ERAS))
    for uid in (0, 1):
        run = Recorded(tmp_path, uid)
        for version in ERAS:
            np.testing.assert_equal(again.told(uid)[version], run.stored(version), err_msg=version)
        check_sharpe(run)
        check_early_sharpe(run)
        for version in KAPPA_ERAS:
            check_kappa(run, version)
        check_debeta(run)

"""The data object behind the report: its figures are those of the records, not figures of its own."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from obmm.lab.attribution import PARTS
from obmm.lab.recorded import EmptyRun, Run
from obmm.lab.report import ReportData, report_on
from obmm.lab.report.eras import constants_at
from obmm.lab.report.events import MOST_FILLS, fees_paid, fill_marks, markout_curves
from obmm.lab.report.series import stretches
from obmm.lab.summary import MARKOUT_S, Fills, fills_of, summarise
from obmm.scoring import ERAS, score_books
from obmm.scoring.pnl_score import pnl_score
from obmm.scoring.score_0_1_9 import score_books_0_1_9
from obmm.scoring.score_0_3_5 import score_kappa, trading_score

KAPPA = [name for name, era in ERAS.items() if era.mechanism == "kappa"]


@pytest.fixture(scope="module")
def report(small_run: Path) -> ReportData:
    """A scored run."""
    return report_on([small_run])


@pytest.fixture(scope="module")
def early(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> ReportData:
    """The same run told as one of a scenario of the Sharpe era."""
    return report_on([retold(small_run, tmp_path_factory.mktemp("early") / "run", "taos-0.1.51")])


def retold(run: Path, folder: Path, scenario: str) -> Path:
    """A copy of a run that says it is of another scenario."""
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("*.html"))
    about = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    (folder / "run.json").write_text(json.dumps(about | {"scenario": scenario}), encoding="utf-8")
    return folder


def readings(report: ReportData) -> dict[str, tuple[float | None, str]]:
    """Figure and status by key."""
    return {row.measure.key: (row.readings[0].figure.value, row.readings[0].status) for row in report.targets}


def test_the_summary_is_that_of_the_run(report: ReportData, small_run: Path) -> None:
    """What `obmm simulate` printed is what the report holds."""
    assert summarise(Run(small_run), 0) == report.runs[0].summary


def test_scores_are_those_that_were_made_during_the_run(report: ReportData, small_run: Path) -> None:
    """Totals, parts, books and field of every era are taken over unchanged."""
    told = Run(small_run).about["scores"]["0"]
    assert list(told) == report.eras
    for era, scored in report.runs[0].eras.items():
        assert told[era]["total"] == scored.total
        assert told[era]["figures"].keys() == scored.figures.keys()
        for name, values in told[era]["books"].items():
            np.testing.assert_array_equal(values, scored.books[name])


def test_figures_of_the_table_are_those_of_the_records(early: ReportData, small_run: Path) -> None:
    """Each row of the table of targets, against where it comes from."""
    summary, told = summarise(Run(small_run), 0), Run(small_run).about["scores"]["0"]["0.1.51"]
    books = {name: np.array(values) for name, values in told["books"].items()}
    expected = {
        "pnl_per_book_hour": summary["pnl_per_book_hour"],
        "pnl_after_first_hour": summary["pnl_after_first_hour"],
        "sharpe": told["figures"]["sharpe_median"],
        "sharpe_books": np.percentile(books["sharpe"], 25),
        "activity_factor": np.median(books["activity_factor"]),
        "score": told["total"],
        "outlier_penalty": told["figures"]["penalty"],
        "win_rate_pct": 100.0 * summary["win_rate"],
        "fill_rate_pct": 100.0 * summary["fill_rate"],
        "response_time_ms": summary["respond_ms"]["p99"],
        "inventory_reached_pct": 100.0 * summary["inventory"]["max_limit_share"],
        "time_at_limit_pct": 0.0,
    }
    assert pytest.approx(expected, rel=1e-12) == {key: value for key, (value, _) in readings(early).items()}


@pytest.mark.parametrize(
    ("scenario", "era", "scored"),
    [
        ("taos-0.1.51", "0.1.51", {"sharpe", "sharpe_books", "activity_factor", "score", "outlier_penalty"}),
        ("taos-0.5.4", "0.5.4", {"kappa", "kappa_books", "kappa_score", "kappa_penalty", "pnl_score"}),
        ("taos-0.6.2", "0.6.3", {"making", "making_quality_pct", "net_alpha", "emission_share"}),
    ],
)
def test_the_table_is_of_the_era_of_the_scenario(
    small_run: Path, tmp_path: Path, scenario: str, era: str, scored: set[str]
) -> None:
    """No run is judged by the rules of another market; what the records say holds under any."""
    found = report_on([retold(small_run, tmp_path / "run", scenario)])
    eras = {row.measure.key: row.era for row in found.targets}
    assert {key for key, of in eras.items() if of == era} == scored
    assert {key for key, of in eras.items() if not of} == set(eras) - scored
    told = readings(found)
    assert all(told[key][0] is not None for key in scored)
    recorded = Run(small_run).about["scores"]["0"][era]
    key = {"0.1.51": "score", "0.5.4": "kappa_score"}.get(era)
    if key is not None:
        assert recorded["total"] == told[key][0]


def test_runs_of_different_eras_have_figures_each_of_its_own(small_run: Path, tmp_path: Path) -> None:
    """Of the other's rules there is no figure, and it says why."""
    found = report_on([small_run, retold(small_run, tmp_path / "run", "taos-0.6.2")])
    rows = {row.measure.key: row.readings for row in found.targets}
    assert [True, False] == [reading.figure.value is not None for reading in rows["kappa"]]
    assert [False, True] == [reading.figure.value is not None for reading in rows["making"]]
    assert "has other rules" in rows["kappa"][1].figure.missing


def test_the_parts_of_the_pnl_are_in_the_summary(report: ReportData) -> None:
    """They sum to what trading earned, in all and on each book."""
    summary = report.runs[0].summary
    assert pytest.approx(summary["pnl"], abs=1e-6) == sum(summary["attribution"].values())
    # The venue takes fees of buys in base, which moves on with the price, and rounds to its decimals.
    rounding = 0.01 * summary["fills"] + 0.05 * abs(summary["fees"])
    assert abs(summary["attribution"]["fees_and_rebates"] + summary["fees"]) <= rounding
    assert summary["fees"] > 10.0
    for row in summary["per_book"]:
        assert pytest.approx(row["pnl"], abs=1e-6) == sum(row[part] for part in PARTS)
    assert {} == summary["attribution_by_class"]


def test_targets_out_of_reach_are_told_with_their_reason(early: ReportData) -> None:
    """The activity factor and the score carry a note, nothing else does."""
    notes = {row.measure.key: row.readings[0].note for row in early.targets}
    assert {key for key, note in notes.items() if note} == {"activity_factor", "score"}
    assert "an even pace gives at most 1.024" in notes["activity_factor"]
    assert "100 % of the day's volume" in notes["activity_factor"]
    assert readings(early)["score"][1] == "out of reach"


def test_a_target_within_reach_carries_no_note(small_run: Path, tmp_path: Path) -> None:
    """With a file of the user's own that asks for what is possible, the note goes."""
    own = tmp_path / "own.toml"
    own.write_text("[activity_factor]\ntarget_min = 1.0\n[score]\ntarget_min = 0.5\n", encoding="utf-8")
    report = report_on([retold(small_run, tmp_path / "run", "taos-0.1.51")], targets=own)
    assert not any(row.readings[0].note for row in report.targets)


def test_what_a_book_did_is_the_score_less_that_without_it_in_the_sharpe_eras(report: ReportData) -> None:
    """Leaving a book out and scoring the others anew, for every book."""
    run = report.runs[0]
    for name, formula in (("0.1.9", score_books_0_1_9), ("0.1.51", score_books)):
        scored, era = run.eras[name], constants_at(name, run.about["venue"])
        sharpe, factors = scored.books["sharpe"], scored.books["activity_factor"]
        without = [
            formula(np.delete(sharpe, b), np.delete(factors, b), era).score for b in range(run.n_books)
        ]
        np.testing.assert_allclose(run.analyses[name].effect, scored.total - np.array(without), atol=1e-12)


@pytest.mark.parametrize("name", KAPPA)
def test_what_a_book_did_is_the_score_less_that_without_it_in_the_kappa_eras(
    report: ReportData, name: str
) -> None:
    """Kappa and P&L score of the other books, weighted as the era does."""
    run = report.runs[0]
    scored, era = run.eras[name], constants_at(name, run.about["venue"])
    books = scored.books
    factors = books["activity_factor"] * books["pnl_factor"]
    without = [
        trading_score(
            score_kappa(np.delete(books["kappa"], b), np.delete(factors, b), era).score,
            pnl_score(np.delete(books["realised_pnl_quote"], b), era),
            era,
        )
        for b in range(run.n_books)
    ]
    np.testing.assert_allclose(run.analyses[name].effect, scored.total - np.array(without), atol=1e-12)


def test_shares_of_books_add_up_under_making_and_skill(report: ReportData) -> None:
    """Under 0.6 a book's effect is its share."""
    analysis = report.runs[0].analyses["0.6.3"]
    assert analysis.adds_up
    np.testing.assert_array_equal(analysis.score, analysis.effect)


def test_books_are_ranked_by_score(report: ReportData) -> None:
    """Every book once, best first."""
    for analysis in report.runs[0].analyses.values():
        ranked = analysis.score[analysis.order]
        assert sorted(analysis.order.tolist()) == list(range(report.runs[0].n_books))
        assert np.all(np.diff(ranked[np.isfinite(ranked)]) <= 0.0)


def test_lines_end_at_the_figures_of_the_summary(report: ReportData) -> None:
    """Thinning keeps the last state, so P&L and fees at the end are exact."""
    run = report.runs[0]
    pnl = [book["pnl"] for book in run.summary["per_book"]]
    np.testing.assert_allclose(run.series.lines.pnl[-1], pnl, atol=1e-9)
    total = run.summary["pnl"] + run.summary["pnl_endowment"]
    assert run.series.lines.value[-1].sum() == pytest.approx(total, abs=1e-6)
    assert run.fees[-1] == pytest.approx(run.summary["fees"], abs=1e-9)


def test_the_map_of_inventory_shows_the_largest_position(report: ReportData) -> None:
    """No stretch hides its largest position."""
    run = report.runs[0]
    most = 100.0 * run.summary["inventory"]["max_limit_share"]
    assert np.nanmax(np.abs(run.series.heat.share)) == pytest.approx(most)


def test_the_band_of_prices_holds_every_touch(report: ReportData, small_run: Path) -> None:
    """Lowest bid and highest ask of the whole run are in the band of each book."""
    _, (bid, ask) = Run(small_run).grid(0, "bid", "ask")
    prices = report.runs[0].series.prices
    np.testing.assert_array_equal(np.nanmin(bid, axis=0), np.nanmin(prices.low_bid, axis=0))
    np.testing.assert_array_equal(np.nanmax(ask, axis=0), np.nanmax(prices.high_ask, axis=0))


def test_markouts_by_side_average_to_the_summary(report: ReportData) -> None:
    """Weighted by their fills, buys and sells give the markout of all."""
    curves, summary = report.runs[0].markouts, report.runs[0].summary
    both = (curves.mean_bps * curves.fills).sum(axis=0) / curves.fills.sum(axis=0)
    np.testing.assert_allclose(list(summary["markout_bps"].values()), both)


def test_shares_of_quotes_and_answers_are_shares(report: ReportData) -> None:
    """Histograms sum to one, and quotes over time to no more than all sides."""
    run = report.runs[0]
    np.testing.assert_allclose(run.series.distance.share.sum(axis=1), 1.0)
    assert run.answers.share.sum() == pytest.approx(1.0)
    assert run.answers.count == run.summary["seconds"]
    assert 0.0 < run.series.distance.over_time.sum(axis=1).max() <= 1.0


def test_the_line_of_scores_ends_at_the_newest(report: ReportData) -> None:
    """Thinning drops older scorings first."""
    run = report.runs[0]
    for era, scored in run.eras.items():
        assert scored.total == run.scores[era].figures["score"][-1]
        assert run.scores[era].time_s.size <= 400


def test_configuration_seed_and_versions_are_those_of_the_run(report: ReportData, small_run: Path) -> None:
    """What a result depends on is part of it."""
    about, told = Run(small_run).about, report.runs[0].about
    for name in ("scenario", "seed", "versions", "digest"):
        assert about[name] == told[name]
    assert about["config_hash"] == told["config_hash"]
    assert about["accounts"]["0"]["config"] == told["config"]


def test_the_object_is_plain_values(report: ReportData, capsys: pytest.CaptureFixture[str]) -> None:
    """It can be printed as JSON, with every run, target and series in it."""
    from obmm.cli._output import print_json

    print_json(report.as_dict())
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told["runs"][0]["summary"]["fills"] == report.runs[0].summary["fills"]
    assert len(told["targets"]) == len(report.targets)
    assert len(told["runs"][0]["series"]["lines"]["pnl"]) == report.runs[0].series.lines.time_s.size


def test_an_unknown_account_is_told(small_run: Path) -> None:
    """With the accounts there are."""
    with pytest.raises(KeyError, match="has no account 7; there are 0"):
        report_on([small_run], uids=[7])


def test_a_run_without_a_state_is_told(small_run: Path, tmp_path: Path) -> None:
    """A run that ended before its first state has nothing to report."""
    from obmm.lab.records import RunWriter

    about = {name: Run(small_run).about[name] for name in ("accounts", "venue")}
    with RunWriter(tmp_path) as writer:
        writer.start(about)
    with pytest.raises(EmptyRun, match="holds no state: the run ended early"):
        report_on([tmp_path])


@pytest.mark.parametrize(("states", "points"), [(1, 5), (10, 3), (10, 10), (11, 10), (10_800, 600)])
def test_stretches_are_equal_and_not_too_many(states: int, points: int) -> None:
    """From the first state on, at most as many as asked for."""
    starts = stretches(states, points)
    assert starts[0] == 0
    assert starts.size <= points
    assert len(set(np.diff(starts).tolist())) <= 1


def some_fills(n: int) -> Fills:
    """Fills at every second, the newest first."""
    seconds = np.arange(n)[::-1]
    return Fills(
        book=seconds % 3,
        side=seconds % 2,
        maker=seconds % 2 == 0,
        price=np.full(n, 300.0),
        size=np.ones(n),
        fee=np.full(n, 0.5),
        time_ns=seconds * 10**9,
        markout_bps=np.zeros((n, len(MARKOUT_S))),
    )


def test_too_many_fills_are_thinned_evenly() -> None:
    """The report says that one of so many is drawn; few fills are all there."""
    marks = fill_marks(some_fills(2 * MOST_FILLS + 1), 0)
    assert marks.every == 3
    assert marks.time_s.size <= MOST_FILLS
    assert set(np.diff(marks.time_s).tolist()) == {3.0}
    assert fill_marks(some_fills(5), 0).time_s.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_fees_add_up_over_time() -> None:
    """At each time those of the fills until then, that moment included."""
    assert fees_paid(some_fills(4), 0, np.array([-1.0, 0.0, 1.5, 3.0])).tolist() == [0.0, 0.5, 1.0, 2.0]


def test_no_fills_give_no_markouts() -> None:
    """Curves of a run without fills are unknown, not zero."""
    curves = markout_curves(some_fills(0))
    assert np.isnan(curves.mean_bps).all()
    assert not curves.fills.any()


def test_fills_of_the_report_are_all_fills(report: ReportData, small_run: Path) -> None:
    """A small run is drawn in full."""
    assert fills_of(Run(small_run), 0).size.sum() == pytest.approx(report.runs[0].fills.size.sum())

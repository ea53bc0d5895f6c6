"""Each cause, put into the records of a run, is found with its books and its remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("pyarrow")

from lab.doctored import Tables, Treatment, doctored, first_states, other_fills, rows
from obmm.agent import resolve
from obmm.lab.diagnose import Diagnosis, Finding, diagnose
from obmm.lab.diagnose.case import Case
from obmm.lab.diagnose.thresholds import Thresholds
from obmm.lab.recorded import Run
from obmm.market import Reason


def of(kind: str, found: Diagnosis) -> Finding:
    """The one finding of a kind."""
    (finding,) = [finding for finding in found.findings if finding.kind == kind]
    return finding


def kinds(found: Diagnosis) -> list[str]:
    """Kinds of the findings, costliest first."""
    return [finding.kind for finding in found.findings]


def places(finding: Finding) -> dict[str, tuple[float, float]]:
    """Old and new value by place."""
    return {change.place: (change.old, change.new) for change in finding.changes}


def losing_book(book: int) -> Treatment:
    """A book whose value falls a little with every state."""

    def treat(tables: Tables, about: dict[str, Any]) -> None:
        states = tables["states"]
        mine = states["book"] == book
        states["quote"][mine] -= 3.0 * np.arange(mine.sum())

    return treat


def test_an_outlier_is_found_with_its_book_and_what_it_costs(small_run: Path, tmp_path: Path) -> None:
    """The penalty and what the book takes from the median come back, and only its own limits change."""
    found = diagnose(doctored(small_run, tmp_path, losing_book(2)), "0.1.51")
    finding = of("outliers", found)
    assert finding.books == (2,)
    assert 2 not in of("low_ratio", found).books
    assert finding.cost == finding.evidence["cost_of_book_2"]
    assert finding.cost > 0.3
    assert places(finding) == {
        "books.2.builder.inventory_skew_factor": (0.5, 0.75),
        "books.2.gates.inventory.max_inventory_pct": (0.3, 0.15),
    }


def test_low_sharpe_costs_what_lifting_it_to_the_threshold_would_bring(small_run: Path) -> None:
    """The cost is the gain of books at 0.5, and the remedy is a larger edge."""
    found = diagnose(Run(small_run), "0.1.51")
    finding = of("low_ratio", found)
    assert finding.cost > 0.0
    assert set(finding.books) <= {0, 1, 2, 3}
    assert places(finding)["builder.min_edge_bps"] == (2.0, 3.0)


def test_the_inventory_limit_is_lowered_only_where_the_records_speak_for_it(small_run: Path) -> None:
    """The same fills kept to half the inventory are scored; the limit goes down if that is better."""
    for era in ("0.1.51", "0.5.4", "0.6.3"):
        found = diagnose(Run(small_run), era, thresholds=Thresholds(kappa=0.03, alpha_quote=30.0))
        finding = of("low_ratio", found)
        halved = finding.evidence["score_at_0.5_of_the_inventory"]
        lowered = "gates.inventory.max_inventory_pct" in places(finding)
        assert lowered == (halved > finding.evidence["score"])


def test_books_without_trades_are_found_idle(small_run: Path, tmp_path: Path) -> None:
    """Two books that never trade have factor 0; trading them takes larger sizes or tighter spreads."""
    case = Case.of(Run(small_run), "0.1.51", 0, Thresholds())
    keep = case.fills.book > 1
    run = doctored(small_run, tmp_path, other_fills(keep, case.fills.price, case.fills.fee))
    finding = of("low_activity", diagnose(run, "0.1.51", thresholds=Thresholds(quiet_share=1.0)))
    assert {0, 1} <= set(finding.books)
    assert finding.cost > 0.1
    assert places(finding)["builder.size_base"] == (0.5, 0.625)
    assert places(finding)["builder.target_spread_bps"] == (10.0, 8.0)


def test_volume_held_back_by_the_turnover_gate_is_not_pushed(small_run: Path, tmp_path: Path) -> None:
    """Where the cap is what limits, no larger size is proposed."""

    def paced(tables: Tables, about: dict[str, Any]) -> None:
        tables["states"]["bid_reason"][:] = Reason.TURNOVER_PACE

    case = Case.of(Run(small_run), "0.1.51", 0, Thresholds())
    lost = other_fills(case.fills.book > 1, case.fills.price, case.fills.fee)
    finding = of("low_activity", diagnose(doctored(small_run, tmp_path, lost, paced), "0.1.51"))
    assert finding.changes == ()
    assert "cap" in finding.advice


def test_fees_cost_the_score_that_free_fills_would_have_had(small_run: Path, tmp_path: Path) -> None:
    """Ten basis points on every fill, in money and in score; the edge grows by what fills then lack."""
    case = Case.of(Run(small_run), "0.5.4", 0, Thresholds())
    fills = case.fills
    charged = 1e-3 * fills.price * fills.size
    free = doctored(small_run, tmp_path / "a", other_fills(fills.book >= 0, fills.price, 0.0 * charged))
    dear = doctored(small_run, tmp_path / "b", other_fills(fills.book >= 0, fills.price, charged))
    found, without = diagnose(dear, "0.5.4"), diagnose(free, "0.5.4")
    finding = of("fees", found)
    assert finding.cost == pytest.approx(without.score - found.score)
    assert finding.cost_quote == pytest.approx(charged.sum())
    net = finding.evidence["net_gain_of_all_fills_bps"]
    assert places(finding)["builder.min_edge_bps"][1] == pytest.approx(2.0 - net, rel=1e-3)
    assert "fees" not in kinds(without)


def test_fees_do_not_enter_making_and_skill(small_run: Path, tmp_path: Path) -> None:
    """Under 0.6 they cost money only, and nothing is proposed against them."""
    case = Case.of(Run(small_run), "0.6.3", 0, Thresholds())
    fills = case.fills
    charged = 1e-3 * fills.price * fills.size
    run = doctored(small_run, tmp_path, other_fills(fills.book >= 0, fills.price, charged))
    found = diagnose(run, "0.6.3")
    assert of("fees", found).cost == 0.0
    assert not any("fees" in kind for kind, _ in found.proposal.changes)


def bad_buys(case: Case, book: int) -> Treatment:
    """Buys on a book happen 20 bp too dear."""
    bad = (case.fills.book == book) & (case.fills.side == 0)
    price = np.where(bad, case.fills.price * 1.002, case.fills.price)
    return other_fills(case.fills.book >= 0, price, case.fills.fee)


@pytest.mark.parametrize(("era", "book"), [("0.1.51", 0), ("0.5.4", 2), ("0.6.3", 0)])
def test_adverse_fills_are_found_with_side_book_and_width(
    small_run: Path, tmp_path: Path, era: str, book: int
) -> None:
    """The book is widened by twice what its fills lost."""
    case = Case.of(Run(small_run), era, 0, Thresholds())
    run = doctored(small_run, tmp_path, bad_buys(case, book))
    finding = of("adverse_selection", diagnose(run, era, thresholds=Thresholds(book_t_statistic=8.0)))
    assert finding.books == (book,)
    bad = (case.fills.book == book) & (case.fills.side == 0)
    notional = (case.fills.price * case.fills.size)[bad].sum()
    assert finding.cost_quote == pytest.approx(0.002 * notional, rel=0.4)
    # Only a book on which the median over four books depends costs score: in each era another one.
    assert finding.cost > 0.0
    spread = places(finding)[f"books.{book}.builder.target_spread_bps"][1]
    assert 10.0 + 2 * 15.0 < spread < 10.0 + 2 * 25.0


def test_losing_buys_everywhere_widen_all_books(small_run: Path, tmp_path: Path) -> None:
    """Too many books for one override each: the spread of all grows."""
    case = Case.of(Run(small_run), "0.5.4", 0, Thresholds())
    price = np.where(case.fills.side == 0, case.fills.price * 1.002, case.fills.price)
    run = doctored(small_run, tmp_path, other_fills(case.fills.book >= 0, price, case.fills.fee))
    finding = of("adverse_selection", diagnose(run, "0.5.4"))
    assert finding.books == (0, 1, 2, 3)
    assert finding.evidence["markout_60s_of_buys_bps"] < -10.0
    assert finding.changes[0].place == "builder.target_spread_bps"


def leaning(sign: float) -> Treatment:
    """The signal is the move of the next minute, with its sign or against it."""

    def treat(tables: Tables, about: dict[str, Any]) -> None:
        states, signals = tables["states"], tables["signals"]
        states["bid_reason"][:] = states["ask_reason"][:] = Reason.OPEN
        n_books = len(about["venue"]["book_ids"])
        mid = ((states["bid"] + states["ask"]) / 2.0).reshape(-1, n_books)
        later = np.minimum(np.arange(mid.shape[0]) + 60, mid.shape[0] - 1)
        signals["lean"][:] = 0.6 * sign * np.sign(mid[later] - mid).reshape(-1)

    return treat


def running(*settings: str) -> Treatment:
    """The account ran `balanced` with other options."""

    def treat(tables: Tables, about: dict[str, Any]) -> None:
        config = resolve("balanced", list(settings))
        account = {"name": "own", "config_hash": config.hash, "config": config.as_table()}
        about["accounts"]["0"] = json.loads(json.dumps(account))

    return treat


def test_a_lean_of_the_wrong_sign_is_turned_round(small_run: Path, tmp_path: Path) -> None:
    """Quotes that lean against the next minute's move: both signal factors change sign."""
    finding = of("wrong_lean", diagnose(doctored(small_run, tmp_path, leaning(-1.0)), "0.5.4"))
    assert places(finding) == {"builder.signal_shift": (0.3, -0.3), "builder.signal_size": (0.5, -0.5)}
    assert finding.cost is None
    assert finding.cost_quote > 0.0
    assert finding.evidence["mean_square_of_lean"] == pytest.approx(0.36, rel=0.02)
    assert finding.evidence["samples"] > 200


def test_a_lean_of_the_right_sign_is_left_alone(small_run: Path, tmp_path: Path) -> None:
    """Quotes that lean with the move are no finding, nor is a lean against a signal that errs."""
    assert "wrong_lean" not in kinds(diagnose(doctored(small_run, tmp_path / "a", leaning(1.0)), "0.5.4"))
    turned = running("signal_size=-0.5", "signal_shift=-0.3")
    found = diagnose(doctored(small_run, tmp_path / "b", leaning(-1.0), turned), "0.5.4")
    assert "wrong_lean" not in kinds(found)


def test_a_lean_of_prices_alone_is_found(small_run: Path, tmp_path: Path) -> None:
    """It surely costs, though nobody can say how much."""
    run = doctored(small_run, tmp_path, leaning(-1.0), running("signal_size=0"))
    found = diagnose(run, "0.5.4")
    finding = of("wrong_lean", found)
    assert (finding.cost, finding.cost_quote) == (None, None)
    assert [c.place for kind, c in found.proposal.changes if kind == "wrong_lean"] == ["builder.signal_shift"]


def test_a_lean_that_nobody_quoted_is_no_finding(small_run: Path, tmp_path: Path) -> None:
    """Both sides closed throughout: the signal moved no quote."""

    def closed(tables: Tables, about: dict[str, Any]) -> None:
        tables["states"]["bid_reason"][:] = tables["states"]["ask_reason"][:] = Reason.DRAWDOWN

    assert "wrong_lean" not in kinds(diagnose(doctored(small_run, tmp_path, leaning(-1.0), closed), "0.5.4"))


def test_a_run_without_signals_says_that_the_lean_is_not_looked_at(small_run: Path, tmp_path: Path) -> None:
    """Records of before signals were kept: a note in place of the finding."""

    def before(tables: Tables, about: dict[str, Any]) -> None:
        rows(tables["signals"], np.zeros(tables["signals"]["uid"].size, dtype=np.bool_))
        del tables["signals"]["lean"]

    run = doctored(small_run, tmp_path, leaning(-1.0), before)
    found = diagnose(run, "0.5.4")
    assert "wrong_lean" not in kinds(found)
    assert any("no values of the signal 'lean'" in note for note in found.notes)
    assert not any("no values" in note for note in diagnose(Run(small_run), "0.5.4").notes)


def test_the_signal_of_a_run_is_there_once_it_is_warm(small_run: Path) -> None:
    """Within ±1 on every book, and not all the same."""
    lean = Run(small_run).signal(0, "lean")
    assert np.isfinite(lean[60:]).all()
    assert np.abs(lean[60:]).max() <= 1.0
    assert lean[60:].std() > 0.01


def test_a_book_at_its_limit_gets_more_skew(small_run: Path, tmp_path: Path) -> None:
    """A tenth of the time above four fifths of the limit is too much."""

    def stuck(tables: Tables, about: dict[str, Any]) -> None:
        states = tables["states"]
        mine = np.flatnonzero(states["book"] == 1)[::10]
        states["position"][mine] = -0.95 * states["position_limit"][mine]

    finding = of("stuck_at_limit", diagnose(doctored(small_run, tmp_path, stuck), "0.5.4"))
    assert finding.books == (1,)
    assert finding.cost is not None
    assert places(finding) == {"books.1.builder.inventory_skew_factor": (0.5, 0.75)}


def test_too_few_fills_are_counted_in_money(small_run: Path, tmp_path: Path) -> None:
    """One order in twenty trades and earns: the missing ones are worth what these were, by tighter quotes."""

    def scarce(tables: Tables, about: dict[str, Any]) -> None:
        fills = tables["fills"]
        rows(fills, np.arange(fills["price"].size) % 10 == 0)
        fills["price"] *= np.where(fills["side"] == 0, 0.999, 1.001)
        fills["fee"] *= 0.0

    finding = of("too_few_fills", diagnose(doctored(small_run, tmp_path, scarce), "0.5.4"))
    assert finding.cost is None
    assert finding.cost_quote > 0.0
    assert finding.evidence["fill_rate_pct"] < 20.0
    assert places(finding)["builder.target_spread_bps"] == (10.0, 8.0)
    assert places(finding)["builder.min_edge_bps"] == (2.0, 1.0)


def test_more_of_losing_fills_are_not_asked_for(small_run: Path, tmp_path: Path) -> None:
    """Few fills that lose: no change, and the reason is told."""

    def scarce(tables: Tables, about: dict[str, Any]) -> None:
        fills = tables["fills"]
        rows(fills, np.arange(fills["price"].size) % 10 == 0)
        fills["price"] *= np.where(fills["side"] == 0, 1.001, 0.999)

    finding = of("too_few_fills", diagnose(doctored(small_run, tmp_path, scarce), "0.5.4"))
    assert finding.changes == ()
    assert finding.cost_quote is None
    assert "cost more" in finding.advice


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.FEES, {"gates.fees.max_rate_bps"}),
        (Reason.TURNOVER, {"builder.size_base", "builder.target_spread_bps"}),
        (Reason.DRAWDOWN, {"gates.inventory.max_inventory_pct"}),
        (Reason.NEAR_LIMIT, {"builder.inventory_skew_factor"}),
        (Reason.NO_EDGE, {"builder.min_edge_bps"}),
        (Reason.NO_FUNDS, {"gates.inventory.max_inventory_pct", "builder.size_base"}),
        (Reason.EMPTY_BOOK, set()),
    ],
)
def test_a_gate_that_keeps_sides_closed_is_named(
    small_run: Path, tmp_path: Path, reason: Reason, expected: set[str]
) -> None:
    """Half of the bids closed by one reason: its own remedy, and at most what open sides earned."""

    def closed(tables: Tables, about: dict[str, Any]) -> None:
        states = tables["states"]
        states["bid_reason"][:] = states["ask_reason"][:] = Reason.OPEN
        states["bid_reason"][::2] = reason
        states["quote"] += 0.01 * np.arange(states["quote"].size)

    found = diagnose(doctored(small_run, tmp_path, closed), "0.5.4")
    finding = of(f"quiet_{reason.name.lower()}", found)
    assert finding.evidence["share_of_the_time_of_all_sides_pct"] == pytest.approx(25.0, abs=0.1)
    assert finding.cost is None
    assert finding.cost_quote > 0.0
    assert set(places(finding)) == expected


def test_a_closed_gate_that_spared_losses_stays(small_run: Path, tmp_path: Path) -> None:
    """Where open sides lost money, nothing is opened."""

    def closed(tables: Tables, about: dict[str, Any]) -> None:
        states = tables["states"]
        states["bid_reason"][:] = Reason.FEES
        states["quote"] -= 0.01 * np.arange(states["quote"].size)

    finding = of("quiet_fees", diagnose(doctored(small_run, tmp_path, closed), "0.5.4"))
    assert finding.changes == ()
    assert "lost money" in finding.advice


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (
            "CONTRACT_VIOLATION",
            {"builder.target_spread_bps", "builder.min_edge_bps"},
        ),
        ("INSUFFICIENT_QUOTE", {"builder.size_base", "gates.inventory.max_inventory_pct"}),
        ("EXCEEDING_MAX_ORDERS", set()),
    ],
)
def test_rejects_are_counted_and_answered(
    small_run: Path, tmp_path: Path, reason: str, expected: set[str]
) -> None:
    """A thousand refused orders, by reason."""

    def refused(tables: Tables, about: dict[str, Any]) -> None:
        about["refused"]["0"] = {reason: 1000, "INVALID_PRICE": 3}

    finding = of("rejects", diagnose(doctored(small_run, tmp_path, refused), "0.5.4"))
    assert finding.evidence[f"refused_for_{reason}"] == 1000
    assert reason in finding.title
    assert expected <= set(places(finding))
    assert bool(expected) == bool(finding.changes)


def test_slow_answers_are_told_as_delay(small_run: Path, tmp_path: Path) -> None:
    """A second of thinking is 38.8 ms of simulated delay; no option of a pipeline mends it."""

    def slow(tables: Tables, about: dict[str, Any]) -> None:
        tables["answers"]["respond_ms"][:] = 1000.0

    finding = of("slow_answers", diagnose(doctored(small_run, tmp_path, slow), "0.5.4"))
    assert finding.evidence["delay_of_the_first_order_ms"] == pytest.approx(38.8, abs=0.1)
    assert finding.cost is None
    assert finding.changes == ()


def test_a_drifting_endowment_is_luck(small_run: Path, tmp_path: Path) -> None:
    """A price that falls all the time costs the score; nothing is proposed against it."""

    def falling(tables: Tables, about: dict[str, Any]) -> None:
        states = tables["states"]
        for side in ("bid", "ask"):
            states[side] -= 0.01 * np.arange(states[side].size)

    finding = of("endowment_drift", diagnose(doctored(small_run, tmp_path, falling), "0.1.51"))
    assert finding.cost > 0.0
    assert finding.cost_quote > 0.0
    assert finding.changes == ()


def test_a_short_run_is_told_in_money(small_run: Path, tmp_path: Path) -> None:
    """Without Kappa no finding has a cost in score, and a note says why."""
    run = doctored(small_run, tmp_path, first_states(1200), leaning(-1.0))
    found = diagnose(run, "0.5.4")
    assert "too short" in found.notes[0]
    assert all(finding.cost is None for finding in found.findings)


def test_findings_come_costliest_first(small_run: Path) -> None:
    """By score, then those told in money only, then those that cannot be told."""
    for era in ("0.1.51", "0.5.4", "0.6.3"):
        found = diagnose(Run(small_run), era, thresholds=Thresholds(quiet_share=0.01, fill_rate=0.9))
        costs = [f.cost for f in found.findings]
        scored = [cost for cost in costs if cost is not None]
        assert scored == sorted(scored, reverse=True)
        assert costs[: len(scored)] == scored
        money = [f.cost_quote or 0.0 for f in found.findings[len(scored) :]]
        assert money == sorted(money, reverse=True)


@pytest.mark.parametrize("era", ["0.1.51", "0.5.4", "0.6.3"])
@pytest.mark.parametrize("n_states", [4, 2101])
def test_a_run_without_a_single_fill_is_diagnosed(
    small_run: Path, tmp_path: Path, era: str, n_states: int
) -> None:
    """Nothing traded, or hardly begun: no cost can be told, but tighter quotes are proposed."""

    def idle(tables: Tables, about: dict[str, Any]) -> None:
        for name in ("fills", "trades", "rejects"):
            rows(tables[name], np.zeros(tables[name]["price"].size, dtype=np.bool_))

    found = diagnose(doctored(small_run, tmp_path, first_states(n_states), idle), era)
    assert of("too_few_fills", found).books == (0, 1, 2, 3)
    assert "builder.target_spread_bps" in {change.place for _, change in found.proposal.changes}
    assert found.proposal.resolves()

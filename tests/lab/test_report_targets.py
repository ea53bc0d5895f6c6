"""Targets and alerts of the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from obmm.agent import ConfigError
from obmm.lab.report.measures import MEASURES, sustainable_factor
from obmm.lab.report.targets import Threshold, load_targets
from obmm.lab.report.words import alert_words, target_words
from obmm.scoring import ERAS, activity_factors

FACTOR = Threshold(target_min=1.5, target_max=1.7, alert_below=1.2, alert_above=1.95)
RATE = Threshold(target_min=30.0, target_max=50.0, alert_below=20.0, alert_above=60.0)


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (40.0, "on target"),
        (30.0, "on target"),
        (50.0, "on target"),
        (25.0, "below target"),
        (55.0, "above target"),
        (20.0, "below target"),
        (19.9, "alert"),
        (60.1, "alert"),
        (None, "no figure"),
        (float("nan"), "no figure"),
    ],
)
def test_a_figure_is_judged_by_target_and_alert(value: float | None, status: str) -> None:
    """Targets include their ends; alerts begin beyond theirs."""
    assert status == RATE.status(value)


def test_what_nobody_can_reach_is_no_alert() -> None:
    """A factor below target and alert is no fault where the rules allow no more."""
    assert FACTOR.status(1.02, ceiling=1.05) == "out of reach"


def test_an_alert_within_reach_stays_one() -> None:
    """If the alert could be avoided, missing an unreachable target does not excuse it."""
    assert FACTOR.status(1.1, ceiling=1.3) == "alert"
    assert FACTOR.status(1.25, ceiling=1.3) == "below target"


def test_an_unreachable_target_that_is_reached_counts() -> None:
    """A burst may be on target for a while, and too much is still an alert."""
    assert FACTOR.status(1.6, ceiling=1.05) == "on target"
    assert FACTOR.status(1.99, ceiling=1.05) == "alert"


@given(
    value=st.floats(-10.0, 10.0),
    low=st.floats(-5.0, 5.0),
    width=st.floats(0.0, 5.0),
    margin=st.floats(0.01, 5.0),
)
def test_only_values_within_the_target_are_on_target(
    value: float, low: float, width: float, margin: float
) -> None:
    """Whatever the numbers: on target exactly between its ends, an alert exactly beyond the alerts."""
    high = low + width
    threshold = Threshold(
        target_min=low, target_max=high, alert_below=low - margin, alert_above=high + margin
    )
    status = threshold.status(value)
    assert (status == "on target") == (low <= value <= high)
    assert (status == "alert") == (value < low - margin or value > high + margin)


def test_shipped_targets_cover_every_figure() -> None:
    """The file that ships and the table name the same figures."""
    assert set(MEASURES) == set(load_targets())


def test_shipped_targets_are_those_that_miners_quote() -> None:
    """The figures of the table every miner tracks; those of later eras are ours."""
    told = {
        key: (target_words(threshold, ""), alert_words(threshold, ""))
        for key, threshold in load_targets().items()
        if MEASURES[key].mechanism in ("", "sharpe") and not key.startswith("pnl_")
    }
    assert told == {
        "sharpe": ("2–3", "< 0.5"),
        "sharpe_books": ("≥ 1.5", "< 0.5"),
        "activity_factor": ("1.5–1.7", "< 1.2 or > 1.95"),
        "score": ("4–5", "–"),
        "outlier_penalty": ("≤ 0.05", "–"),
        "win_rate_pct": ("55–65", "< 50"),
        "fill_rate_pct": ("30–50", "< 20 or > 60"),
        "response_time_ms": ("≤ 100", "> 250"),
        "inventory_reached_pct": ("60–80", "–"),
        "time_at_limit_pct": ("≤ 1", "> 5"),
    }


def test_who_earns_is_on_target_and_who_loses_is_an_alert() -> None:
    """P&L is judged the same under any rules."""
    target = load_targets()["pnl_per_book_hour"]
    assert ["on target", "on target", "alert"] == [target.status(pnl) for pnl in (5.0, 0.0, -0.01)]


def test_a_users_file_changes_what_it_names(tmp_path: Path) -> None:
    """One changed key leaves the figure's others and all other figures alone."""
    own = tmp_path / "own.toml"
    own.write_text("[activity_factor]\ntarget_min = 1.0\n", encoding="utf-8")
    shipped, changed = load_targets(), load_targets(own)
    assert changed["activity_factor"] == Threshold(
        target_min=1.0, target_max=1.7, alert_below=1.2, alert_above=1.95
    )
    assert {**shipped, "activity_factor": None} == {**changed, "activity_factor": None}


def test_all_faults_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    """Unknown figures and keys come with a suggestion, other values with what they are."""
    own = tmp_path / "own.toml"
    own.write_text(
        "score = 3\n[sharp]\ntarget_min = 1\n[sharpe]\ntarget_mini = 1\nalert_below = 'low'\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError) as caught:
        load_targets(own)
    told = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "did you mean 'sharpe'?" in told
    assert "did you mean 'target_min'?" in told
    assert "'low' is not a number" in told
    assert "a table [score] is expected" in told


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    """The message says so and names the file."""
    own = tmp_path / "own.toml"
    own.write_text("[sharpe\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"own\.toml: is not valid TOML"):
        load_targets(own)


def test_the_sustainable_factor_is_what_an_even_pace_earns() -> None:
    """The busiest 70 minutes of an even day, put into the era's own formula."""
    era = ERAS["0.1.51"]
    seen = era.volume_cap_quote * 70.0 / (24.0 * 60.0)
    earned = float(activity_factors([0.0], [seen], [1.0], era)[0])
    assert earned == pytest.approx(sustainable_factor(era, era.volume_cap_quote))

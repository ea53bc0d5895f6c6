"""Facts of two markets side by side."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

pytest.importorskip("numba")

from obmm.lab.facts import Facts, flat
from obmm.lab.fidelity import FactRow, Fidelity, compared, fidelity, load_reference, recorded_scenarios


def recorded() -> Facts:
    """The shipped facts of 0.5.4."""
    return load_reference("taos-0.5.4", "main")


@pytest.fixture(scope="module")
def short_run() -> Fidelity:
    """Two seeds of two books over two minutes against the shipped reference."""
    return fidelity(recorded(), "taos-0.5.4", seeds=(1, 2), books=2, seconds=120)


def changed(facts: Facts, name: str, factor: float) -> Facts:
    """A copy of facts with one number multiplied."""
    copy = json.loads(json.dumps(facts))
    part: dict[str, Any] = copy["pooled"]
    *path, last = name.split(".")
    for step in path:
        part = part[step]
    part[last] *= factor
    return dict(copy)


def row(reference: Facts, simulated: list[Facts], name: str) -> FactRow:
    """The row of one fact."""
    return next(row for row in compared(reference, simulated) if row.name == name)


@pytest.mark.parametrize(("factor", "within"), [(1.09, True), (0.91, True), (1.11, False), (0.89, False)])
def test_a_first_order_fact_may_be_off_by_a_tenth(factor, within):
    """The mean over the seeds counts, not each of them."""
    reference = recorded()
    name = "vol.1s.sd_bps"
    seeds = [changed(reference, name, factor - 0.3), changed(reference, name, factor + 0.3)]
    assert row(reference, seeds, name).within is within
    assert row(reference, seeds, name).ratio == pytest.approx(factor)


@pytest.mark.parametrize(("value", "within"), [(0.24, True), (0.06, True), (0.26, False), (0.04, False)])
def test_a_small_markout_may_be_off_by_a_tenth_of_a_basis_point(value, within):
    """15 % of 0.15 would be less."""
    assert FactRow.of("maker_markout.5s.mean_bps", "markout", 0.15, [value]).within is within


@pytest.mark.parametrize(("factor", "within"), [(1.14, True), (0.86, True), (1.16, False), (0.84, False)])
def test_a_flow_may_be_off_by_15_percent(factor, within):
    """Base that the makers take from each other."""
    reference = load_reference("taos-0.6.2", "simulation_0")
    name = "flow.high_frequency.high_frequency"
    assert row(reference, [changed(reference, name, factor)], name).within is within


def test_flows_are_compared_from_a_fiftieth_of_the_traded_base_on():
    """The largest first; the executing agent takes 14 of 582 base per minute from stylized traders."""
    reference = load_reference("taos-0.6.2", "simulation_0")
    flows = [row.name.split(".")[1:] for row in compared(reference, [reference]) if row.kind == "flow"]
    makers, traders = "high_frequency", "stylized"
    assert flows == [
        [makers, makers],
        [makers, traders],
        [traders, traders],
        [traders, makers],
        ["algo", traders],
    ]


def test_a_noisy_fact_is_held_against_its_spread_over_seeds():
    """Three seeds around 0.5: their own scatter decides whether 1.0 could be the same market."""
    wide = FactRow.of("x", "noisy", 1.0, [0.2, 0.5, 0.8])
    narrow = FactRow.of("x", "noisy", 1.0, [0.45, 0.5, 0.55])
    assert wide.within is True
    assert narrow.within is False
    assert wide.spread == pytest.approx(0.3)


def test_one_seed_tells_nothing_about_noise():
    """No interval, no verdict."""
    alone = FactRow.of("x", "noisy", 1.0, [1.0])
    assert alone.within is None
    assert math.isnan(alone.spread)


def test_a_fact_that_no_seed_gave_has_no_verdict():
    """For instance a markout where nothing traded."""
    assert FactRow.of("x", "first order", 1.0, []).within is None


def test_a_fact_that_the_reference_does_not_tell_is_left_out():
    """Older files know fewer facts."""
    reference = recorded()
    del reference["pooled"]["maker_markout"]
    names = {row.name for row in compared(reference, [recorded()])}
    assert "spread_ticks.q50" in names
    assert not any(name.startswith("maker_markout") for name in names)


def test_a_market_agrees_with_itself():
    """Every row of the reference against itself is within."""
    reference = recorded()
    rows = list(compared(reference, [reference, reference]))
    assert len(rows) > 130
    assert all(row.within for row in rows)


def test_a_run_has_a_row_for_every_fact_and_goes_into_json(short_run):
    """Two minutes suffice for the spread, not for every correlation."""
    told = json.loads(json.dumps(short_run.to_dict(), allow_nan=False))
    assert told["seeds"] == [1, 2]
    assert len(told["rows"]) == len(short_run.rows)
    by_name = {entry["name"]: entry for entry in told["rows"]}
    assert by_name["spread_ticks.q50"]["within"] is True
    assert set(told["outside"]["first order"]) == {row.name for row in short_run.outside("first order")}


def test_each_class_of_books_is_measured_alone_against_its_own_recording():
    """Books of the class alone, at its own price: ticks of the second weigh ten times as much."""
    assert "taos-0.6.2" in recorded_scenarios()
    results = [
        fidelity(
            load_reference("taos-0.6.2", name), "taos-0.6.2", asset=name, seeds=(1,), books=1, seconds=90
        )
        for name in ("simulation_0", "simulation_1")
    ]
    assert ["simulation_0", "simulation_1"] == [result.asset for result in results]
    prices = [
        facts["pooled"]["spread_ticks"]["mean"] / facts["pooled"]["spread_bps"]["mean"]
        for result in results
        for facts in result.simulated
    ]
    # A tick is a third of a basis point of 300 and 3.4 of 29.57.
    assert [3.0, 0.2957] == [pytest.approx(price, rel=0.02) for price in prices]


def test_a_class_that_the_scenario_lacks_is_refused():
    """With the names of those it has."""
    with pytest.raises(
        ValueError, match=r"taos-0.6.2 has no class of books 'main'; it has simulation_0, simul"
    ):
        fidelity(recorded(), "taos-0.6.2", asset="main")


def test_equal_seeds_give_equal_facts(short_run):
    """The comparison is reproducible."""
    again = fidelity(recorded(), "taos-0.5.4", seeds=(2,), books=2, seconds=120)
    assert flat(short_run.simulated[1]) == flat(again.simulated[0])


def test_the_picture_shows_both_markets_in_one_page(short_run):
    """Self-contained HTML with a curve of the recording and one per seed in each chart."""
    pytest.importorskip("plotly")
    from obmm.lab.fidelity_picture import CHARTS, _figure, picture

    curves = _figure(short_run).data
    assert len(curves) == 3 * len(CHARTS)
    assert all(any(value is not None for value in curve.y) for curve in curves)
    page = picture([short_run, short_run])
    assert page.count("taos-0.5.4, main") == 2
    assert page.lstrip().startswith(("<!doctype html>", "<html>"))
    assert 'src="http' not in page

"""What Prometheus reads: the figures of the watch, by its conventions, in bounded numbers."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib import resources

import attrs
import pytest

pytest.importorskip("prometheus_client", reason="metrics need prometheus-client")

from prometheus_client.parser import text_string_to_metric_families

from monitor.markets import market, quoting
from obmm.agent import MarketMaker
from obmm.monitor import Heard, Watch
from obmm.monitor.metrics import Metrics

N = 100


@pytest.fixture(scope="module")
def watch() -> Watch:
    """Two validators, one of them with two simulations."""
    maker, watch = MarketMaker(quoting()), Watch(wait=True, scores=True)
    for validator, simulation in (("5Fone", "a"), ("5Fone", "b"), ("5Ftwo", "a")):
        for state in market(3, N):
            venue = attrs.evolve(state.venue, validator=validator, simulation_id=simulation)
            decision = maker.decide(attrs.evolve(state, venue=venue))
            watch(Heard(received_ns=10**9, sender=validator, elapsed_ms=4.0, decision=decision))
    watch(Heard(received_ns=2 * 10**9, sender="5Ftwo", elapsed_ms=1.0, decision=None, note="deadline"))
    watch.close(30.0)
    return watch


def series(text: bytes) -> dict[str, dict[tuple[str, ...], float]]:
    """Name of a sample → values of its labels, the validator first → figure."""
    told: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = dict(sample.labels)
            who = [labels.pop("validator")] if "validator" in labels else []
            told.setdefault(sample.name, {})[(*who, *labels.values())] = sample.value
    return told


def test_figures_are_those_of_the_watch(watch):
    """Of each validator the newest simulation."""
    told = series(Metrics(watch).text())
    snapshot = watch.snapshot()
    newest = {one.validator: one for one in snapshot.simulations}
    assert 3 == len(snapshot.simulations)
    assert {("5Fone", "b"), ("5Ftwo", "a")} == {(key[0], key[2]) for key in told["obmm_simulation_info"]}
    for validator, one in newest.items():
        assert told["obmm_pnl_quote"][(validator,)] == pytest.approx(one.pnl.sum())
        assert told["obmm_fills_total"][(validator,)] == one.fills.sum() > 0
        assert (
            told["obmm_rejects_total"][(validator, "INVALID_PRICE")] == one.rejects_because["INVALID_PRICE"]
        )
        parts = [value for key, value in told["obmm_pnl_part_quote"].items() if key[0] == validator]
        assert sum(parts) == pytest.approx(one.pnl.sum())
    assert {("5Fone",): 2 * N, ("5Ftwo",): N + 1} == told["obmm_requests_total"]
    assert {("5Ftwo", "deadline"): 1} == told["obmm_requests_without_orders_total"]
    assert (2 * N, 2 * N) == tuple(
        told["obmm_response_seconds_bucket"][("5Fone", bound)] for bound in ("0.005", "+Inf")
    )
    assert 0.0 == told["obmm_response_seconds_bucket"][("5Fone", "0.0025")]
    assert told["obmm_response_seconds_sum"][("5Fone",)] == pytest.approx(2 * N * 0.004)


def test_books_are_told_on_request_only(watch):
    """Eight series a book."""
    without, with_ = (series(Metrics(watch, per_book=flag).text()) for flag in (False, True))
    extra = {name for name in with_ if name not in without}
    assert 8 == len(extra)
    assert all(name.startswith("obmm_book_") and 6 == len(with_[name]) for name in extra)
    n = sum(len(values) for name, values in without.items() if name.startswith("obmm_"))
    assert n < 2 * 120


def test_names_and_units_follow_the_conventions(watch):
    """Counters end in _total and nothing else does, units are base units, and everything has its help."""
    text = Metrics(watch, per_book=True).text().decode()
    for family in text_string_to_metric_families(text):
        name = family.name
        assert family.documentation, name
        assert re.fullmatch(r"(obmm|process)_[a-z_]+", name), name
        assert not re.search(
            r"_(ms|milliseconds|percent|bps|minutes|hours|total|count|sum|bucket|info)$", name
        ) or (name.endswith("_info") and family.type in ("gauge", "info")), name
        if family.type == "counter":
            assert {s.name for s in family.samples} <= {f"{name}_total"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool to check the metrics with")
def test_promtool_finds_nothing(watch):
    """What Prometheus itself says to what it is told."""
    text = Metrics(watch, per_book=True).text()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, timeout=30)
    assert (0, b"") == (done.returncode, done.stderr)


def test_the_grafana_dashboard_asks_for_what_there_is(watch):
    """Each figure in its panels, with labels that it has."""
    text = resources.files("obmm.monitor").joinpath("grafana.json").read_text()
    told = re.findall(r"^# TYPE (\w+) (\w+)", Metrics(watch).text().decode(), re.MULTILINE)
    there = {name + "_bucket" * (kind == "histogram") for name, kind in told}
    panels = [panel for panel in json.loads(text)["panels"] if panel["type"] != "row"]
    assert len(panels) > 10
    for panel in panels:
        for target in panel["targets"]:
            names = set(re.findall(r"\b(?:obmm|process)_\w+", target["expr"]))
            assert names, panel
            assert names <= there, panel

"""Figures for Prometheus, made when they are asked for; needs prometheus-client (`obmm[serve]`).

Names and units follow Prometheus' conventions: base units in the name, `_total` for what only grows, ratios
from 0 to 1. Of each validator the newest simulation is told, so that the number of series stays bounded:
some 100 a validator, and eight more a book where these are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from obmm._version import __version__
from obmm.market import Reason
from obmm.monitor.snapshot import MARKOUT_S, RESPOND_MS, Score, Simulation, Snapshot, Validator
from obmm.monitor.watch import Watch

if TYPE_CHECKING:
    from prometheus_client import Metric

#: Name → help and figure of a simulation: what may fall as well as rise.
_GAUGES: dict[str, tuple[str, Any]] = {
    "obmm_simulated_seconds": ("Simulated time of the newest state", lambda s: s.time_ns / 1e9),
    "obmm_books": ("Books of the simulation", lambda s: s.n_books),
    "obmm_pnl_quote": ("What trading earned, fees included", lambda s: s.pnl.sum()),
    "obmm_pnl_endowment_quote": ("What the starting endowment earned", lambda s: s.pnl_endowment.sum()),
    "obmm_fees_quote": ("Fees paid; negative for rebates", lambda s: s.fees.sum()),
    "obmm_capital_quote": ("Worth of the endowment at the initial price", lambda s: np.nansum(s.capital)),
    "obmm_drawdown_quote": ("Highest P&L of all books less the present", lambda s: s.total_drawdown),
    "obmm_max_drawdown_quote": ("The largest drawdown so far", lambda s: s.total_max_drawdown),
    "obmm_win_ratio": ("Share of fills whose 60 s markout is above 0", lambda s: s.win_rate),
    "obmm_fill_ratio": ("Share of posted orders that traded", lambda s: s.fill_rate),
    "obmm_maker_ratio": ("Share of the own volume that rested", lambda s: s.maker_share),
    "obmm_inventory_max_ratio": (
        "Largest position as share of its limit",
        lambda s: _top(np.abs(s.limit_share)),
    ),
    "obmm_turnover_max_ratio": (
        "Largest share of the daily cap spent",
        lambda s: _top(s.day_quote / s.cap_quote),
    ),
    "obmm_open_orders": ("Own resting orders", lambda s: s.open_orders.sum()),
}
#: The same of what only grows; "_total" is added.
_COUNTERS: dict[str, tuple[str, Any]] = {
    "obmm_states": ("States seen", lambda s: s.states),
    "obmm_states_missed": ("States that never came", lambda s: s.missed),
    "obmm_states_late": ("States that came late or twice", lambda s: s.late),
    "obmm_fills": ("Own fills", lambda s: s.fills.sum()),
    "obmm_traded_quote": ("Volume of the own fills", lambda s: s.traded_quote.sum()),
    "obmm_instructions": ("Instructions sent", lambda s: s.instructions.sum()),
    "obmm_orders_posted": ("Limit orders sent", lambda s: s.posted.sum()),
}
_BOOK_GAUGES: dict[str, tuple[str, Any]] = {
    "obmm_book_pnl_quote": ("What trading earned on a book", lambda s: s.pnl),
    "obmm_book_position_base": ("Inventory of a book", lambda s: s.position),
    "obmm_book_inventory_ratio": ("Position as share of its limit", lambda s: s.limit_share),
    "obmm_book_mid_quote": ("Middle of the touch", lambda s: s.mid),
    "obmm_book_maker_rate_ratio": ("Fee rate of makers", lambda s: s.maker_rate),
    "obmm_book_turnover_ratio": ("Share of the daily cap spent", lambda s: s.day_quote / s.cap_quote),
}
_BOOK_COUNTERS: dict[str, tuple[str, Any]] = {
    "obmm_book_fills": ("Own fills on a book", lambda s: s.fills),
    "obmm_book_traded_quote": ("Volume of own fills on a book", lambda s: s.traded_quote),
}


class Metrics:
    """What `/metrics` says of a watch.

    Args:
        watch: The watch.
        per_book: Also tell of each book.

    >>> watch = Watch()
    >>> Metrics(watch).text().decode().splitlines()[0]
    '# HELP obmm_info Version of obmm'
    >>> watch.close()
    """

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self, watch: Watch, *, per_book: bool = False) -> None:
        from prometheus_client import CollectorRegistry, ProcessCollector

        self._watch, self._per_book = watch, per_book
        self._registry = CollectorRegistry()
        self._registry.register(self)
        ProcessCollector(registry=self._registry)

    def text(self) -> bytes:
        """The figures now in Prometheus' own format."""
        from prometheus_client import generate_latest

        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """The figures now, as prometheus-client wants them."""
        from prometheus_client.core import InfoMetricFamily

        yield InfoMetricFamily("obmm", "Version of obmm", {"version": __version__})
        snapshot = self._watch.snapshot()
        yield from _of_validators(snapshot)
        # Of each validator the newest.
        newest = {one.validator: one for one in snapshot.simulations}
        yield from _of_simulations(newest)
        yield from _of_scores({name: self._watch.score(one.key) for name, one in newest.items()})
        if self._per_book:
            yield from _of_books(newest)


def _of_validators(snapshot: Snapshot) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

    untold = CounterMetricFamily("obmm_watch_lost", "Exchanges that the figures do not tell of")
    untold.add_metric([], snapshot.untold)
    yield untold
    asked = CounterMetricFamily("obmm_requests", "Requests answered", labels=["validator"])
    without = CounterMetricFamily(
        "obmm_requests_without_orders",
        "Answers that held no orders, by reason",
        labels=["validator", "reason"],
    )
    heard = GaugeMetricFamily(
        "obmm_last_request_timestamp_seconds", "When a validator was last heard", labels=["validator"]
    )
    times = HistogramMetricFamily(
        "obmm_response_seconds", "Time from the arrival of a request to the reply", labels=["validator"]
    )
    for one in snapshot.validators:
        who = [one.sender]
        asked.add_metric(who, one.answered)
        heard.add_metric(who, one.heard_ns / 1e9)
        times.add_metric(who, _buckets(one), sum_value=one.respond_sum_ms / 1e3)
        for reason, count in one.without_orders.items():
            without.add_metric([*who, reason], count)
    yield from (asked, without, heard, times)


def _buckets(validator: Validator) -> list[tuple[str, float]]:
    bounds = [*(f"{ms / 1e3:g}" for ms in RESPOND_MS), "+Inf"]
    return list(zip(bounds, np.cumsum(validator.respond_counts).astype(float).tolist(), strict=True))


def _of_simulations(newest: Mapping[str, Simulation]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    info = GaugeMetricFamily(
        "obmm_simulation_info",
        "Simulation and configuration of the newest state",
        labels=["validator", "simulation", "config_hash"],
    )
    for validator, one in newest.items():
        info.add_metric([validator, one.simulation_id, one.config_hash], 1)
    yield info
    for family, told in ((GaugeMetricFamily, _GAUGES), (CounterMetricFamily, _COUNTERS)):
        for name, (help_, figure) in told.items():
            metric = family(name, help_, labels=["validator"])
            for validator, one in newest.items():
                metric.add_metric([validator], float(figure(one)))
            yield metric
    gauge, counter = GaugeMetricFamily, CounterMetricFamily
    for family, name, help_, label, figures in (
        (gauge, "obmm_pnl_part_quote", "Where P&L comes from", "part", _parts),
        (gauge, "obmm_markout_ratio", "Mean markout of fills by seconds after them", "after", _markouts),
        (gauge, "obmm_sides_closed", "Sides kept closed now, by reason", "reason", _closed),
        (counter, "obmm_rejects", "Instructions refused, by the venue's word", "reason", _rejects),
        (counter, "obmm_stage_faults", "States on which a pipeline failed", "pipeline", _faults),
        (counter, "obmm_stage_news", "News of stages", "event", _news),
    ):
        metric = family(name, help_, labels=["validator", label])
        for validator, one in newest.items():
            for value, count in figures(one):
                metric.add_metric([validator, value], float(count))
        yield metric


def _of_scores(scores: Mapping[str, Score | None]) -> Iterator[Metric]:
    from prometheus_client.core import GaugeMetricFamily

    told: tuple[tuple[str, str, Callable[[Score], float]], ...] = (
        ("obmm_score", "Score of the era, as far as it is known", lambda s: s.total),
        ("obmm_score_place", "Place in the field, 1 for the best", lambda s: s.place or np.nan),
        ("obmm_score_field", "Uids of the field that are known", lambda s: s.uids.size),
    )
    for name, help_, figure in told:
        metric = GaugeMetricFamily(name, help_, labels=["validator", "era"])
        for validator, score in scores.items():
            if score is not None:
                metric.add_metric([validator, score.era], float(figure(score)))
        yield metric


def _of_books(newest: Mapping[str, Simulation]) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    for family, told in ((GaugeMetricFamily, _BOOK_GAUGES), (CounterMetricFamily, _BOOK_COUNTERS)):
        for name, (help_, figure) in told.items():
            metric = family(name, help_, labels=["validator", "book"])
            for validator, one in newest.items():
                for book, value in zip(one.book_ids.tolist(), figure(one).tolist(), strict=True):
                    metric.add_metric([validator, str(book)], float(value))
            yield metric


Figures = Iterable[tuple[str, float]]


def _parts(one: Simulation) -> Figures:
    return ((part, float(values.sum())) for part, values in one.parts.items())


def _markouts(one: Simulation) -> Figures:
    return ((str(s), bps / 1e4) for s, bps in zip(MARKOUT_S, one.markout_bps.tolist(), strict=True))


def _closed(one: Simulation) -> Figures:
    why = np.concatenate([one.bid_reason, one.ask_reason])
    codes, counts = np.unique(why[(why > Reason.OPEN) & (why < Reason.NARROWED)], return_counts=True)
    return ((Reason(int(c)).name.lower(), float(n)) for c, n in zip(codes, counts, strict=True))


def _rejects(one: Simulation) -> Figures:
    return one.rejects_because.items()


def _faults(one: Simulation) -> Figures:
    return one.faults.items()


def _news(one: Simulation) -> Figures:
    counts: dict[str, float] = {}
    for (_, event), count in one.news_count.items():
        counts[event] = counts.get(event, 0.0) + count
    return counts.items()


def _top(values: Any) -> float:
    known = values[np.isfinite(values)]
    return float(known.max()) if known.size else np.nan

"""Configurations on one recorded flow: each plays the recording again, its orders in the recorded queues.

What it can tell: what each would have been filled with, had nobody reacted to it, on the flow of a real
market. What it cannot: how others answer, what fees become by one's own trades, and anything about another
hour. Its books share their time, so that an interval over them is of this recording only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.agent import Config, ConfigError, MarketMaker, Problem
from obmm.lab.attribution import PARTS
from obmm.lab.compare.arms import Arm
from obmm.lab.compare.statistics import Interval, bootstrap, holm, sign_flip
from obmm.lab.compare.words import held, p_words, signed
from obmm.lab.pipelines import told_by_pipeline
from obmm.lab.trials import METRICS, Gather, Metric, Outcome
from obmm.lab.trials.play import pipeline_of_books
from obmm.lab.trials.worker import silent
from obmm.market import Feed, FloatArray, MarketState, Venue
from obmm.settings import did_you_mean
from obmm.sim import ReplayedMarket
from obmm.wire import read_stream

#: What is to be said with every such comparison.
CAUTIONS = (
    "Nobody reacted to the orders: their fills are taken from what the recording gave to others, at the fees "
    "it published.",
    "One recording is one stretch of time, which its books share: the intervals are over its books and say "
    "nothing of another hour. Seeds of the embedded market do: obmm compare without --capture.",
)
#: What is to be said where the recorded account had orders of its own.
OWN_ORDERS = (
    "What the recorded agent quoted then stands in the books beside each of them, like anybody's: it "
    "competes even with the configuration that it ran."
)
#: Figures that are known book by book.
METRICS_BY_BOOK = {
    f"{name}_per_book_hour": METRICS[f"{name}_per_book_hour"]
    for name in ("pnl", "turnover", "fees", "fills", *PARTS)
    if f"{name}_per_book_hour" in METRICS
}


@attrs.frozen(kw_only=True)
class Recorded:
    """A recording and how it is played.

    Attributes:
        capture: The recording.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        response_ms: Real time an answer is taken to need.
        seed: Seed of the random part of the delays, the same for every arm.
    """

    capture: Path
    only: str = ""
    response_ms: float = 100.0
    seed: int = 1


@attrs.frozen(kw_only=True)
class BookDifference:
    """What a challenger has more of than the first arm, book by book.

    Attributes:
        b: The challenger.
        metric: What is compared.
        interval: Mean over books, and its interval.
        p: Two-sided p of sign flips over books, raised for the number of challengers.
    """

    b: str
    metric: Metric
    interval: Interval
    p: float


@attrs.frozen(kw_only=True)
class Replayed:
    """What became of an arm on a recording.

    Attributes:
        outcome: What it came to.
        venue: The recorded venue.
        beside: Whether the recorded account had orders in the books.
        pipelines: Figures of each of its pipelines (`obmm.lab.pipelines`); none where it has but one.
    """

    outcome: Outcome
    venue: Venue
    beside: bool
    pipelines: Sequence[Mapping[str, Any]]


def played(arm: Arm, recorded: Recorded, look: Callable[[float], None]) -> Replayed:
    """What becomes of an arm on the recorded flow.

    Args:
        arm: The configuration.
        recorded: The recording.
        look: Told of simulated seconds that are done; what it raises ends it.

    Raises:
        ValueError: The recording holds no state, or one without events.
    """
    maker, gather = MarketMaker(arm.config), Gather()
    feeds = maker.feeds | {Feed.TAPE}
    orders = 0

    def states() -> Iterator[MarketState]:
        nonlocal orders
        for one in read_stream(recorded.capture, feeds, only=recorded.only):
            orders += int(one.state.open_orders.count.sum())
            yield one.state

    with silent(), ReplayedMarket(states(), seed=recorded.seed, feeds=feeds) as market:
        uid, first_ns = market.uids[0], 0
        for seen in market.states():
            state = seen[uid]
            market.submit(uid, maker.decide(state).orders, recorded.response_ms / 1e3)
            gather.add(state)
            first_ns = first_ns or state.time_ns
            look((state.time_ns - first_ns) / 1e9)
        venue, config = market.venue, arm.config.at(market.venue)
        outcome = gather.outcome(
            seed=recorded.seed,
            config_hash=arm.config.hash,
            digest="",
            asset=venue.asset_class,
            pipeline=pipeline_of_books(config, venue),
            failed=maker.errors,
            fault=maker.faults[0].first if maker.faults else "",
        )
    return Replayed(
        outcome=outcome, venue=venue, beside=orders > 0, pipelines=_pipelines(config, outcome, venue)
    )


def _pipelines(config: Config, outcome: Outcome, venue: Venue) -> list[dict[str, Any]]:
    """Figures of each pipeline of a configuration."""
    said: list[tuple[str, str, Any]] = [(config.name, config.hash, "all")]
    said += [(a.config.name, a.config.hash, a.selector) for a in config.assign]
    account = {"pipelines": [dict(zip(("name", "config_hash", "books"), one, strict=True)) for one in said]}
    per_book = [
        {"pnl": pnl, "fills": int(fills), "fees": fees}
        for pnl, fills, fees in zip(
            *(outcome.books[n].tolist() for n in ("pnl", "fills", "fees")), strict=True
        )
    ]
    return told_by_pipeline(account, venue.book_ids, venue.initial_price, per_book, outcome.hours)


def metrics_by_book(names: Sequence[str]) -> tuple[Metric, ...]:
    """The metrics of these names, P&L if there are none.

    Raises:
        ConfigError: One is not known book by book.
    """
    problems = [
        Problem(f"metric {name}", f"is not known book by book; {did_you_mean(name, list(METRICS_BY_BOOK))}")
        for name in names
        if name not in METRICS_BY_BOOK
    ]
    if problems:
        raise ConfigError(problems)
    return tuple(METRICS_BY_BOOK[name] for name in names or ("pnl_per_book_hour",))


def by_book(outcome: Outcome, metric: Metric) -> FloatArray:
    """(B,) a metric on each book."""
    return outcome.books[metric.name.removesuffix("_per_book_hour")] / outcome.hours


def differences(outcomes: dict[str, Outcome], metric: Metric) -> list[BookDifference]:
    """Each arm against the first."""
    first, *others = outcomes
    d = {b: by_book(outcomes[b], metric) - by_book(outcomes[first], metric) for b in others}
    raised = holm([sign_flip(values) for values in d.values()])
    return [
        BookDifference(b=b, metric=metric, interval=bootstrap(values), p=p)
        for (b, values), p in zip(d.items(), raised, strict=True)
    ]


def sentence(first: str, d: BookDifference, books: int) -> str:
    """One challenger on this recording, in words; never that it is better."""
    name, _, unit = d.metric.words.rpartition(", ")
    sure = f"95% interval over its {books} books {held(d.interval)}, p {p_words(d.p)}"
    amount = f"{signed(d.interval.mean)} {unit if name else ''}".rstrip()
    if d.interval.low == d.interval.high == 0.0:
        return f"On this recording {d.b} and {first} do not differ: {name or unit} is the same on every book."
    if d.interval.settled and d.p <= 0.05:
        way = "more" if d.interval.mean > 0.0 else "less"
        return f"On this recording {d.b} has {way} than {first}: {name or unit} {amount} ({sure})."
    return f"This recording does not tell {d.b} from {first}: {name or unit} {amount} ({sure})."


def told(
    replayed: dict[str, Replayed], metrics: Sequence[Metric], recorded: Recorded, wall_s: float
) -> dict[str, Any]:
    """Everything about it as plain values, under the names that a comparison on seeds has."""
    outcomes = {name: one.outcome for name, one in replayed.items()}
    first = next(iter(outcomes))
    any_one, beside = outcomes[first], replayed[first].beside
    books = any_one.books["pnl"].size
    seconds = any_one.hours * 3600.0 * books * len(outcomes)
    found = [d for metric in metrics for d in differences(outcomes, metric)]
    decides = [d for d in found if d.metric is metrics[0]]
    return {
        "arms": list(outcomes),
        "capture": str(recorded.capture),
        "books": books,
        "book_ids": replayed[first].venue.book_ids,
        "hours": any_one.hours,
        "metric": metrics[0].name,
        "means": {name: _interval(bootstrap(by_book(one, metrics[0]))) for name, one in outcomes.items()},
        "differences": [
            {"a": first, "b": d.b, "metric": d.metric.name, **_interval(d.interval), "p": d.p, "books": books}
            for d in found
        ],
        "by_book": {name: by_book(one, metrics[0]) for name, one in outcomes.items()},
        "attribution": {name: attribution(one) for name, one in outcomes.items()},
        "verdict": " ".join(sentence(first, d, books) for d in decides),
        "pipelines": {name: one.pipelines for name, one in replayed.items() if one.pipelines},
        "cautions": [*CAUTIONS, *([OWN_ORDERS] if beside else [])],
        "failed": {
            name: {"states": one.failed, "of": one.states, "fault": one.fault}
            for name, one in outcomes.items()
            if one.failed
        },
        "wall_s": wall_s,
        "book_seconds_per_second": seconds / max(wall_s, 1e-9),
    }


def attribution(outcome: Outcome) -> dict[str, float]:
    """Part of the P&L → what it came to per book and hour."""
    return {part: float(np.mean(outcome.books[part])) / outcome.hours for part in PARTS}


def _interval(interval: Interval) -> dict[str, float]:
    return {"mean": interval.mean, "low": interval.low, "high": interval.high}

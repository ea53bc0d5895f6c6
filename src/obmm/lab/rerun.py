"""A run made again up to a moment, and held against its records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from obmm.agent import ConfigError, Decision, MarketMaker, Problem
from obmm.lab.drive import Market, Progress
from obmm.lab.rebuild import config_of_account
from obmm.lab.recorded import Run
from obmm.lab.tables import account_rows
from obmm.market import Feed, MarketState


def decided_again(run: Run, uid: int, at_s: float, progress: Progress | None = None) -> Decision:
    """The decision of an account on the first state at or after `at_s`, made anew as the run made it.

    Every account answers all states before it.

    Raises:
        ConfigError: The run cannot be made again: it is of another kind, a configuration, stage or recording
            is not there any more, or it ends before.
    """
    about = run.about
    makers = {int(other): MarketMaker(config_of_account(run, int(other))) for other in about["accounts"]}
    feeds = frozenset({Feed.TAPE}).union(*(maker.feeds for maker in makers.values()))
    response_s = float(about["response_ms"]) / 1e3
    for market, seen in _market(run, feeds, len(makers)):
        for other, maker in makers.items():
            decision = maker.decide(seen[other])
            if other == uid and seen[uid].time_s >= at_s:
                return decision
            market.submit(other, decision.orders, response_s)
        if progress is not None:
            progress(seen[uid].time_s)
    raise ConfigError([Problem(str(run.folder), f"ends before {at_s:g} s when it is run again")])


def _market(
    run: Run, feeds: frozenset[Feed], miners: int
) -> Iterator[tuple[Market, Mapping[int, MarketState]]]:
    """The market of a run and each of its states, by uid."""
    about, kind = run.about, run.about.get("kind")
    if kind == "simulate":
        from obmm.lab.scenario_table import scenario_of
        from obmm.sim import SimulatedMarket

        with SimulatedMarket(
            scenario_of(about), books=about["books"], seed=about["seed"], miners=miners, feeds=feeds
        ) as market:
            for seen in market.states(about["hours_planned"] * 3600.0):
                yield market, seen
    elif kind == "replay":
        from obmm.sim import ReplayedMarket
        from obmm.wire import read_stream

        capture = Path(about.get("capture", ""))
        if not capture.is_file():
            raise ConfigError([Problem(str(run.folder), f"its recording {capture} is not there any more")])
        states = (recorded.state for recorded in read_stream(capture, feeds))
        later = (state for state in states if state.time_s >= about.get("from_s", 0.0))
        with ReplayedMarket(later, seed=about["seed"], feeds=feeds) as replayed:
            for seen in replayed.states():
                yield replayed, seen
    else:
        raise ConfigError([Problem(str(run.folder), f"a run of kind {kind!r} cannot be made again")])


def differences(run: Run, uid: int, decision: Decision) -> list[str]:
    """What the records tell otherwise of the state that was decided on, in words; nothing where they agree.

    Raises:
        RunError: They cannot be read.
    """
    told = account_rows(decision.state, decision)
    at = decision.state.time_ns
    found = []
    for name in ("states", "signals", "orders"):
        recorded = run.of(name, uid)
        rows = recorded["time_ns"] == at
        again = told.get(name, {})
        n = next(iter(again.values())).size if again else 0
        if n != rows.sum():
            found.append(f"{name}: {rows.sum()} rows are recorded, {n} come now")
            continue
        found += [
            f"{name}.{column}: {what}"
            for column, values in recorded.items()
            if n and (what := _difference(values[rows], again.get(column)))
        ]
    return found


def _difference(recorded: npt.NDArray[Any], again: npt.NDArray[Any] | None) -> str:
    """Where two columns differ, in words."""
    if again is None:
        return "" if np.isnan(recorded).all() else "is not told now"
    now = again.astype(recorded.dtype)
    same = (now == recorded) | ((now != now) & (recorded != recorded))
    if same.all():
        return ""
    row = int(np.argmin(same))
    return f"{recorded[row]} is recorded, {now[row]} comes now"

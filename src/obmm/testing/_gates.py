"""Checks of gates: they tighten, say why, and do not care who spoke before them."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np

from obmm.market import Limits
from obmm.settings.registry import registered
from obmm.testing._scenes import Step, describe, steps
from obmm.testing._trial import ContractError, Trial, expect_same, rows
from obmm.testing.variants import Flaw


def gate_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names of the checks, each with what to call."""
    yield "only tightens", partial(_only_tightens, trial)
    yield "says why it closes a side", partial(_says_why, trial)
    importlib.import_module("obmm.risk")  # registers our own gates
    for name, other in registered("gates").items():
        yield f"may stand before or after {name}", partial(_commutes, trial, other)


def _histories(trial: Trial) -> Iterator[tuple[str, Limits, Limits]]:
    """Limits before and after, over whole and flawed histories."""
    scenes = [trial.scene(limits_open=True), *(trial.scene(flaw=flaw) for flaw in (None, *Flaw))]
    for scene in scenes:
        history = steps(scene)
        for turn, (step, after) in enumerate(zip(history, _limits(trial, history), strict=True)):
            yield f"in state {turn}" + describe(scene.flaw), step.limits, after


def _limits(trial: Trial, history: Sequence[Step]) -> list[Limits]:
    return [out for out in trial.feed(trial.make(), history) if isinstance(out, Limits)]


def _only_tightens(trial: Trial) -> None:
    for when, before, after in _histories(trial):
        if not after.allows_no_more_than(before):
            raise ContractError(f"the gate loosens {before!r} to {after!r} {when}")


def _says_why(trial: Trial) -> None:
    for when, before, after in _histories(trial):
        for side in ("bid", "ask"):
            closed = getattr(before, f"{side}_allowed") & ~getattr(after, f"{side}_allowed")
            books = np.flatnonzero(closed & (getattr(after, f"{side}_reason") == 0))
            if books.size:
                raise ContractError(f"{side}s of books {books.tolist()} close without a reason {when}")


def _commutes(trial: Trial, other: Callable[[], Any]) -> None:
    """Either order leads to the same limits once the bounds on the position are enforced."""
    needs = trial.needs() | Trial(other, "gates").needs()
    before, after = (trial.make(), other()), (other(), trial.make())
    for turn, step in enumerate(steps(attrs.evolve(trial.scene(), needs=needs))):
        results = []
        for first, then in (before, after):
            limits = then(step.state, step.signals, first(step.state, step.signals, step.limits))
            results.append(limits.enforced(step.state.accounts.position))
        expect_same(rows(results[0]), rows(results[1]), f"in state {turn} between the two orders")

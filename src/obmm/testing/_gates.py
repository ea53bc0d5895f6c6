"""Checks of gates: their verdict is one that can be joined with others, and says why."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from obmm.market import Limits
from obmm.testing._scenes import describe
from obmm.testing._trial import ContractError, Trial
from obmm.testing.variants import Flaw


def gate_checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    """Names of the checks, each with what to call.

    That a gate can only tighten and that their order does not matter needs no check: the pipeline joins
    verdicts by the stricter value of each field.
    """
    yield "loosens nothing", partial(_loosens_nothing, trial)
    yield "says why it closes a side", partial(_says_why, trial)


def _verdicts(trial: Trial) -> Iterator[tuple[str, Limits]]:
    """What the gate says over whole and flawed histories."""
    for flaw in (None, *Flaw):
        for turn, said in enumerate(trial.run(trial.scene(flaw=flaw))):
            if isinstance(said, Limits):
                yield f"in state {turn}" + describe(flaw), said


def _loosens_nothing(trial: Trial) -> None:
    """A factor of 2 or a bound that is NaN would be dropped by the pipeline: a mistake better told."""
    for when, said in _verdicts(trial):
        if Limits.strictest([said]) != said:
            raise ContractError(
                f"size and position factors must lie in 0…1, spread factors be at least 1 and bounds not "
                f"negative {when}, got {said!r}"
            )


def _says_why(trial: Trial) -> None:
    for when, said in _verdicts(trial):
        for side in ("bid", "ask"):
            books = np.flatnonzero(~getattr(said, f"{side}_allowed") & (getattr(said, f"{side}_reason") == 0))
            if books.size:
                raise ContractError(f"{side}s of books {books.tolist()} close without a reason {when}")

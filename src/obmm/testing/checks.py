"""The contract of stages as checks that can be run on any of them, ours or a user's."""

from __future__ import annotations

import unittest
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from obmm.market import Signal
from obmm.testing._builders import builder_checks
from obmm.testing._common import GROUPS, common_checks
from obmm.testing._gates import gate_checks
from obmm.testing._placers import placer_checks
from obmm.testing._trial import Trial, group_of


@attrs.frozen
class Check:
    """One rule of the contract.

    Attributes:
        name: What is checked, as a sentence about the stage.
        run: Raises if the stage breaks the rule; a warning counts as an error.
    """

    name: str
    run: Callable[[], None]


@attrs.frozen
class CheckResult:
    """What became of a check.

    Attributes:
        name: That of the check.
        message: Why it failed, one line; "" if it passed.
        details: The traceback of a failure.
    """

    name: str
    message: str = ""
    details: str = ""

    @property
    def passed(self) -> bool:
        """Whether the stage keeps the rule."""
        return not self.message


def checks_for(
    make: Callable[[], Any],
    group: str | None = None,
    signals: Mapping[str, Callable[[], Signal]] | None = None,
) -> Iterator[Check]:
    """The checks that a stage has to pass.

    Args:
        make: Makes a new instance without arguments: the class, or a function that gives it options.
        group: "signals", "gates", "builders" or "placers"; found out from the class if not given.
        signals: What makes the signals that the stage reads, by name. One not given is the registered signal
            of that name, else one of the kind that the option holding the name speaks of: a price near the
            mid for `fair`, a volatility for `volatility`, a number in ±1 for others.

    Raises:
        LookupError: The group cannot be told.

    >>> from obmm.signals import Mid
    >>> [check.name for check in checks_for(Mid)][:2]
    ['declares needs and warm-up that can be read', 'leaves its inputs as they are']
    """
    trial = Trial(make, group if group is not None else group_of(make), signals or {})
    for name, check in _checks(trial):
        yield Check(name, _strictly(check))


def run_checks(
    make: Callable[[], Any],
    group: str | None = None,
    signals: Mapping[str, Callable[[], Signal]] | None = None,
) -> list[CheckResult]:
    """Run every check of `checks_for` and say what became of each; the arguments are the same.

    >>> from obmm.signals import Spread
    >>> all(result.passed for result in run_checks(Spread))
    True
    """
    return [run_check(check) for check in checks_for(make, group, signals)]


def mixes_groups(
    make: Callable[[], Any],
    group: str | None = None,
    signals: Mapping[str, Callable[[], Signal]] | None = None,
) -> bool:
    """Whether a stage lets books of one group (`Venue.groups`) move those of another; arguments as above.

    Such a stage, or one that raises, must not be given several accounts or markets at once.

    >>> from obmm.risk import ExposureGate
    >>> mixes_groups(ExposureGate)
    False
    """
    checks = checks_for(make, group, signals)
    return not run_check(next(check for check in checks if check.name == GROUPS)).passed


def run_check(check: Check) -> CheckResult:
    """Run one check the way the standard library runs a test: whatever it raises is its outcome."""
    report = unittest.TestResult()
    unittest.FunctionTestCase(check.run).run(report)
    for _, traceback in (*report.failures, *report.errors):
        return CheckResult(check.name, traceback.strip().splitlines()[-1], traceback)
    return CheckResult(check.name)


def _checks(trial: Trial) -> Iterator[tuple[str, Callable[[], None]]]:
    yield from common_checks(trial)
    if trial.group == "gates":
        yield from gate_checks(trial)
    elif trial.group == "builders":
        yield from builder_checks(trial)
    elif trial.group == "placers":
        yield from placer_checks(trial)


def _strictly(check: Callable[[], None]) -> Callable[[], None]:
    def run() -> None:
        # As the pipeline runs stages: arithmetic on missing numbers gives NaN without a word.
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("error")
            check()

    return run

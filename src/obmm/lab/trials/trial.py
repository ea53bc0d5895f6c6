"""One configuration on some seeds of one market: what an executor runs."""

from __future__ import annotations

import attrs

from obmm.agent import Config, ConfigError, Problem
from obmm.lab.score import no_eras
from obmm.sim import Scenario

#: No scenario comes near it; more is a slip.
MAX_HOURS = 10_000


@attrs.frozen(kw_only=True)
class Trial:
    """One configuration on some seeds of one market.

    It can be pickled; stages of the user's own travel with it.

    Attributes:
        config: The agent, uid 0.
        rivals: Pipelines of ours that compete, uids 1, 2, ….
        scenario: The market and its synthetic miners.
        books: Number of books.
        hours: Simulated time after the first state, at most `MAX_HOURS`; a scenario may end before.
        seeds: Seeds, all different: the outcomes come in their order.
        response_ms: Real time an answer is taken to need, whatever it needs: a trial is repeatable.
        eras: Scoring eras to follow; none costs nothing.

    Raises:
        ConfigError: A value that no run can have; all of them are told at once.

    >>> from obmm.agent import resolve
    >>> trial = Trial(config=resolve("touch"), scenario=Scenario.load("taos-0.5.4"), books=4, hours=50.0,
    ...     seeds=(1, 2))
    >>> round(trial.seconds / 3600.0, 2), trial.on((2,)).seeds
    (23.83, (2,))
    """

    config: Config
    rivals: tuple[Config, ...] = ()
    scenario: Scenario
    books: int = 16
    hours: float = 3.0
    seeds: tuple[int, ...] = (1,)
    response_ms: float = 100.0
    eras: tuple[str, ...] = ()

    def __attrs_post_init__(self) -> None:
        n = len(self.seeds)
        problems = [
            Problem(name, f"must be {bound}, got {value}")
            for name, value, bound, good in (
                ("books", self.books, "at least 1", self.books >= 1),
                ("hours", self.hours, f"above 0 and at most {MAX_HOURS:,}", 0.0 < self.hours <= MAX_HOURS),
                ("seeds", n, "at least one", n >= 1),
                ("seeds", list(self.seeds), "all different", len(set(self.seeds)) == n),
                ("response_ms", self.response_ms, "at least 0", 0.0 <= self.response_ms < float("inf")),
            )
            if not good
        ]
        problems += no_eras(self.eras)
        if problems:
            raise ConfigError(problems)

    @property
    def seconds(self) -> float:
        """Simulated seconds of each seed: what was asked for, or all that the scenario has."""
        return simulated_seconds(self.scenario, self.hours)

    @property
    def book_seconds(self) -> float:
        """Simulated seconds of all books of all seeds: how much work it is."""
        return self.seconds * self.books * len(self.seeds)

    def on(self, seeds: tuple[int, ...]) -> Trial:
        """The same on other seeds."""
        return attrs.evolve(self, seeds=seeds)


def simulated_seconds(scenario: Scenario, hours: float) -> float:
    """Seconds that are simulated when `hours` are asked for: a scenario has no more than it lasts."""
    venue = scenario.venue
    first_s = max(venue.grace_period_s, venue.publish_interval_s)
    return min(hours * 3600.0, venue.duration_s - first_s + venue.publish_interval_s)

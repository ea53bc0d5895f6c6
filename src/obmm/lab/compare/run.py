"""A comparison carried out: what is not known yet is played, and more seeds are added until it is settled."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import attrs

from obmm.lab.compare.comparison import Comparison
from obmm.lab.compare.keep import Keep
from obmm.lab.compare.question import Question, trial_key
from obmm.lab.trials import Executor, Outcome, Stopped, Trial

#: Told what is about to be played: book-seconds, and on which seeds.
Begin = Callable[[float, Sequence[int]], None]
#: Gives so many seeds that are not among those known.
More = Callable[[int, Sequence[int]], Sequence[int]]


@attrs.define
class Runner:
    """Plays a question.

    Attributes:
        question: What is asked.
        executor: Who plays.
        jobs: How many trials it plays at once.
        keep: What was played before; new outcomes are added.
        begin: Told of each round of trials.
        problem: Why outcomes could not be kept, once that is so.
    """

    question: Question
    executor: Executor
    jobs: int
    keep: Keep
    begin: Begin = lambda work, seeds: None
    problem: str | None = attrs.field(init=False, default=None)
    _keys: dict[tuple[str, str], str] = attrs.field(init=False)
    _played: float = attrs.field(init=False, default=0.0)
    _began_s: float = attrs.field(init=False, factory=time.perf_counter)

    def __attrs_post_init__(self) -> None:
        question = self.question
        self._keys = {
            (arm.name, market.name): trial_key(question.trial(arm, market, (1,)))
            for arm, market in question.cells()
        }

    def on(self, seeds: Sequence[int]) -> Comparison:
        """The comparison on these seeds; of one that somebody ended, what is done."""
        ended = self._play(seeds)
        return self._comparison(seeds, ended)

    def until_sure(self, seeds: Sequence[int], more: More, most: int) -> Comparison:
        """The comparison on as many seeds as settle it, at most so many.

        Args:
            seeds: The first ones.
            more: Gives the next ones.
            most: Seeds at which it ends, settled or not.
        """
        seeds = list(seeds)
        at_once = max(2, len(seeds) // 2)
        while True:
            ended = self._play(seeds)
            comparison = self._comparison(seeds, ended, peeking=True)
            metric = self.question.metrics[0]
            differences = comparison.differences(metric)
            if ended or len(seeds) >= most or all(d.settled or d.missing for d in differences):
                return comparison
            seeds += more(min(at_once, most - len(seeds)), seeds)

    def _comparison(self, seeds: Sequence[int], ended: str, peeking: bool = False) -> Comparison:
        known: dict[tuple[str, str, int], Outcome] = {}
        for arm, market in self.question.cells():
            for seed in seeds:
                outcome = self.keep.get(self._keys[arm.name, market.name], seed)
                if outcome is not None:
                    known[arm.name, market.name, seed] = outcome
        return Comparison(
            question=self.question,
            seeds=tuple(seeds),
            outcomes=known,
            peeking=peeking,
            ended=ended,
            wall_s=time.perf_counter() - self._began_s,
            book_seconds=self._played,
        )

    def _play(self, seeds: Sequence[int]) -> str:
        """Play what is missing; what ended it early, empty if nothing did."""
        trials: list[Trial] = []
        keys: list[str] = []
        at_once = self.question.seeds_at_once(len(seeds), self.jobs)
        # All arms of the first seeds come before the next seeds: what is done can be compared.
        for first in range(0, len(seeds), at_once):
            for arm, market in self.question.cells():
                key = self._keys[arm.name, market.name]
                missing = [s for s in seeds[first : first + at_once] if self.keep.get(key, s) is None]
                if missing and (key, tuple(missing)) not in {
                    (k, t.seeds) for k, t in zip(keys, trials, strict=True)
                }:
                    trials.append(self.question.trial(arm, market, missing))
                    keys.append(key)
        if not trials:
            return ""
        fresh = sorted({seed for trial in trials for seed in trial.seeds})
        self.begin(sum(trial.book_seconds for trial in trials), fresh)

        def done(number: int, outcomes: tuple[Outcome, ...]) -> None:
            self._played += trials[number].book_seconds
            try:
                self.keep.add(keys[number], outcomes)
            except OSError as error:
                self.problem = f"{error.filename}: {error.strerror}"

        try:
            self.executor.run(trials, done)
        except Stopped as stopped:
            return stopped.signal
        return ""

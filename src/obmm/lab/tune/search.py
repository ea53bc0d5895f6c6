"""Where the next candidates come from: optuna, with its study in a journal that survives whatever happens.

The journal alone says how far a study is. Candidates are asked for in batches. A batch that was asked for in
full goes on after a restart as if nothing had been. Of one that was not nothing counts, and the same is asked
for again: the random numbers of a batch depend on its number only.
"""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from obmm.lab.diagnose.configuration import toml_value
from obmm.lab.tune.ranges import Choice
from obmm.lab.tune.space import Dimension, Space

_NAME = "obmm tune"
#: Of a trial in the journal: its batch and place in it, its values by place, and what became of it.
_SLOT, _VALUES, _ROW = "slot", "values", "row"
#: Candidates drawn at random before the sampler has learnt anything.
_STARTUP = 10
#: Of fewer candidates nothing is said of what matters.
_LEAST = 8
#: Share of the candidates that counts as the best, of which is asked what they have in common.
_BEST = 0.25


@attrs.frozen
class Asked:
    """A candidate that was asked for.

    Attributes:
        number: Its number in the study, from 1 on.
        values: Its values by place.
        told: Whether the journal knows what became of it.
        journal: Its number in the journal.
    """

    number: int
    values: Mapping[str, Any]
    told: bool
    journal: int


class Search:
    """The candidates of a study.

    Args:
        path: The journal; it is made if it is not there.
        space: What may be changed.
        less: Of each metric, whether less of it is better.
        seed: Seed of the search.
    """

    def __init__(self, path: Path, space: Space, less: Sequence[bool], seed: int) -> None:
        with _quiet():
            import optuna
            from optuna.storages import JournalStorage
            from optuna.storages.journal import JournalFileBackend

            optuna.logging.set_verbosity(optuna.logging.WARNING)
            self._optuna = optuna
            # The folder is held already: a lock file of its own would outlive a process that is killed.
            backend = JournalFileBackend(str(path), lock_obj=_Held())  # type: ignore[arg-type, unused-ignore]
            self._study = optuna.create_study(
                storage=JournalStorage(backend),
                study_name=_NAME,
                directions=["minimize" if low else "maximize" for low in less],
                load_if_exists=True,
            )
        self._space, self._seed = space, seed

    def begin(self, figures: Sequence[float]) -> None:
        """Let the sampler know what the configuration before the search comes to."""
        start = self._space.start
        told = self._study.get_trials(deepcopy=False)
        inside = all(d.within.holds(start[d.place]) for d in self._space.dimensions if d.place in start)
        if told or not inside:
            return
        dimensions = [d for d in self._space.dimensions if d.place in start]
        with _quiet():
            self._study.add_trial(
                self._optuna.trial.create_trial(
                    params={d.place: _label(d, start[d.place]) for d in dimensions},
                    distributions={d.place: self._distribution(d) for d in dimensions},
                    values=list(figures),
                )
            )

    def batch(self, number: int, size: int, first: int) -> list[Asked]:
        """The candidates of a batch: those that the journal has, or new ones.

        Args:
            number: Number of the batch.
            size: How many candidates it has.
            first: The number of its first candidate in the study.
        """
        there = self._there(number, first)
        # Nothing of a batch is told before all of it has been asked for.
        if len(there) >= size or any(asked.told for asked in there):
            return there
        for trial in self._study.get_trials(deepcopy=False):
            if not trial.state.is_finished():
                self._set(trial.number, _SLOT, None)
                self._study.tell(trial.number, state=self._optuna.trial.TrialState.FAIL)
        with _quiet():
            seed = int(np.random.SeedSequence([self._seed % 2**63, number]).generate_state(1)[0])
            self._study.sampler = self._optuna.samplers.TPESampler(
                seed=seed, constant_liar=True, n_startup_trials=_STARTUP, warn_independent_sampling=False
            )
            return [self._ask(number, i, first + i) for i in range(size)]

    def tell(
        self, asked: Asked, row: Mapping[str, Any], steps: Sequence[float], figures: Sequence[float] | None
    ) -> None:
        """Write down what became of a candidate.

        Args:
            asked: The candidate.
            row: Everything about it, as plain values.
            steps: Its first figure at each rung.
            figures: Its figures after all rungs; None if it did not get there.
        """
        states = self._optuna.trial.TrialState
        self._set(asked.journal, _ROW, json.dumps(row))
        with _quiet():
            if figures is not None:
                self._study.tell(asked.journal, values=list(figures))
                return
            if steps and len(self._study.directions) == 1:
                trial = self._optuna.trial.Trial(self._study, self._id(asked.journal))
                for step, value in enumerate(steps):
                    trial.report(value, step)
            self._study.tell(asked.journal, state=states.PRUNED if steps else states.FAIL)

    def importances(self, tried: Sequence[tuple[Mapping[str, Any], float]]) -> dict[str, float]:
        """How much each dimension matters, as shares of 1; empty where too little is known.

        PED-ANOVA (Watanabe, Bansal & Hutter 2023): how far the values of the best quarter differ from all.

        Args:
            tried: Values of candidates, and what they came to on the same seeds; more is better.
        """
        places = [d for d in self._space.dimensions if all(d.place in values for values, _ in tried)]
        varied = [d for d in places if len({repr(values[d.place]) for values, _ in tried}) > 1]
        if len(tried) < _LEAST or not varied:
            return {}
        optuna = self._optuna
        with _quiet():
            study = optuna.create_study(direction="maximize")
            for values, figure in tried:
                params = {d.place: _label(d, values[d.place]) for d in varied}
                made = {d.place: self._distribution(d) for d in varied}
                study.add_trial(optuna.trial.create_trial(params=params, distributions=made, value=figure))
            made_by = optuna.importance.PedAnovaImportanceEvaluator
            # It was called otherwise before optuna 4.4.
            names = inspect.signature(made_by).parameters
            quantile = "target_quantile" if "target_quantile" in names else "baseline_quantile"
            evaluator = made_by(**{quantile: _BEST})
            found = optuna.importance.get_param_importances(study, evaluator=evaluator)
        return {name: float(share) for name, share in found.items()}

    def _there(self, number: int, first: int) -> list[Asked]:
        found = {}
        for trial in self._study.get_trials(deepcopy=False):
            slot = trial.user_attrs.get(_SLOT)
            if slot is not None and slot[0] == number and _VALUES in trial.user_attrs:
                values = _read(json.loads(trial.user_attrs[_VALUES]))
                found[slot[1]] = Asked(first + slot[1], values, trial.state.is_finished(), trial.number)
        return [found[i] for i in sorted(found)]

    def _ask(self, batch: int, slot: int, number: int) -> Asked:
        trial = self._study.ask()
        values: dict[str, Any] = {}
        for dimension in self._space.dimensions:
            if not dimension.means(values):
                continue
            place, within = dimension.place, dimension.within
            if isinstance(within, Choice):
                labels = {_label(dimension, value): value for value in within.values}
                values[place] = labels[trial.suggest_categorical(place, list(labels))]
            elif within.whole:
                step = 1 if within.step is None else int(within.step)
                low, high = int(within.low), int(within.high)
                values[place] = trial.suggest_int(place, low, high, step=step, log=within.log)
            else:
                drawn = trial.suggest_float(place, within.low, within.high, step=within.step, log=within.log)
                values[place] = dimension.rounded(drawn)
        trial.set_user_attr(_VALUES, json.dumps(values))
        # Last: a trial without it counts for nothing.
        trial.set_user_attr(_SLOT, [batch, slot])
        return Asked(number, values, False, trial.number)

    def _distribution(self, dimension: Dimension) -> Any:
        made, within = self._optuna.distributions, dimension.within
        if isinstance(within, Choice):
            return made.CategoricalDistribution([_label(dimension, value) for value in within.values])
        if within.whole:
            step = 1 if within.step is None else int(within.step)
            return made.IntDistribution(int(within.low), int(within.high), step=step, log=within.log)
        return made.FloatDistribution(within.low, within.high, step=within.step, log=within.log)

    def _id(self, number: int) -> int:
        return int(
            self._study._storage.get_trial_id_from_study_id_trial_number(self._study._study_id, number)
        )

    def _set(self, number: int, name: str, value: Any) -> None:
        self._study._storage.set_trial_user_attr(self._id(number), name, value)


def _read(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as they were before JSON made lists of tuples."""
    return {place: tuple(v) if isinstance(v, list) else v for place, v in values.items()}


def _label(dimension: Dimension, value: Any) -> Any:
    """A value as the journal has it: choices by their TOML, numbers as they are."""
    if not isinstance(dimension.within, Choice):
        return value
    # 0 and 0.0 are one choice, called as it was said.
    return toml_value(next(known for known in dimension.within.values if known == value))


class _Held:
    """The lock of a file whose folder is held."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


@contextmanager
def _quiet() -> Iterator[None]:
    """No warnings that something is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield

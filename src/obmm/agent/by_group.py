"""Several configurations as one, each on the books of its group, to be played as one wide market.

Configurations go together that have the same stages and differ in options that may differ from book to book,
and in signals. What such an option says is an array over the books; of a signal that differs in anything else
there are as many instances as it has forms, and each group is told what its own says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from obmm.agent.config import Config, StageSpec, plain_options
from obmm.agent.pipeline import plan
from obmm.market import Feed, FloatArray, IntArray, MarketState, PerBook, Signal, Signals, Venue

#: Stands for a number that may differ from book to book.
_ANY = ("any number",)


@attrs.frozen
class ByGroup(Config):
    """A configuration for each group of a wide market.

    Attributes:
        of_group: (G) the configuration of each group.

    >>> from obmm.agent import resolve
    >>> both = by_group([resolve("touch"), resolve("touch", ["size_base=2"])])
    >>> both.per_book(Venue.of(4, groups=[0, 0, 1, 1]))
    {('builder', 'size_base'): array([0.26, 0.26, 2.  , 2.  ])}
    """

    of_group: tuple[Config, ...] = ()
    _varied: tuple[tuple[str, str], ...] = ()

    def per_book(self, venue: Venue) -> dict[tuple[str, str], PerBook]:
        """Options (B,) that differ between books of a venue, by path and option."""
        said = {id(config): config.per_book(venue) for config in self.of_group}
        keys = dict.fromkeys((*self._varied, *(key for told in said.values() for key in told)))

        def of(config: Config, path: str, option: str) -> FloatArray:
            told = said[id(config)]
            value = told[path, option] if (path, option) in told else getattr(_built(config, path), option)
            return np.broadcast_to(value, venue.book_ids.shape).astype(np.float64)

        books = np.arange(venue.n_books)
        return {key: np.stack([of(c, *key) for c in self.of_group])[venue.groups, books] for key in keys}

    def settled_s(self, whole_s: float, venue: Venue) -> PerBook:
        """Seconds after which all signals of a book have settled, group by group."""
        own = [plan(config).warmup_s for config in self.of_group]
        return np.array(own)[venue.groups] if len(set(own)) > 1 else own[0]

    def as_table(self) -> dict[str, Any]:
        """Everything that decides what the agent does, group by group."""
        return {"groups": [config.as_table() for config in self.of_group]}


def by_group(configs: Sequence[Config]) -> Config:
    """One configuration of several that go together, in the order of their groups.

    Raises:
        ValueError: Their shapes differ (`shape_of`).
    """
    first = configs[0]
    if all(config is first for config in configs) or len({config.hash for config in configs}) == 1:
        return first
    if len({shape_of(config) for config in configs}) > 1:
        raise ValueError("configurations of different shapes cannot be one")
    signals, varied = [], []
    for i, spec in enumerate(first.signals):
        of_group = [config.signals[i] for config in configs]
        if len({_shape(spec) for spec in of_group}) > 1:
            spec = _several(of_group)
        else:
            varied += _varied(of_group)
        signals.append(spec)
    for spec in (*first.gates, first.builder, first.placer):
        varied += _varied([config.spec(spec.path) for config in configs])
    told = {f.name: getattr(first, f.name) for f in attrs.fields(Config)}
    return ByGroup(**told | {"signals": tuple(signals)}, of_group=tuple(configs), varied=tuple(varied))


def shape_of(config: Config) -> Any:
    """What two configurations must have in common to go together; can be compared and hashed."""
    if config.choices:
        return config.hash
    own = {o.path for o in config.overrides}
    return (
        # What is said of single books is said of an option that each of them has.
        tuple(
            (s.path, *((_shape(s),) if own & {part.path for part in s.walk()} else ()))
            for s in config.signals
        ),
        tuple(_shape(spec) for spec in (*config.gates, config.builder, config.placer)),
        tuple((str(a.selector), a.config.hash) for a in config.assign),
        config.objective,
    )


def _shape(spec: StageSpec, exactly: bool = False) -> Any:
    """A stage but for the numbers that may differ from book to book."""
    stage = spec.build()
    told = plain_options(stage, spec)
    # How a stage of the user's own takes an array is its own affair.
    free = () if exactly or spec.source else _numbers(spec, stage)
    return (
        spec.path,
        spec.cls,
        spec.source,
        tuple((n, _ANY if n in free else repr(v)) for n, v in told.items() if n not in spec.parts),
        tuple((name, _shape(part, exactly)) for name, part in sorted(spec.parts.items())),
    )


def _numbers(spec: StageSpec, stage: Any) -> frozenset[str]:
    """Options of a stage that are one number for all books, and need not be."""
    able = [f.name for f in attrs.fields(spec.cls) if f.metadata.get("per_book")]
    return frozenset(name for name in able if takes_array(stage, name))


def takes_array(stage: Any, option: str) -> bool:
    """Whether an option that is one number now can differ between books; a stage may refuse that."""
    value = getattr(stage, option)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        attrs.evolve(stage, **{option: np.array([float(value)])})
    except ValueError:
        return False
    return True


def _varied(of_group: Sequence[StageSpec]) -> list[tuple[str, str]]:
    """Path and name of each option in which stages of one shape differ."""
    found: list[tuple[str, str]] = []
    for same in zip(*(spec.walk() for spec in of_group), strict=True):
        stages = [spec.build() for spec in same]
        names = () if same[0].source else _numbers(same[0], stages[0])
        found += [(same[0].path, n) for n in sorted(names) if len({getattr(s, n) for s in stages}) > 1]
    return found


def _several(of_group: Sequence[StageSpec]) -> StageSpec:
    """A signal that is another one for some groups."""
    forms = [_shape(spec, exactly=True) for spec in of_group]
    first = [forms.index(form) for form in forms]
    kept = sorted(set(first))
    return SignalByGroup(
        **{f.name: getattr(of_group[0], f.name) for f in attrs.fields(StageSpec)},
        forms=tuple(of_group[i] for i in kept),
        form_of=tuple(kept.index(i) for i in first),
    )


@attrs.frozen
class SignalByGroup(StageSpec):
    """A signal of several forms before they are built.

    Attributes:
        forms: Its forms.
        form_of: (G) the number of each group's form.
    """

    forms: tuple[StageSpec, ...] = ()
    form_of: tuple[int, ...] = ()

    def build(self, per_book: Mapping[tuple[str, str], PerBook] | None = None) -> Any:
        """New instances of all forms."""
        return _OneOf(tuple(form.build() for form in self.forms), np.array(self.form_of))


@attrs.define
class _OneOf:
    """Signals of which each group is told one."""

    signals: tuple[Signal, ...]
    form_of: IntArray

    @property
    def needs(self) -> frozenset[Feed | str]:
        return frozenset[Any]().union(*(getattr(one, "needs", ()) for one in self.signals))

    @property
    def warmup_s(self) -> float:
        return max(float(getattr(one, "warmup_s", 0.0)) for one in self.signals)

    @property
    def only_trades(self) -> bool:
        readers = [one for one in self.signals if Feed.TAPE in getattr(one, "needs", ())]
        return all(getattr(one, "only_trades", False) for one in readers)

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        said = np.stack([one(state, signals) for one in self.signals])
        told: FloatArray = said[self.form_of[state.venue.groups], np.arange(state.n_books)]
        return told


def _built(config: Config, path: str) -> Any:
    return config.spec(path).build()

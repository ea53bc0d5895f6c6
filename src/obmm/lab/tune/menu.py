"""Everything of a configuration that could be changed, each with its usual range."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, resolve
from obmm.agent.config import LISTS, StageSpec
from obmm.lab.tune.ranges import Choice, Range, range_around, range_of_item
from obmm.lab.tune.sections import sections_of, stage_table
from obmm.lab.tune.space import ENABLED, KIND, Dimension
from obmm.settings.structure import option_names
from obmm.settings.toml import Layer

#: What has neither order nor end, such as a text: somebody must say what to try.
NOTHING = Choice(())


def menu_of(
    config: Config, kinds: Mapping[tuple[str, str], StageSpec], leaving: frozenset[str]
) -> dict[str, Dimension]:
    """Dimensions by place, each with its usual range, `NOTHING` where there is none.

    Args:
        config: The configuration before the search.
        kinds: Stages by path and kind that may stand where another does.
        leaving: Paths of signals and gates that may be left out.

    >>> menu = menu_of(resolve("balanced"), {}, frozenset())
    >>> print(menu["signals.lean.weights.trade_flow"].within, "|", menu["builder.min_edge_bps"].within)
    -0.3 … 0.9 | -2 … 6
    """
    return {**_stages(config, kinds), **_options(config, kinds, leaving)}


def other_kind(config: Config, spec: StageSpec, kind: str, folder: Path | None) -> StageSpec:
    """A stage of another kind in place of `spec`, with the options that they share.

    Raises:
        ConfigError: There is no such kind, or it cannot stand there.
    """
    sections, old = sections_of(config), stage_table(spec)

    def changed(keep: Sequence[str], books: bool) -> StageSpec:
        table: Any = {"kind": kind, **{name: old[name] for name in keep}}
        if spec.slot in LISTS:
            own = {**table, "name": spec.name}
            table = [own if s is spec else stage_table(s) for s in config.specs if s.slot == spec.slot]
        told = {**sections, spec.slot: table}
        if not books:
            told.pop("books", None)
        return resolve(Layer(config.name, told, folder)).spec(spec.path)

    names = set(option_names(changed((), False).cls))
    return changed([name for name in old if name in names], True)


def _stages(config: Config, kinds: Mapping[tuple[str, str], StageSpec]) -> dict[str, Dimension]:
    """Whether each signal and gate is there, and of which kind each stage is."""
    menu: dict[str, Dimension] = {}

    def add(spec: StageSpec, option: str, values: tuple[Any, ...]) -> None:
        place, within = f"{spec.path}.{option}", Choice(values)
        menu[place] = Dimension(
            place=place, path=spec.path, option=option, within=within, origin="", start=values[0]
        )

    for spec in config.specs:
        if spec.slot in LISTS:
            add(spec, ENABLED, (True, False))
        add(spec, KIND, (spec.kind, *(kind for path, kind in kinds if path == spec.path)))
    return menu


def _options(
    config: Config, kinds: Mapping[tuple[str, str], StageSpec], leaving: frozenset[str]
) -> dict[str, Dimension]:
    """Every option of every stage that may be there."""
    menu: dict[str, Dimension] = {}
    for spec in config.specs:
        others = [other for (path, _), other in kinds.items() if path == spec.path]
        for one in (spec, *others):
            only: dict[str, frozenset[Any]] = {}
            if others:
                only[f"{spec.path}.{KIND}"] = frozenset({one.kind})
            if spec.path in leaving:
                only[f"{spec.path}.{ENABLED}"] = frozenset({True})
            for part in one.walk():
                for dimension in _of_stage(part, only):
                    known = menu.get(dimension.place)
                    if known is not None:
                        # Of several kinds: the range of the one that is there, under any of them.
                        kind = f"{spec.path}.{KIND}"
                        either = known.only[kind] | only[kind]
                        dimension = attrs.evolve(known, only={**known.only, kind: either})
                    menu[dimension.place] = dimension
    return menu


def _of_stage(spec: StageSpec, only: Mapping[str, frozenset[Any]]) -> Iterator[Dimension]:
    stage = spec.build()
    given = {name: setting.value for name, setting in spec.options.items()}
    for name in option_names(spec.cls):
        if name in spec.parts:
            continue
        value = getattr(stage, name)
        rows = (
            [(key, number, range_of_item(number)) for key, number in value.items()]
            if isinstance(value, dict)
            else [("", value, range_around(spec.cls, name, value, given) or NOTHING)]
        )
        for key, now, within in rows:
            yield Dimension(
                place=".".join(filter(None, (spec.path, name, key))),
                path=spec.path,
                option=name,
                key=key,
                within=within,
                origin=f"around {now:g}" if isinstance(within, Range) else "all there are",
                only=only,
                start=now,
            )

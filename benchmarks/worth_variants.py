"""Every way in which a configuration can differ a little: each option lower and higher, each part away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, resolve
from obmm.agent.config import LISTS, StageSpec
from obmm.agent.pipeline import feeds_of
from obmm.lab.tune.menu import menu_of
from obmm.lab.tune.ranges import Choice, Range
from obmm.lab.tune.sections import sections_of
from obmm.lab.tune.space import ENABLED, KIND, Dimension
from obmm.settings.toml import Layer

#: Options of builders that stand for a part of them, with the value at which it is gone, and what goes.
SWITCHES: dict[str, tuple[Any, str]] = {
    "depth_base": (0, "joining where others have that much size"),
    "min_edge_bps": (0, "the least edge of a quote"),
    "skew_bps": (0, "skew with the position"),
    "signal_bps": (0, "the lean with a signal"),
    "exit_ticks": (0, "standing inside on the side that reduces"),
    "edge_bps": (1e4, "taking for the rebate"),
    "flat_cost_bps": (-1e4, "taking to get flat"),
    "gain": (0, "going where the signal points"),
    "join": (False, "resting on the side of the target where taking is too dear"),
    "signal_shift": (0, "the lean with the signal"),
    "skew_shift": (0, "standing away from the side that adds"),
}


@attrs.frozen(kw_only=True)
class Variant:
    """A configuration that differs in one thing.

    Attributes:
        kind: "option" or "part".
        place: What differs, as a file says it.
        value: What it is; None for a stage that is gone.
        start: What it was.
        words: What that means.
    """

    kind: str
    place: str
    value: Any
    start: Any
    words: str
    config: Config

    @property
    def name(self) -> str:
        """What tells it from the others."""
        return f"{self.kind} {self.place}={'off' if self.value is None else self.value}"


def variants(base: Config) -> list[Variant]:
    """All of them that can be assembled and differ from `base`, each configuration once."""
    return [one for one in (*_options(base), *_parts(base)) if one.config.hash != base.hash]


def _options(base: Config) -> Iterator[Variant]:
    for place, dimension in menu_of(base, {}, frozenset()).items():
        if dimension.option in (KIND, ENABLED):
            continue
        spec = next(spec for spec in base.all_specs if spec.path == dimension.path)
        words = attrs.fields_dict(spec.cls)[dimension.option].metadata.get("help", "")
        for value in _values(dimension):
            config = _with(base, dimension, value)
            if config is not None:
                yield Variant(
                    kind="option", place=place, value=value, start=dimension.start, words=words, config=config
                )


def _values(dimension: Dimension) -> Iterator[Any]:
    """A value below and one above, half-way to where a search would end; or every other word."""
    within, start = dimension.within, dimension.start
    if isinstance(within, Choice):
        yield from (value for value in within.values if value != start)
        return
    assert isinstance(within, Range)
    for end in (within.low, within.high):
        at = min(max(start, within.low), within.high)
        value = (at * end) ** 0.5 if within.log else (at + end) / 2.0
        value = round(value) if within.whole else float(f"{value:.3g}")
        if value != start:
            yield value


def _with(base: Config, dimension: Dimension, value: Any) -> Config | None:
    """`base` with one option changed, None if the stage does not take that."""
    sections = sections_of(base)
    stage = _table(sections, dimension.path)
    if dimension.key:
        now = dict(getattr(base.spec(dimension.path).build(), dimension.option))
        stage[dimension.option] = {**now, dimension.key: value}
    else:
        stage[dimension.option] = value
    return _resolved(base, sections)


def _parts(base: Config) -> Iterator[Variant]:
    for spec in base.specs:
        if spec.slot in LISTS:
            sections = sections_of(base)
            sections[spec.slot].remove(_table(sections, spec.path))
            _forget(sections, spec.path)
            if (config := _resolved(base, sections)) is not None:
                words = (spec.cls.__doc__ or "").strip().partition("\n")[0]
                yield Variant(
                    kind="part", place=spec.path, value=None, start=spec.kind, words=words, config=config
                )
    for books in sections_of(base).get("books", {}):
        sections = sections_of(base)
        del sections["books"][books]
        if (config := _resolved(base, sections)) is not None:
            words = "Options of their own of these books"
            yield Variant(
                kind="part", place=f"books.{books}", value=None, start="", words=words, config=config
            )
    for spec in _chain(base.builder):
        inner = spec.parts.get("around")
        if inner is not None:
            sections = sections_of(base)
            outer, last = spec.path.rpartition(".")[::2]
            around = _table(sections, inner.path)
            if outer:
                _table(sections, outer)[last] = around
            else:
                sections["builder"] = around
            _forget(sections, spec.path, "around")
            if (config := _resolved(base, sections)) is not None:
                words = (spec.cls.__doc__ or "").strip().partition("\n")[0]
                yield Variant(
                    kind="part", place=spec.path, value=None, start=spec.kind, words=words, config=config
                )
        stage = spec.build()
        for option, (gone, words) in SWITCHES.items():
            if option in attrs.fields_dict(spec.cls) and (start := getattr(stage, option)) != gone:
                sections = sections_of(base)
                _table(sections, spec.path)[option] = gone
                if (config := _resolved(base, sections)) is not None:
                    place = f"{spec.path}.{option}"
                    yield Variant(
                        kind="part", place=place, value=gone, start=start, words=words, config=config
                    )


def _chain(spec: StageSpec) -> Iterator[StageSpec]:
    """A builder, and those inside it."""
    yield spec
    if "around" in spec.parts:
        yield from _chain(spec.parts["around"])


def _table(sections: dict[str, Any], path: str) -> dict[str, Any]:
    """What the sections say of the stage at a path."""
    slot, *inside = path.split(".")
    table = sections[slot]
    if slot in LISTS:
        name, *inside = inside
        table = next(entry for entry in table if entry.get("name", entry["kind"]) == name)
    for step in inside:
        table = table.setdefault(step, {})
    return table


def _forget(sections: dict[str, Any], path: str, inner: str = "") -> None:
    """Take out what single books say of a stage that is gone; its part, if it is there now, keeps its own."""
    for table in sections.get("books", {}).values():
        *outer, last = path.split(".")
        for step in outer:
            table = table.get(step, {})
        gone = table.pop(last, {})
        if inner in gone:
            table[last] = gone[inner]


def _resolved(base: Config, sections: dict[str, Any]) -> Config | None:
    try:
        config = resolve(Layer(base.name, sections, Path.cwd()))
        feeds_of(config)  # Somebody may need what is gone.
    except ConfigError:
        return None
    return config

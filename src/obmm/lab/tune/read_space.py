"""What may be changed, as `[tune]` tables and `--space` words say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, Problem
from obmm.agent.config import StageSpec
from obmm.agent.sources import chain, preset_layer
from obmm.lab.tune.menu import NOTHING, menu_of, other_kind
from obmm.lab.tune.ranges import Choice, Range
from obmm.lab.tune.space import ENABLED, KIND, Dimension, Space
from obmm.settings.errors import did_you_mean, shown
from obmm.settings.toml import file_layer, parse_layer

#: Keys of a table that is a range, and not a stage.
_OF_RANGE = ("low", "high", "log", "step", "choices")
#: The word for everything that has a range.
ALL = "all"


@attrs.frozen
class _Said:
    """What was said of a place: a range, choices, `true` for the usual range, `false` for none."""

    value: Any
    origin: str


def read_space(source: str | Path, base: Config, words: Sequence[str] = ()) -> Space:
    """What a search of `base` may change.

    Where neither `[tune]` nor `words` say anything, it is every number that the configuration itself says,
    around its value.

    Args:
        source: The preset's name or the file that `base` was resolved from.
        base: The configuration before the search.
        words: `place`, `place=low..high`, `place=low..high:log`, `place=a,b,c`, or `all`.

    Raises:
        ConfigError: With everything that is wrong, each with its place.

    >>> from obmm.agent import resolve
    >>> words = ["size_base=0.25..1:log", "back_off", "gates.fees.enabled"]
    >>> space = read_space("touch", resolve("touch"), words)
    >>> [f"{d.place}: {d.within}" for d in space.dimensions]
    ['gates.fees.enabled: True, False', 'builder.back_off: False, True', 'builder.size_base: 0.25 … 1, log']
    """
    if base.choices:
        what = f"the venue chooses: search for one of {', '.join(base.choices)} at a time"
        raise ConfigError([Problem(f"{base.name}: objective", what)])
    if base.assign:
        what = "gives books to other pipelines: search for the best options of one pipeline at a time"
        raise ConfigError([Problem(f"{base.name}: assign", what)])
    layer = file_layer(Path(source)) if str(source).endswith(".toml") else preset_layer(str(source))
    reading = _Reading(base, layer.folder)
    for part in chain(layer):
        table = part.table.get("tune", {})
        if isinstance(table, Mapping):
            reading.take(_leaves(table), f"{part.origin}: tune")
        else:
            reading.wrong(f"{part.origin}: tune", "is a table: write [tune]")
    for word in words:
        reading.take_word(word)
    return reading.space()


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        place = f"{above}.{key}" if above else key
        if isinstance(value, Mapping) and not (value and set(value) & set(_OF_RANGE)):
            yield from _leaves(value, place)
        else:
            yield place, value


@attrs.define
class _Reading:
    """A space in the making; what is wrong is gathered."""

    base: Config
    folder: Path | None
    said: dict[str, _Said] = attrs.field(factory=dict)
    problems: list[Problem] = attrs.field(factory=list)
    kinds: dict[tuple[str, str], StageSpec] = attrs.field(factory=dict)
    menu: dict[str, Dimension] = attrs.field(factory=dict)

    def wrong(self, where: str, what: str) -> None:
        """Note a problem."""
        self.problems.append(Problem(where, what))

    def take(self, leaves: Iterator[tuple[str, Any]], where: str) -> None:
        """Lay what a table says over what was said before."""
        for place, value in leaves:
            self._say(place, value, f"{where}.{place}")

    def take_word(self, word: str) -> None:
        """Lay a `--space` word over what was said before."""
        place, equals, text = word.partition("=")
        where = f"--space {word}"
        place = "" if place.strip() == ALL else place.strip()
        try:
            self._say(place, _of_word(text.strip(), where) if equals else True, where)
        except ConfigError as error:
            self.problems += error.problems

    def _say(self, place: str, value: Any, where: str) -> None:
        if place in {spec.path for spec in self.base.specs} and isinstance(value, list):
            place = f"{place}.{KIND}"
        if isinstance(value, bool):
            # Of a stage, or of everything: what was said inside it before is said anew.
            for known in [k for k in self.said if not place or k == place or k.startswith(f"{place}.")]:
                del self.said[known]
        self.said.pop(place, None)
        self.said[place] = _Said(value, where)

    def space(self) -> Space:
        """The space.

        Raises:
            ConfigError: Something was wrong.
        """
        leaving = {
            place.rpartition(".")[0]
            for place, said in self.said.items()
            if place.endswith(f".{ENABLED}") and said.value is not False
        }
        self._read_kinds()
        self.menu = menu_of(self.base, self.kinds, frozenset(leaving))
        if any(said.value is not False for said in self.said.values()):
            found = self._asked()
        else:
            found = self._written()
        if not found and not self.problems:
            self.wrong(self.base.name, "leaves nothing to be searched; name places in [tune]")
        order = {path: i for i, path in enumerate(spec.path for spec in self.base.all_specs)}
        dimensions = sorted(
            found.values(), key=lambda d: (not _of_stage(d), order.get(d.path, len(order)), d.place)
        )
        space = Space(base=self.base, dimensions=tuple(dimensions), kinds=self.kinds)
        for dimension in dimensions:
            for value in dimension.ends:
                if what := space.problem(dimension, value):
                    self.wrong(dimension.origin, f"{shown(value)} is refused: {what}")
        if self.problems:
            raise ConfigError(self.problems, of="the search")
        return space

    def _read_kinds(self) -> None:
        """Make the stages that may stand where another does."""
        for spec in self.base.specs:
            said = self.said.get(f"{spec.path}.{KIND}")
            if said is None or not isinstance(said.value, list):
                continue
            for kind in said.value:
                if kind == spec.kind:
                    continue
                if not isinstance(kind, str):
                    self.wrong(said.origin, f"a kind must be a text, got {shown(kind)}")
                    continue
                try:
                    self.kinds[spec.path, kind] = other_kind(self.base, spec, kind, self.folder)
                except ConfigError as error:
                    self.wrong(said.origin, f"{kind!r} cannot stand there: {error.problems[0].what}")

    def _written(self) -> dict[str, Dimension]:
        """Every number that the configuration itself says, less what was taken out."""
        found: dict[str, Dimension] = {}
        for place, usual in self.menu.items():
            if isinstance(usual.within, Range):
                setting = self.base.spec(usual.path).options.get(usual.option)
                if setting is not None and setting.origin != "default":
                    found[place] = usual
        for named, said in self.said.items():
            for place in self._places(named, said):
                found.pop(place, None)
        return found

    def _asked(self) -> dict[str, Dimension]:
        found: dict[str, Dimension] = {}
        for named, said in self.said.items():
            places = self._places(named, said)
            for place in places:
                usual = self.menu[place]
                if said.value is False:
                    found.pop(place, None)
                elif said.value is not True:
                    dimension = self._narrowed(usual, said)
                    if dimension is not None:
                        found[place] = dimension
                elif len(places) > 1:
                    # Of all that there is, stages stay; and what was said of one place before holds.
                    if usual.within != NOTHING and not _of_stage(usual):
                        found.setdefault(place, usual)
                elif isinstance(usual.within, Choice) and len(usual.within.values) < 2:
                    self.wrong(said.origin, "has neither order nor end: give a list of what to try")
                else:
                    found[place] = attrs.evolve(usual, origin=usual.origin or said.origin)
        return found

    def _places(self, named: str, said: _Said) -> list[str]:
        """The places that a name means: itself, all below it, or the one option of that name."""
        if named in self.menu:
            return [named]
        below = [place for place in self.menu if not named or place.startswith(f"{named}.")]
        if below and isinstance(said.value, bool):
            return below
        ends = [place for place in self.menu if place.endswith(f".{named}")]
        if len(ends) == 1 and "." not in named:
            return ends
        if len(ends) > 1 and "." not in named:
            self.wrong(said.origin, f"several stages have it; write one of {', '.join(sorted(ends))}")
        elif below:
            self.wrong(said.origin, f"holds several: name one of {', '.join(sorted(below)[:8])}")
        else:
            known = {*self.menu, *(place.rpartition(".")[2] for place in self.menu)}
            near = did_you_mean(named, known)
            near = near if "mean" in near else "`obmm config explain` lists what there is"
            self.wrong(said.origin, f"no stage has this option; {near}")
        return []

    def _narrowed(self, usual: Dimension, said: _Said) -> Dimension | None:
        value: Any = said.value
        if isinstance(value, Mapping) and "choices" in value:
            if extra := sorted(set(value) - {"choices"}):
                self.wrong(said.origin, f"choices stand alone: leave {', '.join(extra)} out")
                return None
            value = value["choices"]
        within = self._choice(value, said) if isinstance(value, list) else self._range(value, usual, said)
        return None if within is None else attrs.evolve(usual, within=within, origin=said.origin)

    def _choice(self, value: list[Any], said: _Said) -> Choice | None:
        values = tuple(tuple(v) if isinstance(v, list) else v for v in value)
        if len(values) < 2:
            self.wrong(said.origin, "needs two or more to choose from")
        elif len({repr(v) for v in values}) < len(values):
            self.wrong(said.origin, "names one of them twice")
        elif not all(isinstance(v, (bool, int, float, str, tuple)) for v in values):
            self.wrong(said.origin, f"must be numbers, texts, flags or lists, got {shown(value)}")
        else:
            return Choice(values)
        return None

    def _range(self, value: Any, usual: Dimension, said: _Said) -> Range | None:
        within = usual.within
        if not isinstance(value, Mapping):
            example = "{ low = 8, high = 60, log = true }"
            self.wrong(said.origin, f"must be a range such as {example}, or a list, got {shown(value)}")
            return None
        if not isinstance(within, Range):
            self.wrong(said.origin, "is no number: give a list of what to try")
            return None
        if unknown := sorted(set(value) - set(_OF_RANGE)):
            hint = did_you_mean(unknown[0], _OF_RANGE)
            self.wrong(f"{said.origin}.{unknown[0]}", f"says nothing of a range; {hint}")
            return None
        numbers = {key: value[key] for key in ("low", "high", "step") if key in value}
        for key, number in numbers.items():
            if isinstance(number, bool) or not isinstance(number, (int, float)) or not abs(number) < 1e300:
                self.wrong(f"{said.origin}.{key}", f"must be a number, got {shown(number)}")
                return None
        if not isinstance(value.get("log", False), bool):
            self.wrong(f"{said.origin}.log", f"must be true or false, got {shown(value['log'])}")
            return None
        low, high = numbers.get("low", within.low), numbers.get("high", within.high)
        step = numbers.get("step")
        # Where only one end is told, the other is the usual one, and its scale too.
        log = value.get("log", within.log and low > 0.0 and len(numbers) < 2)
        for fault, what in (
            (not low < high, f"low must be below high, got {low:g} and {high:g}"),
            (log and low <= 0.0, f"a logarithmic range begins above 0, not at {low:g}"),
            (log and step is not None, "steps and a logarithmic scale exclude each other"),
            (
                step is not None and not 0.0 < step <= high - low,
                f"step must be above 0 and at most {high - low:g}",
            ),
            (within.whole and (low % 1 or high % 1 or (step or 0) % 1), "must be whole numbers"),
        ):
            if fault:
                self.wrong(said.origin, what)
                return None
        return Range(low=low, high=high, log=log, whole=within.whole, step=step)


def _of_stage(dimension: Dimension) -> bool:
    return dimension.option in (KIND, ENABLED)


def _of_word(text: str, where: str) -> Any:
    """What stands behind the `=` of a word: `8..60:log`, `1..9:step=2`, `a,b`, or TOML.

    >>> _of_word("8..60:log", ""), _of_word("true,false", ""), _of_word("[[1, 3], [1, 5]]", "")
    ({'low': 8.0, 'high': 60.0, 'log': True}, [True, False], [[1, 3], [1, 5]])
    """
    if text[:1] in ("[", "{") or text in ("true", "false"):
        return parse_layer(f"v = {text}", where).table["v"]
    span, _, more = text.partition(":")
    low, dots, high = span.partition("..")
    if dots:
        told: dict[str, Any] = {"low": _number(low, where), "high": _number(high, where)}
        if more == "log":
            told["log"] = True
        elif more.startswith("step="):
            told["step"] = _number(more[5:], where)
        elif more:
            raise ConfigError([Problem(where, f"{more!r} says nothing of a range: write :log or :step=2")])
        return told
    return [_item(part.strip()) for part in text.split(",")]


def _number(text: str, where: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ConfigError([Problem(where, f"{text!r} is no number: write 8..60")]) from None


def _item(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number

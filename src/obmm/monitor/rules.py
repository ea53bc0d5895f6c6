"""Rules of what is told of a running agent, read from TOML: ours, with those of a file laid over them."""

from __future__ import annotations

import datetime
import math
import re
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import attrs

from obmm.monitor.channels import CHANNELS, Channel, Log
from obmm.monitor.measures import MEASURES
from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.structure import Structure, structure
from obmm.settings.toml import Layer, file_layer, parse_layer

_HOURS = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})")


@attrs.frozen(kw_only=True)
class Rule:
    """When something is told.

    Attributes:
        measure: Of what, a key of `obmm.monitor.measures.MEASURES`.
        above: The rule is broken above it.
        below: The rule is broken below it; just one of both is given.
        mended: On the other side of it the rule is kept again; the bound itself, if not given.
        for_s: Real seconds for which it must be so, either way.
        urgent: Whether it is told in quiet hours.
        diagnosed: Whether the message says what a diagnosis finds.
        enabled: Whether it is looked at.

    >>> Rule(measure="sharpe", below=0.5, mended=0.7).broken(0.6, before=True)
    True
    """

    measure: str
    above: float | None = None
    below: float | None = None
    mended: float | None = None
    for_s: float = 0.0
    urgent: bool = False
    diagnosed: bool = False
    enabled: bool = True

    def __attrs_post_init__(self) -> None:
        if self.measure not in MEASURES:
            raise ValueError(
                f"nothing is measured as {self.measure!r}; {did_you_mean(self.measure, MEASURES)}"
            )
        if (self.above is None) == (self.below is None):
            raise ValueError("needs one of 'above' and 'below'")
        if self.for_s < 0.0:
            raise ValueError("for_s must not be negative")
        if self.mended is not None and (
            self.mended > self.above if self.above is not None else self.mended < (self.below or 0.0)
        ):
            raise ValueError("mended must lie on the good side of the bound")

    def broken(self, value: float, *, before: bool) -> bool:
        """Whether it is broken, if it was so `before`; a value that is not known changes nothing."""
        if math.isnan(value):
            return before
        bound = self.bound if not before or self.mended is None else self.mended
        return value > bound if self.above is not None else value < bound

    @property
    def bound(self) -> float:
        """The bound that breaks it."""
        return self.above if self.above is not None else self.below or 0.0


@attrs.frozen(kw_only=True)
class Settings:
    """All that a file of alerts says.

    Attributes:
        rules: By name.
        to: Where messages go.
        repeat_minutes: What is still broken is said again so often.
        at_most_per_hour: Messages.
        quiet_hours: Local time in which only urgent rules are told, such as "22:00-07:00"; "" for none.
    """

    rules: Mapping[str, Rule]
    to: tuple[Channel, ...] = (Log(),)
    repeat_minutes: float = attrs.field(default=60.0, validator=attrs.validators.gt(0.0))
    at_most_per_hour: int = attrs.field(default=12, validator=attrs.validators.ge(1))
    quiet_hours: str = ""

    def quiet(self, at: datetime.datetime) -> bool:
        """Whether a local time lies in the quiet hours."""
        if not self.quiet_hours:
            return False
        begin, end = _hours(self.quiet_hours)
        now = at.hour * 60 + at.minute
        return begin <= now < end if begin <= end else now >= begin or now < end


def rules_text() -> str:
    """The rules in force without any file, as TOML with comments."""
    return resources.files("obmm.monitor").joinpath("alerts.toml").read_text(encoding="utf-8")


def load(path: str | Path | None = None) -> Settings:
    """The settings of a file over ours.

    Raises:
        ConfigError: With all that is wrong with it.

    >>> load().rules["sharpe"].below
    0.5
    """
    ours = parse_layer(rules_text(), "alerts.toml")
    return _settings(ours, Layer("none", {}) if path is None else file_layer(Path(path)))


#: Keys of a file, beside the tables of rules and channels.
_PLAIN = ("repeat_minutes", "at_most_per_hour", "quiet_hours")
_ONE_CHANNEL = Structure({Channel: CHANNELS})


def _settings(ours: Layer, theirs: Layer) -> Settings:
    table, problems = theirs.table, []
    known = (*_PLAIN, "rules", "to")
    problems += [
        Problem(f"{theirs.origin}: {key}", f"unknown; {did_you_mean(key, known)}")
        for key in table
        if key not in known
    ]
    rules: dict[str, Rule] = {}
    for name, options in _tables(ours, theirs, problems).items():
        rule, wrong = structure(options, Rule)
        problems += [Problem(f"{theirs.origin}: rules.{_at(name, where)}", what) for where, what in wrong]
        if rule is not None:
            rules[name] = rule
    to = table.get("to", [{"kind": "log"}])
    if not isinstance(to, list):
        problems.append(Problem(f"{theirs.origin}: to", 'is a list: write [[to]], then kind = "log"'))
        to = []
    channels = []
    for i, options in enumerate(to):
        made, wrong = _ONE_CHANNEL({"to": options}, _To)
        problems += [
            Problem(f"{theirs.origin}: to[{i}]{where.removeprefix('to')}", what) for where, what in wrong
        ]
        channels += [] if made is None else [made.to]
    plain: dict[str, Any] = {}
    for key in _PLAIN:
        made, wrong = structure({key: table.get(key, ours.table[key])}, _PLAIN_KINDS[key])
        problems += [Problem(f"{theirs.origin}: {key}", what) for _, what in wrong]
        plain |= {} if made is None else attrs.asdict(made)
    if problems:
        raise ConfigError(problems, "the file of alerts")
    return Settings(rules=rules, to=tuple(channels), **plain)


def _tables(ours: Layer, theirs: Layer, problems: list[Problem]) -> dict[str, dict[str, Any]]:
    """The options of each rule."""
    tables = {name: dict(options) for name, options in ours.table["rules"].items()}
    rules = theirs.table.get("rules", {})
    if not isinstance(rules, Mapping):
        problems.append(
            Problem(f"{theirs.origin}: rules", "is a table: write [rules.sharpe], then below = 0.5")
        )
        return tables
    for name, options in rules.items():
        if not isinstance(options, Mapping):
            problems.append(Problem(f"{theirs.origin}: rules.{name}", "is a table of options"))
        elif name not in tables and "measure" not in options:
            what = f"no rule is called so: {did_you_mean(name, tables)} A new one needs a measure"
            problems.append(Problem(f"{theirs.origin}: rules.{name}", what))
        else:
            before = tables.get(name, {})
            if {"above", "below"} & set(options):
                # Another bound has another good side.
                before = {key: before[key] for key in before if key not in ("above", "below", "mended")}
            tables[name] = before | dict(options)
    return tables


def _at(name: str, where: str) -> str:
    return f"{name}.{where}" if where else name


@attrs.frozen(kw_only=True)
class _To:
    to: Channel


@attrs.frozen(kw_only=True)
class _Repeat:
    repeat_minutes: float = attrs.field(validator=attrs.validators.gt(0.0))


@attrs.frozen(kw_only=True)
class _AtMost:
    at_most_per_hour: int = attrs.field(validator=attrs.validators.ge(1))


@attrs.frozen(kw_only=True)
class _Quiet:
    quiet_hours: str

    def __attrs_post_init__(self) -> None:
        if self.quiet_hours:
            _hours(self.quiet_hours)


#: One class each, so that all that is wrong is told.
_PLAIN_KINDS: dict[str, type] = {
    "repeat_minutes": _Repeat,
    "at_most_per_hour": _AtMost,
    "quiet_hours": _Quiet,
}


def _hours(text: str) -> tuple[int, int]:
    """Minutes of the day from and until.

    Raises:
        ValueError: The text is no span of a day.
    """
    found = _HOURS.fullmatch(text.replace(" ", ""))
    parts = [int(part) for part in found.groups()] if found else []
    if not parts or max(parts[0], parts[2]) > 24 or max(parts[1], parts[3]) > 59:
        raise ValueError(f"must be hours such as '22:00-07:00', got {text!r}")
    return parts[0] * 60 + parts[1], parts[2] * 60 + parts[3]

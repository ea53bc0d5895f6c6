"""A combination of signals as a configuration that runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from obmm.agent import Config, resolve
from obmm.agent.config import StageSpec
from obmm.lab.diagnose.configuration import toml_value
from obmm.lab.study.blend import Blend
from obmm.lab.study.stretches import Sample
from obmm.lab.study.subjects import Subjects
from obmm.settings.structure import option_names
from obmm.signals import Ensemble

#: The signal that builders lean with, where a configuration does not say.
LEAN = "lean"


def combinable(subjects: Subjects, sample: Sample) -> tuple[list[str], dict[str, str]]:
    """Columns of signals that an ensemble could weigh, and why the others cannot be.

    An ensemble has no constant, sees prices as they are, and takes the first of several columns.
    """
    usable, left_out = [], {}
    for column in sample.names:
        name, _, k = column.partition(".")
        values = [part[part == part] for part in sample.of(column)]
        low = min((float(part.min()) for part in values if part.size), default=0.0)
        high = max((float(part.max()) for part in values if part.size), default=0.0)
        cls = subjects.spec(name).cls
        if k not in ("", "0"):
            continue
        if getattr(cls, "unit", "") == "quote":
            left_out[name] = "is a price"
        elif issubclass(cls, Ensemble):
            left_out[name] = "is an ensemble itself"
        elif low >= 0.0 or high <= 0.0:
            left_out[name] = "never changes its sign"
        else:
            usable.append(column)
    return usable, left_out


def proposed(subjects: Subjects, blend: Blend, preset: str, folder: Path, origin: str) -> str:
    """The TOML of a configuration that leans with a combination of signals.

    Args:
        subjects: The signals that were studied.
        blend: Their combination.
        preset: What it is laid over, where the signals are of no configuration of their own.
        folder: Where the file will lie.
        origin: On what it was measured, for its first line.

    Raises:
        ConfigError: `preset` is no configuration.
    """
    source = subjects.base or preset
    base = resolve(source)
    lean = str(getattr(base.builder.build(), "signal", "") or LEAN)
    weighed = [subjects.spec(column.partition(".")[0]) for column in blend.weights]
    read = _read_by(subjects, weighed)
    names = {
        spec.name: spec.name if spec.name in read else _name_beside(spec, base, lean) for spec in weighed
    }
    lines: list[str] = []
    for spec in subjects.config.signals:
        name = names.get(spec.name, spec.name)
        if (spec in weighed or spec.name in read) and not any(
            name == other.name and _same(spec, other) for other in base.signals
        ):
            entry = {"kind": spec.kind} | ({} if name == spec.kind else {"name": name}) | _given(spec)
            lines += ["", "[[signals]]", *(f"{key} = {toml_value(value)}" for key, value in entry.items())]
    weights = {names[spec.name]: w for spec, w in zip(weighed, blend.weights.values(), strict=True)}
    ensemble = {"kind": "ensemble", "name": lean, "weights": weights}
    extends = os.path.relpath(source, folder) if source.endswith(".toml") else source
    head = [
        f"# Weights from {origin}.",
        f"# Next {blend.horizon_s:g} s, out of sample: correlation {blend.correlation:+.3f} "
        f"({blend.low:+.3f} … {blend.high:+.3f}), {100.0 * blend.hit_rate:.1f} % of signs.",
        f"extends = {toml_value(Path(extends).as_posix())}",
    ]
    head.insert(2, f"# Where the sum is 1, the price has gone {blend.bps_per_unit:+.1f} bp.")
    builder = _leaning(base, lean, blend)
    if builder is None:
        head.insert(3, f"# The builder of {source} leans with no signal; give it one that does.")
    elif builder:
        head += ["", "[builder]", *(f"{key} = {toml_value(value)}" for key, value in builder.items())]
    body = [f"{key} = {toml_value(value)}" for key, value in ensemble.items()]
    return "\n".join([*head, *lines, "", "[[signals]]", *body]) + "\n"


def _leaning(base: Config, lean: str, blend: Blend) -> dict[str, Any] | None:
    """What a builder must be told to lean with the signal; nothing where it does, None where it cannot."""
    builder = base.builder.build()
    if getattr(builder, "signal", None):
        return {}
    options = option_names(base.builder.cls)
    if "signal" not in options:
        return None
    told: dict[str, Any] = {"signal": lean}
    if "signal_bps" in options and not builder.signal_bps:
        told["signal_bps"] = float(f"{blend.bps_per_unit:.2g}")
    return told


def _read_by(subjects: Subjects, specs: Iterable[StageSpec]) -> set[str]:
    """Names of the signals that some read, directly or not: these must keep them."""
    found: set[str] = set()
    waiting = list(specs)
    while waiting:
        needs = getattr(waiting.pop().build(), "needs", ())
        new = {need for need in needs if isinstance(need, str)} - found
        found |= new
        waiting += [subjects.spec(name) for name in new]
    return found


def _name_beside(spec: StageSpec, base: Config, lean: str) -> str:
    """The name of the same signal in the base, else its own, or another where that is taken."""
    taken = {other.name: other for other in base.signals}
    name = next((other.name for other in base.signals if _same(spec, other)), spec.name)
    while name == lean or not _same(spec, taken.get(name, spec)):
        name += "-studied"
    return name


def _same(one: StageSpec, other: StageSpec) -> bool:
    """Whether two signals are the same, whatever they are called."""
    return one.cls is other.cls and bool(one.build() == other.build())


def _given(spec: StageSpec) -> dict[str, Any]:
    """Options that were given, parts with theirs."""
    parts = {name: {"kind": part.kind, **_given(part)} for name, part in spec.parts.items()}
    return {name: setting.value for name, setting in spec.options.items()} | parts

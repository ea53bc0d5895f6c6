"""The configurations that are compared: presets, files, and swaps of single things in the first of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, ConfigError, Problem, preset_names, resolve
from obmm.agent.config import LISTS, SINGLE, StageSpec
from obmm.lab.relive import newest_config
from obmm.settings import did_you_mean
from obmm.settings.toml import Layer
from obmm.settings.words import words
from obmm.wire.recording import Recording, is_recording

#: What leaves a stage out.
OFF = "off"


@attrs.frozen
class Arm:
    """One configuration under a short name of its own."""

    name: str
    config: Config


def arms_of(sources: Sequence[str], swaps: Sequence[str] = (), params: Sequence[str] = ()) -> tuple[Arm, ...]:
    """The arms, the first of them the one that all others are held against.

    Args:
        sources: Presets' names and TOML files; or live recordings, for the newest configuration in each.
        swaps: Each makes a challenger of the first source: `builder=touch` takes another stage,
            `gates.drawdown=off` leaves one out, `signals.lean.weights.imbalance=0` changes an option or an
            entry of one; several words in one text are one challenger.
        params: `name=value` words that hold for every arm.

    Raises:
        ConfigError: A source or a swap is wrong, or there is nothing to compare.

    >>> [arm.name for arm in arms_of(["balanced", "touch"], ["gates.drawdown=off"])]
    ['balanced', 'touch', 'gates.drawdown=off']
    """
    if not sources:
        raise ConfigError([Problem("compare", "name a preset or a TOML file, such as balanced")])
    if len(sources) + len(swaps) < 2:
        what = f"name another configuration beside {sources[0]}, or a --swap such as builder=touch"
        raise ConfigError([Problem("compare", what)])
    configs = [(_short(source), _resolved(source, params)) for source in sources]
    base = configs[0][1]
    configs += [(swap, swapped(sources[0], base, swap, params)) for swap in swaps]
    arms: list[Arm] = []
    for name, config in configs:
        same = sum(arm.name == name or arm.name.startswith(f"{name} (") for arm in arms)
        arms.append(Arm(f"{name} ({same + 1})" if same else name, config))
    return tuple(arms)


def _resolved(source: str, params: Sequence[str]) -> Config:
    """A preset, a file, or what a recording was made with."""
    if not is_recording(source):
        return resolve(source, params)
    if params:
        what = "was recorded with a configuration, in which --set changes nothing: leave it out"
        raise ConfigError([Problem(source, what)])
    return newest_config(Recording(Path(source)))


def swapped(source: str, base: Config, swap: str, params: Sequence[str] = ()) -> Config:
    """`source` with what `swap` says changed.

    Raises:
        ConfigError: A word of it names nothing that can be swapped.

    >>> base = resolve("balanced")
    >>> swapped("balanced", base, "signals.lean.weights.imbalance=0").spec("signals.lean").build().weights
    {'imbalance': 0.0, 'trade_flow': 0.3}
    >>> swapped("balanced", base, "builder=touch").spec("builder").kind
    'touch'
    """
    if is_recording(source):
        raise ConfigError([Problem(source, "is a recording, in which nothing can be swapped: name a file")])
    table: dict[str, Any] = {"extends": source if source in preset_names() else str(Path(source).resolve())}
    changes: dict[str, Any] = {}
    for path, value in words([swap]):
        section, _, name = path.partition(".")
        if path in SINGLE:
            table[path] = {"kind": value}
        elif section in LISTS and name and "." not in name:
            table.setdefault(section, []).append(_entry(base, path, name, value))
        else:
            changes |= _option(base, path, value)
    told = dict(words(list(params)))
    config = resolve(Layer(f"--swap {swap}", table, Path.cwd()), told | changes)
    if config.hash == base.hash:
        raise ConfigError([Problem(f"--swap {swap}", "changes nothing: the first configuration says so too")])
    return config


def _entry(base: Config, path: str, name: str, value: Any) -> dict[str, Any]:
    """What a list of stages says of one that is swapped, or left out."""
    known = [spec.path for spec in base.specs]
    if path not in known:
        raise ConfigError([Problem(f"--swap {path}", f"names no stage; {did_you_mean(path, known)}")])
    return {"name": name, "enabled": False} if value == OFF else {"name": name, "kind": value}


def _option(base: Config, path: str, value: Any) -> dict[str, Any]:
    """The parameter that sets an option, or a whole table of which one entry differs."""
    for spec in base.all_specs:
        if not path.startswith(f"{spec.path}."):
            continue
        option, *inside = path.removeprefix(f"{spec.path}.").split(".")
        if inside and option not in spec.parts and isinstance(now := _now(spec, option), Mapping):
            return {f"{spec.path}.{option}": _changed(now, inside, value, path)}
    return {path: value}


def _now(spec: StageSpec, option: str) -> Any:
    return getattr(spec.build(), option, None)


def _changed(now: Mapping[str, Any], inside: Sequence[str], value: Any, path: str) -> dict[str, Any]:
    name, *deeper = inside
    if name not in now:
        known = list(map(str, now))
        raise ConfigError([Problem(f"--swap {path}", f"names no entry; {did_you_mean(name, known)}")])
    return {**now, name: _changed(now[name], deeper, value, path) if deeper else value}


def _short(source: str) -> str:
    return source if source in preset_names() else Path(source).stem

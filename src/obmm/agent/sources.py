"""Where a configuration comes from: presets and files, base first."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from obmm.agent.objective import AUTO
from obmm.settings.errors import ConfigError, Problem, did_you_mean
from obmm.settings.toml import Layer, file_layer, parse_layer

#: Presets of the first agent, kept as they were.
HERITAGE = ("aggressive", "balanced", "calm", "conservative", "defensive", "fast")


def preset_names() -> list[str]:
    """Names of the presets that ship with the package; `auto`, which is one of them by venue, is not told.

    >>> "balanced" in preset_names(), "auto" in preset_names()
    (True, False)
    """
    folder = resources.files("obmm.agent") / "presets"
    names = (entry.name[:-5] for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return sorted(name for name in names if name != AUTO)


def preset_text(name: str) -> str:
    """The TOML text of a preset.

    Raises:
        ConfigError: There is no such preset.
    """
    if name not in (*preset_names(), AUTO):
        known = did_you_mean(name, preset_names())
        what = f"no preset is called {name!r}: {known} (a file of your own ends in .toml)"
        raise ConfigError([Problem("preset", what)])
    return (resources.files("obmm.agent") / "presets" / f"{name}.toml").read_text(encoding="utf-8")


def preset_layer(name: str) -> Layer:
    """A preset as a layer."""
    return parse_layer(preset_text(name), f"preset {name}")


def chain(layer: Layer) -> list[Layer]:
    """The layers that `layer` extends, base first, and itself last.

    Raises:
        ConfigError: A base does not exist, or the files extend each other in a circle.
    """
    layers = [layer]
    while (base := layers[0].table.get("extends")) is not None:
        if not isinstance(base, str):
            raise ConfigError(
                [Problem(f"{layers[0].origin}: extends", f"must be a name or a path, got {base!r}")]
            )
        below = _base(base, layers[0])
        if any(below.origin == known.origin for known in layers):
            raise ConfigError(
                [Problem(f"{layers[0].origin}: extends", f"{base!r} extends itself in a circle")]
            )
        layers.insert(0, below)
    return layers


def files_of(path: Path) -> list[Path]:
    """The files that a configuration file is made of: itself, those it extends, those of assigned books.

    Raises:
        ConfigError: One cannot be read.
    """
    found: dict[Path, None] = {}
    waiting = [path]
    while waiting:
        layers = [layer for layer in chain(file_layer(waiting.pop())) if layer.folder is not None]
        for layer in layers:
            file = Path(layer.origin)
            if file in found:
                continue
            found[file] = None
            entries = layer.table.get("assign", [])
            for entry in entries if isinstance(entries, list) else []:
                pipeline = entry.get("pipeline") if isinstance(entry, dict) else None
                if isinstance(pipeline, str) and pipeline.endswith(".toml"):
                    waiting.append((layer.folder or Path.cwd()) / pipeline)
    return list(found)


def _base(base: str, layer: Layer) -> Layer:
    if base in (*preset_names(), AUTO):
        return preset_layer(base)
    if not base.endswith(".toml"):
        what = f"no preset is called {base!r}: {did_you_mean(base, preset_names())}"
        raise ConfigError([Problem(f"{layer.origin}: extends", what)])
    return file_layer((layer.folder or Path.cwd()) / base)

"""Figures of speed kept in a file, and told beside those of an earlier run."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

import obmm

#: Figures by a name that stays the same from run to run; the unit ends it.
Figures = Mapping[str, float]


def save(figures: Figures, folder: Path) -> Path:
    """Write the figures into a new file of `folder`, with what they were measured on."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / time.strftime("%Y-%m-%dT%H-%M-%S.json")
    about = {
        "obmm": obmm.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": platform.platform(),
    }
    path.write_text(json.dumps({"about": about, "figures": dict(figures)}, indent=2) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> dict[str, float]:
    """The figures in a file that `save` wrote.

    Raises:
        SystemExit: There is no such file, or it holds something else; said in one line.
    """
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        return {str(name): float(value) for name, value in figures.items()}
    except OSError as error:
        raise SystemExit(f"BASE: {path}: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SystemExit(f"BASE: {path} holds no figures that `make bench` wrote") from error


def beside(figures: Figures, base: Figures) -> Iterator[tuple[str, float | None, float | None, float | None]]:
    """Name, figure, base and figure / base of everything that either has."""
    for name in {**figures, **base}:
        new, old = figures.get(name), base.get(name)
        yield name, new, old, new / old if new is not None and old else None

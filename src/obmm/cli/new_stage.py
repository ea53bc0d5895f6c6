"""`obmm new-stage`."""

from __future__ import annotations

import importlib.util
import keyword
import re
import shlex
from pathlib import Path
from typing import Literal

from obmm.cli._errors import UsageError
from obmm.cli._output import console
from obmm.cli._parameters import Flag


def new_stage(
    name: str,
    /,
    *,
    group: Literal["signal", "gate", "builder"] = "signal",
    folder: Path = Path(),
    force: Flag = False,
) -> None:
    """Write a working stage of your own, with its test and the TOML that uses it.

        obmm new-stage my_signal
        obmm new-stage my_gate --group gate --folder stages

    It works at once: check it, run it, then put your own idea in the place of ours.

    Args:
        name: A name for the module, such as `my_signal`; the class becomes `MySignal`.
        group: What kind of stage to write.
        folder: Where to write; stages lie beside the TOML file that names them.
        force: Overwrite files that exist.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        near = re.sub(r"\W", "_", name, flags=re.ASCII)
        hint = f", such as {near}" if near.isidentifier() and not keyword.iskeyword(near) else ""
        raise UsageError(f"{name!r} is no Python name; use letters, digits and underscores{hint}")
    if class_of(name) in _TAKEN:
        raise UsageError(f"a class of that name is one of obmm's own; choose another, such as my_{name}")
    files = {folder / file: text for file, text in skeleton(name, group).items()}
    taken = [str(path) for path in files if path.exists()]
    if taken and not force:
        raise UsageError(f"{', '.join(taken)} exist already; --force overwrites them")
    if not taken and importlib.util.find_spec(name) is not None:
        raise UsageError(
            f"a module called {name!r} exists in Python or an installed package; choose another name"
        )
    folder.mkdir(parents=True, exist_ok=True)
    out = console()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        out.print(f"wrote {path}", markup=False)
    at = f"cd {shlex.quote(str(folder))} && " if folder != Path() else ""
    toml = shlex.quote(str(folder / f"{name}.toml"))
    knows = f"study it:  obmm study {shlex.quote(str(folder / name))}.py --seeds 1 2\n"
    out.print(
        f"\ncheck it:  {at}obmm check {name}:{class_of(name)}\n"
        f"{knows if group == 'signal' else ''}"
        f"use it:    obmm simulate --preset {toml} --books 4 --hours 1\n"
        f"test it:   {at}python -m pytest test_{name}.py",
        markup=False,
    )


def class_of(name: str) -> str:
    """The class in the module of that name."""
    return "".join(word.capitalize() for word in name.split("_"))


def skeleton(name: str, group: Literal["signal", "gate", "builder"]) -> dict[str, str]:
    """File → text of a working stage of one's own, its test, and a configuration that uses it."""
    words = {"module": name, "cls": class_of(name)}
    return {
        f"{name}.py": _STAGE[group].format(**words),
        f"test_{name}.py": _TEST.format(**words),
        f"{name}.toml": _TOML[group].format(**words),
    }


#: Classes that the written modules import.
_TAKEN = ("Limits", "Quotes", "Reason", "Signals", "Stage")

_STAGE = {
    "signal": '''"""A signal of my own."""

import attrs
import numpy as np

from obmm.market import FloatArray, MarketState, Signals, Stage, option


@attrs.define
class {cls}(Stage):
    """Imbalance of the touch, turned around: in this market it calls the next move the wrong way."""

    strength: float = option(1.0, help="multiplies the signal")

    def __call__(self, state: MarketState, signals: Signals) -> FloatArray:
        bid, ask = state.bid_size[:, 0], state.ask_size[:, 0]
        return -self.strength * np.where(state.sound, (bid - ask) / np.maximum(bid + ask, 1e-9), np.nan)
''',
    "gate": '''"""A gate of my own."""

import attrs

from obmm.market import Limits, MarketState, Reason, Signals, Stage, option


@attrs.define
class {cls}(Stage):
    """Quotes stop while the spread is narrower than it is worth."""

    min_spread_ticks: float = option(20.0, help="narrower books stay quiet", unit="ticks")

    def __call__(self, state: MarketState, signals: Signals) -> Limits:
        wide = state.spread >= self.min_spread_ticks * state.venue.grid.tick
        return Limits.of(state.n_books, allowed=wide, reason=Reason.CUSTOM)
''',
    "builder": '''"""A builder of my own."""

import attrs

from obmm.market import Limits, MarketState, Quotes, Signals, Stage, option


@attrs.define
class {cls}(Stage):
    """The least size, a fixed distance behind the best price of the others."""

    behind_ticks: float = option(1.0, help="distance behind the best price", unit="ticks")

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        away = self.behind_ticks * state.venue.grid.tick * limits.spread_factor
        bid, ask = state.competing_touch
        return Quotes.of(bid_price=bid - away, ask_price=ask + away, size=state.venue.least_base)
''',
}

_TEST = '''"""The contract that every stage keeps."""

import pytest

from {module} import {cls}
from obmm.testing import checks_for


@pytest.mark.parametrize("check", list(checks_for({cls})), ids=lambda check: check.name)
def test_keeps_the_contract_of_a_stage(check):
    """Shape, missing data, reset, pickling, determinism, isolation of books."""
    check.run()
'''

_TOML = {
    "signal": """# The balanced agent, leaning with a signal of my own.
extends = "balanced"
signals = [{{ kind = "{module}:{cls}", name = "lean" }}]
""",
    "gate": """# The balanced agent with one more gate.
extends = "balanced"
gates = [{{ kind = "{module}:{cls}" }}]
""",
    "builder": """# The balanced agent, quoting where my own builder says.
extends = "balanced"
builder = {{ kind = "{module}:{cls}" }}
""",
}

"""`obmm new-stage`."""

from __future__ import annotations

import keyword
from pathlib import Path
from typing import Literal

from obmm.cli._errors import UsageError
from obmm.cli._output import console


def new_stage(
    name: str,
    *,
    group: Literal["signal", "gate", "builder"] = "signal",
    folder: Path = Path(),
    force: bool = False,
) -> None:
    """Write a working stage of your own, with its test and the line of TOML that uses it.

    Parameters
    ----------
    name
        A name for the module, such as `my_signal`; the class becomes `MySignal`.
    group
        What kind of stage to write.
    folder
        Where to write; stages lie beside the TOML file that names them.
    force
        Overwrite files that exist.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise UsageError(f"{name!r} is no Python name; use letters, digits and underscores")
    class_name = "".join(word.capitalize() for word in name.split("_"))
    words = {"module": name, "cls": class_name}
    files = {
        folder / f"{name}.py": _STAGE[group].format(**words),
        folder / f"test_{name}.py": _TEST.format(**words),
    }
    taken = [str(path) for path in files if path.exists()]
    if taken and not force:
        raise UsageError(f"{' and '.join(taken)} exist already; --force overwrites them")
    folder.mkdir(parents=True, exist_ok=True)
    out = console()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
        out.print(f"wrote {path}", markup=False)
    out.print(_NEXT[group].format(**words), markup=False)


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

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Limits:
        wide = state.spread >= self.min_spread_ticks * state.venue.grid.tick
        return limits.tightened(bid_allowed=wide, ask_allowed=wide, reason=Reason.CUSTOM)
''',
    "builder": '''"""A builder of my own."""

import attrs
import numpy as np

from obmm.market import Limits, MarketState, Quotes, Signals, Stage, option


@attrs.define
class {cls}(Stage):
    """The least size, a fixed distance outside the touch."""

    outside_ticks: float = option(1.0, help="distance behind the best price", unit="ticks")

    def __call__(self, state: MarketState, signals: Signals, limits: Limits) -> Quotes:
        tick, size = state.venue.grid.tick, state.venue.min_size_base
        away = self.outside_ticks * tick * limits.spread_factor
        none = np.zeros(state.n_books, dtype=np.int64)
        return Quotes(
            bid_price=(state.best_bid - away)[:, None],
            bid_size=np.where(limits.bid_allowed, size, 0.0)[:, None],
            ask_price=(state.best_ask + away)[:, None],
            ask_size=np.where(limits.ask_allowed, size, 0.0)[:, None],
            bid_reason=none,
            ask_reason=none,
        )
''',
}

_TEST = '''"""The contract that every stage keeps."""

import pytest

from {module} import {cls}
from obmm.testing import checks_for


@pytest.mark.parametrize("check", checks_for({cls}), ids=lambda check: check.name)
def test_keeps_the_contract_of_a_stage(check):
    """Shape, missing data, reset, pickling, determinism, isolation of books."""
    check.run()
'''

_NEXT = {
    "signal": """
check it:   obmm check {module}:{cls}
use it:     extends = "balanced"
            signals = [{{ kind = "{module}:{cls}", name = "lean" }}]""",
    "gate": """
check it:   obmm check {module}:{cls}
use it:     extends = "balanced"
            gates = [{{ kind = "{module}:{cls}" }}]""",
    "builder": """
check it:   obmm check {module}:{cls}
use it:     extends = "balanced"
            builder = {{ kind = "{module}:{cls}" }}""",
}

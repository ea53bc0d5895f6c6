"""`obmm init`."""

from __future__ import annotations

import shlex
from pathlib import Path

from obmm.cli._errors import UsageError
from obmm.cli._output import console
from obmm.cli.new_stage import skeleton


def init(folder: Path, /) -> None:
    """Write a small project of your own: an agent, a signal, its test, a Makefile.

        obmm init my-agent

    All of it works at once; `make` in the folder lists what there is to do. Files that exist are not touched.

    Args:
        folder: Where to write; made if it is not there.
    """
    stage = skeleton("my_signal", "signal")
    files = {
        "README.md": _README,
        "Makefile": _MAKEFILE,
        "agent.toml": _AGENT,
        "my_signal.py": stage["my_signal.py"],
        "test_my_signal.py": stage["test_my_signal.py"],
        "test_agent.py": _TEST,
        ".gitignore": _IGNORED,
    }
    taken = [str(folder / name) for name in files if (folder / name).exists()]
    if taken:
        raise UsageError(f"{', '.join(taken)} exist already; nothing was written, name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    out = console()
    for name, text in files.items():
        # Made, never replaced: not even what came to be there in the meantime.
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(text)
        out.print(f"wrote {folder / name}", markup=False)
    out.print(f"\nwhat next:  cd {shlex.quote(str(folder))} && make", markup=False)


_README = """# My agent

| file | what it is |
| --- | --- |
| `agent.toml` | the agent: the preset `touch`, leaning with the signal below |
| `my_signal.py` | a signal of my own; put your idea there |
| `test_my_signal.py`, `test_agent.py` | what must hold before it goes live |

    make            # what there is to do
    make check      # would it go live without breaking a rule?
    make test       # its tests; they need pytest
    make study      # what does the signal know?
    make simulate   # half an hour of eight books, and a report
    make compare    # is it better than the preset it extends?

`obmm run --help` tells how it goes live.
"""

_MAKEFILE = """# Another environment: make test OBMM=.venv/bin/obmm PYTHON=.venv/bin/python
OBMM ?= obmm
PYTHON ?= python

.PHONY: help check test study simulate compare

help:
\t@echo "make check | test | study | simulate | compare"

check:
\t$(OBMM) check my_signal:MySignal
\t$(OBMM) check agent.toml

test:
\t$(PYTHON) -m pytest

study:
\t$(OBMM) study my_signal.py --seeds 1 2

simulate:
\t$(OBMM) simulate --preset agent.toml --books 8 --hours 0.5 --out runs/mine --force

compare:
\t$(OBMM) compare touch agent.toml --seeds 8 --hours 0.5 --books 8
"""

_AGENT = """# The preset touch, leaning with a signal of my own.
extends = "touch"
description = "My agent."

[[signals]]
kind = "my_signal:MySignal"
name = "lean"

[builder]
signal = "lean"
signal_bps = 2.0
"""

_TEST = '''"""The agent as a whole."""

from pathlib import Path

from obmm import MarketMaker, resolve
from obmm.testing import random_states
from obmm.testing.rules import violations


def test_it_quotes_and_breaks_no_rule():
    """On states of any kind, without an error in a stage."""
    maker, sent = MarketMaker(resolve(Path(__file__).parent / "agent.toml")), 0
    for state in random_states(1, 60, n_books=4):
        orders = maker.respond(state)
        assert violations(state, orders) == []
        sent += len(orders)
    assert maker.errors == 0
    assert sent > 0
'''

_IGNORED = """.venv/
__pycache__/
.pytest_cache/
runs/
"""

__all__ = ["init"]

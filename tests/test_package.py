"""The package as a whole: what importing it costs, and what it offers."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, resources

import pytest

import obmm

#: What extras bring: the compiler, tables on disk, pictures, servers and clients, the chain.
EXTRAS = (
    *("numba", "llvmlite", "scipy", "pyarrow", "plotly"),
    *("starlette", "uvicorn", "httpx", "bittensor", "bittensor_wallet"),
)


def loaded_by(code: str, *names: str) -> list[str]:
    """Which of the modules a fresh Python has loaded after `code`."""
    tail = f"\nimport sys\nprint(*[name for name in {names!r} if name in sys.modules], file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return done.stderr.split()


def test_importing_obmm_loads_nothing():
    """Not even numpy: names come when they are asked for."""
    assert [] == loaded_by(
        "import obmm", "numpy", "attrs", "rich", "cyclopts", "structlog", "obmm.agent", *EXTRAS
    )


def test_the_live_path_needs_none_of_the_extras():
    """Decode, decide, encode: a miner's process installs the core alone."""
    code = (
        "from obmm.agent import MarketMaker, preset_names, resolve\n"
        "from obmm.testing import random_state\n"
        "from obmm.wire import Decoder, encode_request\n"
        "for name in preset_names():\n"
        "    maker = MarketMaker(resolve(name))\n"
        "    request = Decoder(maker.feeds).request(encode_request(random_state(1)), validator='v')\n"
        "    request.reply(maker.respond(request.state))\n"
    )
    assert [] == loaded_by(code, *EXTRAS)


def test_the_live_path_works_where_the_extras_are_missing():
    """As on a machine that never had them."""
    absent = "import sys\n" + "".join(f"sys.modules[{name!r}] = None\n" for name in EXTRAS)
    code = (
        "import obmm, obmm.agent, obmm.wire, obmm.scoring, obmm.testing\n"
        "maker = obmm.MarketMaker(obmm.resolve('balanced'))\n"
        "decision = maker.decide(obmm.testing.random_state(1))\n"
        "print(decision.error, decision.why(0)[0].name)"
    )
    done = subprocess.run([sys.executable, "-c", absent + code], capture_output=True, text=True, check=True)
    assert ("WARMING_UP", "") == (done.stdout.strip(), done.stderr)


def test_what_obmm_offers_is_what_the_rooms_hold():
    """The same objects, under a shorter name."""
    import obmm.agent
    import obmm.market
    import obmm.market.stages

    assert obmm.agent.MarketMaker is obmm.MarketMaker
    assert obmm.agent.resolve is obmm.resolve
    assert obmm.market.MarketState is obmm.MarketState
    assert obmm.market.stages.option is obmm.option


@pytest.mark.parametrize("name", [n for n in obmm.__all__ if n not in ("Scenario", "SimulatedMarket")])
def test_every_name_offered_is_there(name):
    """And listed for whoever types a dot."""
    assert getattr(obmm, name) is not None
    assert name in dir(obmm)


@pytest.mark.parametrize("name", ["Scenario", "SimulatedMarket"])
def test_the_embedded_market_is_offered_too(name):
    """Where the extra that it needs is installed."""
    pytest.importorskip("numba")
    assert getattr(obmm, name) is not None
    assert name in dir(obmm)


def test_a_name_that_is_not_offered_is_an_attribute_error():
    """As of any module."""
    with pytest.raises(AttributeError, match="module 'obmm' has no attribute 'Nothing'"):
        obmm.Nothing


def test_the_version_is_the_installed_one():
    """One number, in one place."""
    assert metadata.version("obmm") == obmm.__version__


def test_the_package_is_typed():
    """Type checkers read its annotations."""
    assert (resources.files("obmm") / "py.typed").is_file()


def test_the_sample_recording_ships_with_it():
    """`obmm replay sample` and `obmm bench` need it."""
    assert (resources.files("obmm") / "data" / "sample.msgpack.zst").is_file()


def test_the_module_runs_as_the_command():
    """`python -m obmm` where no script was installed."""
    done = subprocess.run(
        [sys.executable, "-m", "obmm", "--version"], capture_output=True, text=True, check=True
    )
    assert f"{obmm.__version__}\n" == done.stdout

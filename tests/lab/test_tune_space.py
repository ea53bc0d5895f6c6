"""What a search may change, and how it is said."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

pytest.importorskip("numba")
pytest.importorskip("scipy")

from obmm.agent import ConfigError, resolve
from obmm.lab.tune.ranges import Choice, Range, range_around
from obmm.lab.tune.read_space import read_space
from obmm.lab.tune.sections import as_toml
from obmm.lab.tune.space import Space
from obmm.market import Stage
from obmm.market.stages import option
from obmm.settings.registry import GROUPS, registered
from obmm.settings.structure import structure


def shipped() -> Iterator[tuple[str, type, str]]:
    """Every option of every stage of ours, and of what steers spreads."""
    from obmm.execution import FillRate

    for group in GROUPS:
        for kind, cls in registered(group).items():
            if cls.__module__.startswith("obmm."):
                yield from ((kind, cls, f.name) for f in attrs.fields(cls) if f.init)
    yield from (("controller", FillRate, f.name) for f in attrs.fields(FillRate) if f.init)


def of_file(folder: Path, tune: str, *words: str, above: str = 'extends = "balanced"') -> Space:
    """The space of a file with a table `[tune]`."""
    (folder / "my.toml").write_text(f"{above}\n{tune}")
    return read_space(folder / "my.toml", resolve(folder / "my.toml"), words)


def told(space: Space) -> dict[str, str]:
    """The ranges by place."""
    return {d.place: str(d.within) for d in space.dimensions}


@pytest.mark.parametrize(("kind", "cls", "name"), list(shipped()))
def test_every_option_of_ours_has_a_range(kind: str, cls: type, name: str) -> None:
    """A number, flag or word is looked for around its default, and its stage takes both ends."""
    value = getattr(cls(), name)
    found = range_around(cls, name, value, {})

    if not isinstance(value, (bool, int, float)) and "Literal" not in str(attrs.fields_dict(cls)[name].type):
        assert found is None
        return
    assert found is not None
    assert math.isinf(value) if isinstance(value, float) and not found.holds(value) else True
    ends = found.values if isinstance(found, Choice) else (found.low, found.high)
    assert [(end, []) for end in ends] == [(end, structure({name: end}, cls)[1]) for end in ends]


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        (option(8.0, help="", unit="bp", low=0.0), "2 … 32, log"),
        (option(1.2, help="", unit="1", low=1.0), "1.05 … 1.8, log"),
        (option(0.8, help="", unit="fraction"), "0.2 … 1, log"),
        (option(0.0, help="", unit="ticks", low=0.0), "0 … 4"),
        (option(0.0, help="", unit="ticks"), "-4 … 4"),
        (option(-2.0, help="", unit="bp"), "-6 … 2"),
        (option(math.inf, help="", unit="s", low=0.0), "1 … 3600, log"),
        (option(3, help="", unit="levels", low=1, high=100, type=int), "1 … 9, log"),
        (option(5.0, help="", low=5.0, high=5.0), "None"),
    ],
)
def test_range_around_a_value(of: Any, expected: str) -> None:
    """A quarter to four times the distance from the least value; both signs where both are admitted."""
    cls = attrs.make_class("Some", {"it": of}, bases=(Stage,))

    assert expected == str(range_around(cls, "it", cls().it, {}))


def test_range_heeds_a_validator_of_its_own() -> None:
    """What the options together do not admit is not looked for."""

    @attrs.define
    class Pair(Stage):
        low: float = option(1.0, help="", low=0.0)
        high: float = option(2.0, help="", low=0.0)

        def __attrs_post_init__(self) -> None:
            if not self.low < self.high:
                raise ValueError("low must be below high")

    found = range_around(Pair, "low", 1.0, {"high": 2.0})

    assert isinstance(found, Range)
    assert found.low == 0.25
    assert found.high == pytest.approx(2.0, rel=1e-3)
    assert found.high < 2.0


def test_what_the_configuration_says_is_searched_by_default() -> None:
    """Numbers that a preset writes, not those that a stage has anyway."""
    space = read_space("touch", resolve("touch"))

    assert {
        "signals.volatility.tau_s": "15 … 240, log",
        "gates.inventory.max_inventory_pct": "0.075 … 1, log",
        "builder.inside_ticks": "-4 … 4",
        "builder.min_edge_bps": "-2 … 6",
        "builder.size_base": "0.065 … 1.04, log",
        "placer.expiry_s": "7.501 … 120, log",
        "placer.max_age_s": "0.7508 … 12, log",
        "placer.tolerance_ticks": "0 … 4",
    } == told(space)


def test_a_file_narrows(tmp_path: Path) -> None:
    """A table `[tune]` names what is searched; words of the command line are laid over it."""
    tune = """
    [tune]
    builder.target_spread_bps = { low = 8, high = 60, log = true }
    builder.min_edge_bps = { high = 4 }
    signals.lean.weights.imbalance = [-0.2, 0.0]
    gates.volatility.enabled = true
    size_base = true
    """
    space = of_file(tmp_path, tune, "builder.target_spread_bps=10..20:step=2", "size_base=false")

    assert {
        "gates.volatility.enabled": "True, False",
        "signals.lean.weights.imbalance": "-0.2, 0.0",
        "builder.min_edge_bps": "-2 … 4",
        "builder.target_spread_bps": "10 … 20, step 2",
    } == told(space)


def test_everything_of_a_stage_or_of_all(tmp_path: Path) -> None:
    """A stage's name, or `all`, stands for every option with a usual range; other words then take out."""
    gates = told(of_file(tmp_path, "", "gates.volatility", "gates.volatility.multiple=false"))
    every = told(of_file(tmp_path, "", "all", "signals=false"))

    assert "gates.volatility.multiple" not in gates
    assert "gates.volatility.release_share" in gates
    assert {"gates.volatility"} == {place.rpartition(".")[0] for place in gates}
    assert {"gates", "builder", "placer"} == {place.partition(".")[0] for place in every}
    assert "gates.drawdown.scope" in every


def test_kinds_are_chosen_and_their_options_with_them(tmp_path: Path) -> None:
    """What one kind alone has means nothing under another; what both have keeps its value."""
    tune = 'tune.builder = ["skewed", "touch"]'
    words = ("target_spread_bps=8..60", "inside_ticks=-1..1", "size_base=0.2..0.9")
    space = of_file(tmp_path, tune, *words)
    values = {"builder.kind": "touch", "builder.target_spread_bps": 9.0, "builder.inside_ticks": 1.0}

    filled = space.filled(values)
    config = space.candidate(filled, "trial 1")

    assert {"builder.kind": "touch", "builder.inside_ticks": 1.0} == filled
    built = config.builder.build()
    assert ("touch", 1.0, 0.5) == (config.builder.kind, built.inside_ticks, built.size_base)
    assert "builder.size_base" in space.filled({"builder.kind": "touch", "builder.size_base": 0.3})


def test_a_part_of_a_stage_is_reached(tmp_path: Path) -> None:
    """A ladder's first level is a builder whose options are searched like any other's."""
    above = 'extends = "touch"\nbuilder = { kind = "ladder", levels = 2, around = { kind = "touch" } }'
    space = of_file(tmp_path, "", "builder.around.size_base=0.1..0.2", "levels=1..5", above=above)

    config = space.candidate({"builder.around.size_base": 0.15, "builder.levels": 4}, "trial 1")

    built = config.builder.build()
    assert (0.15, 4) == (built.around.size_base, built.levels)


def test_a_stage_is_left_out(tmp_path: Path) -> None:
    """A gate that is off is not in the pipeline, and its options mean nothing."""
    space = of_file(tmp_path, "", "gates.volatility.enabled", "gates.volatility.multiple=1.5..3")

    filled = space.filled({"gates.volatility.enabled": False, "gates.volatility.multiple": 2.0})

    assert {"gates.volatility.enabled": False} == filled
    assert "volatility" not in [spec.name for spec in space.candidate(filled, "trial 1").gates]


def test_start_is_the_configuration_itself() -> None:
    """With the values it had, a candidate has the same hash."""
    base = resolve("balanced")
    space = read_space("balanced", base, ["all", "gates.fees.enabled"])

    assert base.hash == space.candidate(space.start, "trial 0").hash


def test_candidate_as_a_file_is_the_same(tmp_path: Path) -> None:
    """Books of their own, parts and tables survive; notes stand behind the values."""
    (tmp_path / "my.toml").write_text('extends = "balanced"\nbooks.7.builder.size_base = 0.1\n')
    base = resolve(tmp_path / "my.toml")
    space = read_space(tmp_path / "my.toml", base)
    values = {"signals.lean.weights.imbalance": 0.125, "builder.size_base": 0.75}
    config = space.candidate(values, "trial 3")

    text = as_toml(config, "From a search.", lambda place, origin: "tried" if place in values else origin)
    (tmp_path / "again.toml").write_text(text)

    assert config.hash == resolve(tmp_path / "again.toml").hash
    assert "size_base = 0.75  # tried" in text
    assert "weights = { imbalance = 0.125, trade_flow = 0.3 }  # trial 3 of the search; tried" in text
    assert f"builder.size_base = 0.1  # {tmp_path / 'my.toml'}" in text
    assert "max_inventory_pct = 0.3  # preset balanced" in text


@pytest.mark.parametrize(
    ("tune", "words", "where", "what"),
    [
        (
            "[tune]\nbuilder.target_spred_bps = true",
            (),
            "tune.builder.target_spred_bps",
            "did you mean 'builder.target_spread_bps'",
        ),
        ("[tune]\ntarget_spred_bps = true", (), "tune.target_spred_bps", "did you mean 'target_spread_bps'?"),
        ("[tune]\nbuilder.size_base = { low = 2, high = 1 }", (), "size_base", "low must be below high"),
        ("[tune]\nbuilder.size_base = { lo = 2, high = 1 }", (), "size_base.lo", "did you mean 'low'?"),
        ("[tune]\nbuilder.size_base = { low = -1, high = 1 }", (), "size_base", "-1 is refused: "),
        ("[tune]\nbuilder.size_base = { low = 0, high = 1, log = true }", (), "size_base", "begins above 0"),
        ("[tune]\nbuilder.size_base = { low = 'a', high = 1 }", (), "size_base.low", "must be a number"),
        ("[tune]\nbuilder.size_base = 3", (), "size_base", "must be a range such as"),
        ("[tune]\nbuilder.size_base = [3]", (), "size_base", "two or more"),
        ("[tune]\nbuilder.size_base = [3, 3]", (), "size_base", "twice"),
        ("[tune]\nbuilder.fair = true", (), "builder.fair", "neither order nor end"),
        ("[tune]\nbuilder.fair = ['fair', 'nothing']", (), "builder.fair", "'nothing' is refused: reads a"),
        ("[tune]\nbuilder = ['skewed', 'tuoch']", (), "tune.builder", "did you mean 'touch'?"),
        ("[tune]\ngates.fees.enabled = 3", (), "gates.fees.enabled", "must be a range"),
        (
            "[tune]\nsignals.fair.enabled = true",
            (),
            "signals.fair.enabled",
            "False is refused: reads a signal",
        ),
        ("tune = 3", (), "my.toml: tune", "is a table"),
        ("", ("size_base=1..x",), "--space size_base=1..x", "'x' is no number"),
        ("", ("size_base=1..2:lgo",), "--space size_base=1..2:lgo", "write :log"),
        ("", ("signal=1..2",), "--space signal=1..2", "several stages have it"),
        ("", ("gates.volatility=1..2",), "--space gates.volatility=1..2", "holds several"),
        ("", ("all", "all=false"), "my.toml", "leaves nothing"),
        (
            "books.7.builder.skew_shift = 0.1",
            ("builder=skewed,touch",),
            "builder=skewed,touch",
            "unknown option",
        ),
    ],
)
def test_faults_are_told_with_place_and_fix(
    tmp_path: Path, tune: str, words: tuple[str, ...], where: str, what: str
) -> None:
    """Every mistake is one problem, with the place where it was made."""
    with pytest.raises(ConfigError) as caught:
        of_file(tmp_path, tune, *words)

    assert [True] == [where in problem.where and what in problem.what for problem in caught.value.problems]


def test_several_pipelines_are_refused(tmp_path: Path) -> None:
    """One at a time: the books of the others would only add noise."""
    with pytest.raises(ConfigError, match="one pipeline at a time"):
        of_file(tmp_path, 'assign = [{ books = "odd", pipeline = "touch" }]')


def test_numbers_are_short() -> None:
    """Four digits, never outside of the range."""
    space = read_space("touch", resolve("touch"), ["size_base=0.1..0.98765"])
    size = space.dimensions[0]

    assert [0.1, 0.1235, 0.98765] == [size.rounded(v) for v in (0.1, 0.12346, 0.98765)]
    assert isinstance(np.float64(size.rounded(0.5)), float)


def test_the_table_of_the_manual_is_read(tmp_path: Path) -> None:
    """What docs/tune.md shows is a space, place by place."""
    manual = Path(__file__).resolve().parents[2] / "docs" / "tune.md"
    text = manual.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "my.toml").write_text(text)

    space = read_space(tmp_path / "my.toml", resolve(tmp_path / "my.toml"))

    ranges = told(space)
    assert ranges["builder.target_spread_bps"] == "8 … 60, log"
    assert ranges["builder.min_edge_bps"] == "-2 … 6"
    assert ranges["signals.imbalance.depths"] == "[1, 3], [1, 3, 5, 10]"
    assert ranges["gates.volatility.enabled"] == "True, False"
    assert {"placer.expiry_s", "placer.post_only"} <= set(ranges)

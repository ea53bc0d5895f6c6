"""`obmm presets`, `obmm stages` and `obmm config explain`: what there is, and what it comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from obmm.agent import HERITAGE, OBJECTIVES, preset_names, preset_text, resolve
from obmm.settings.registry import GROUPS, registered

STAGE = '''
from typing import Literal

import attrs
import numpy as np

from obmm.market import Stage, option


@attrs.define
class Tilt(Stage):
    """Leans a little.

    A paragraph that
    is folded.

    * one point that goes on
      over two lines
    * another
    """

    unit = "-1 … 1"
    much: float = option(help="how far", unit="bp")
    way: Literal["up", "down"] = option("up", help="which way")

    def __call__(self, state, signals):
        return np.zeros(state.n_books)
'''


def test_presets_lists_each_with_its_purpose_and_hash(obmm):
    """A line each."""
    said = obmm("presets")
    assert "" == said.err
    for name in preset_names():
        config = resolve(name)
        line = next(line for line in said.out.splitlines() if line.startswith(name))
        assert config.description in line
        assert config.hash in line


def test_presets_as_json(obmm):
    """Name → description, what it plays for, whether it is one of the first agent's, and hash."""
    told = obmm("presets", "--json").json
    assert {"auto", *preset_names()} == set(told)
    for name, row in told.items():
        config = resolve(name)
        assert (config.description, config.objective, config.hash) == (
            row["description"],
            row["objective"],
            row["hash"],
        )
    assert set(HERITAGE) == {name for name, row in told.items() if row["heritage"]}


def test_a_preset_is_printed_as_the_file_it_is(obmm):
    """To be saved and changed."""
    assert preset_text("touch") == obmm("presets", "touch").out
    told = obmm("presets", "touch", "--json").json
    assert ("touch", preset_text("touch"), resolve("touch").hash) == (
        told["name"],
        told["toml"],
        told["hash"],
    )


def test_an_unknown_preset_is_told_with_those_there_are(obmm):
    """One line, status 2."""
    said = obmm("presets", "balancd")
    assert (2, "") == (said.status, said.out)
    assert "no preset is called 'balancd': did you mean 'balanced'?" in said.err


def test_stages_lists_all_of_every_group(obmm, monkeypatch):
    """Names with the first line of their descriptions."""
    monkeypatch.setenv("COLUMNS", "300")
    told = obmm("stages", "--json").json
    assert {(group, name) for group in GROUPS for name in registered(group)} == {
        (stage["group"], stage["name"]) for stage in told
    }
    out = obmm("stages").out
    for stage in told:
        assert any(line.startswith(stage["name"]) and stage["what"] in line for line in out.splitlines())


def test_stages_and_presets_say_what_can_be_played_for(obmm, monkeypatch):
    """Every objective with the presets for it, and beside each stage what the presets with it play for."""
    monkeypatch.setenv("COLUMNS", "200")
    for command in ("stages", "presets"):
        lines = obmm(command).out.splitlines()
        for name, words in OBJECTIVES.items():
            line = next(line for line in lines if line.startswith(name) and words in line)
            plays = [preset for preset in preset_names() if resolve(preset).objective == name]
            assert line.rstrip().endswith(", ".join(plays) or "none yet")
    assert "In the presets making, money, sharpe." in obmm("stages", "following").out
    told = {(stage["group"], stage["name"]): stage for stage in obmm("stages", "--json").json}
    for (group, _), stage in told.items():
        with_it = [p for p in preset_names() if _is_in(stage["class"], p)]
        assert with_it == stage["presets"], group
        assert {"heritage" if p in HERITAGE else resolve(p).objective for p in with_it} == {
            *stage["played_for"]
        }


def _is_in(name: str, preset: str) -> bool:
    specs = resolve(preset).all_specs
    return name in {f"{spec.cls.__module__}:{spec.cls.__qualname__}" for spec in specs}


def test_stages_of_one_objective(obmm):
    """Those that a preset for it is made of; a name that is none, or that no preset plays for, is told."""
    names = {stage["name"] for stage in obmm("stages", "--objective", "sharpe", "--json").json}
    assert {"endowment", "following", "trade_flow"} <= names
    assert "taking" not in names
    said = obmm("stages", "--objective", "mony")
    assert (2, True) == (said.status, "did you mean 'money'?" in said.err)


@pytest.mark.parametrize("width", ["80", "120"])
def test_tables_keep_to_the_width_of_the_terminal(width, obmm, monkeypatch):
    """No line is longer, and no name is broken in two."""
    monkeypatch.setenv("COLUMNS", width)
    for words in (["stages"], ["stages", "amend"], ["config", "explain"], ["presets"]):
        lines = obmm(*words).out.splitlines()
        assert int(width) >= max(len(line.rstrip()) for line in lines), words
    explained = obmm("config", "explain").out
    assert "  max_inventory_pct " in explained
    assert "gates.data_quality " in explained


def test_a_stage_tells_its_options_with_defaults_and_units(obmm):
    """What `[[signals]] kind = "imbalance"` may say."""
    out = obmm("stages", "imbalance").out
    assert out.startswith("imbalance (signal), -1 … 1\n")
    depths = next(line for line in out.splitlines() if line.startswith("depths"))
    assert ["depths", "[1,", "3,", "5,", "10]", "levels"] == depths.split()[:6]
    assert "(flat, exponential, distance)" in out
    assert ">>>" not in out


def test_a_name_that_two_groups_use_tells_both(obmm):
    """`inventory` is a signal and a gate."""
    assert ["signals", "gates"] == [stage["group"] for stage in obmm("stages", "inventory", "--json").json]


def test_a_stage_without_options_says_so(obmm):
    """Instead of an empty table."""
    Path("bare_stage.py").write_text(
        "import attrs, numpy as np\nfrom obmm.market import Stage\n@attrs.define\nclass Bare(Stage):\n"
        '    """Zero."""\n    def __call__(self, state, signals):\n        return np.zeros(state.n_books)\n'
    )
    assert "It has no options." in obmm("stages", "bare_stage:Bare").out


def test_a_stage_of_ones_own_is_described_like_ours(obmm):
    """Found beside the user, not only among installed packages."""
    Path("tilt_stage.py").write_text(STAGE)
    told = obmm("stages", "tilt_stage:Tilt", "--json").json[0]
    assert ("signals", "Leans a little.", "-1 … 1") == (told["group"], told["what"], told["unit"])
    assert [("much", "required", None), ("way", "up", ["up", "down"])] == [
        (o["name"], o["default"], o["choices"]) for o in told["options"]
    ]
    out = obmm("stages", "tilt_stage:Tilt").out
    assert "A paragraph that is folded.\n\n* one point that goes on over two lines\n* another\n" in out


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("imbalanc", "no stage is called 'imbalanc'; did you mean 'imbalance'?"),
        ("no_such_module:X", "cannot import 'no_such_module'"),
        ("json:loads", "'json:loads' is not a class"),
        ("json:Nothing", "module 'json' has no 'Nothing'"),
        ("json:JSONDecoder", "is no stage: a signal has `__call__(self, state, signals) -> FloatArray`"),
        ("damaged_stage:X", "invalid syntax (damaged_stage.py, line 1)"),
    ],
)
def test_a_stage_that_cannot_be_found_is_told_in_one_line(name, what, obmm):
    """With the place and what would do."""
    Path("damaged_stage.py").write_text("class :")
    said = obmm("stages", name)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert what in said.err


def test_config_explain_tells_value_unit_and_origin(obmm):
    """Of a preset, a file that extends it, and a parameter on top."""
    Path("mine.toml").write_text('extends = "balanced"\n[builder]\nsize_base = 1.0\n')
    told = obmm("config", "explain", "mine.toml", "--set", "max_inventory_pct=0.1", "--json").json
    values = {value["path"]: (value["value"], value["unit"], value["origin"]) for value in told["values"]}
    assert (1.0, "base", "mine.toml") == values["builder.size_base"]
    assert (10.0, "bp", "preset balanced") == values["builder.target_spread_bps"]
    assert (0.1, "fraction", "parameter max_inventory_pct") == values["gates.inventory.max_inventory_pct"]
    assert (0.8, "fraction", "default") == values["gates.inventory.soft_share"]
    assert resolve(Path("mine.toml"), ["max_inventory_pct=0.1"]).hash == told["hash"]
    assert (["tape"], 30.0) == (told["feeds"], told["warmup_s"])
    assert "lean" == told["signal_order"][-1]


def test_config_explain_prints_a_line_per_option(obmm):
    """Name, value, unit, origin."""
    Path("mine.toml").write_text(
        'extends = "touch"\ndescription = "mine"\n[books.7]\nbuilder.size_base = 1.0\n'
        '[[assign]]\nbooks = "even"\npipeline = "balanced"\n'
    )
    lines = obmm("config", "explain", "mine.toml", "--set", "expiry_s=20").out.splitlines()
    assert ("mine.toml", "mine") == (lines[0].partition("  ")[0], lines[1])
    assert ["expiry_s", "20", "s", "parameter", "expiry_s"] in [line.split() for line in lines]
    assert ["books.7", "builder.size_base", "1", "mine.toml"] in [line.split() for line in lines]
    assert f"books even: preset balanced  hash {resolve('balanced').hash}" in lines


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["balancd"], "preset: no preset is called 'balancd': did you mean 'balanced'?"),
        (["gone.toml"], "gone.toml: cannot be read: No such file or directory"),
        (["--set", "no_such=1"], "parameter no_such: no stage has this option"),
        (["--set", "size_base"], "parameters: 'size_base' is not of the form name=value"),
        (
            ["--set", "max_inventory_pct=x"],
            "parameter max_inventory_pct: gates.inventory.max_inventory_pct: must be a number, got 'x'",
        ),
        (
            ["--set", "size_base=-1"],
            "parameter size_base: builder.size_base: must be at least 0, got -1.0",
        ),
        (["damaged.toml"], "damaged.toml: is not valid TOML"),
    ],
)
def test_a_mistake_in_a_configuration_is_one_line_with_its_place(words, what, obmm):
    """Status 2, nothing on stdout."""
    Path("damaged.toml").write_text("a =")
    said = obmm("config", "explain", *words)
    assert (2, "", 1) == (said.status, said.out, len(said.err.splitlines()))
    assert said.err.startswith(f"obmm: {what}")


def test_several_mistakes_are_told_together(obmm):
    """A line each, below the number of them."""
    said = obmm("config", "explain", "--set", "no_such=1", "--set", "expiry_s=soon")
    assert 2 == said.status
    first, *others = said.err.splitlines()
    assert "obmm: the configuration has 2 problems" == first
    assert ["parameter no_such", "parameter expiry_s"] == [line.split(":")[0].strip() for line in others]


@pytest.mark.parametrize(
    "words",
    [
        ["--set", "base_order_size=0.5 max_inventory_pct=0.25 lazy_load=1"],
        ["--set", "base_order_size=0.5", "max_inventory_pct=0.25"],
        ["--set", "base_order_size = 0.5", "--set", "max_inventory_pct= 0.25"],
        ["--set", "base_order_size", "=", "0.5", "--set", "max_inventory_pct=0.25"],
    ],
)
def test_parameters_may_be_written_as_the_subnets_miner_is_given_them(words, obmm):
    """One text of many words, several words after one --set, blanks around =."""
    told = obmm("config", "explain", "balanced", *words, "--json").json
    values = {value["path"]: value["value"] for value in told["values"]}
    assert (0.5, 0.25) == (values["builder.size_base"], values["gates.inventory.max_inventory_pct"])


def test_percent_for_a_fraction_is_refused(obmm):
    """With what a fraction is."""
    done = obmm("config", "explain", "balanced", "--set", "max_inventory_pct=30")
    assert 2 == done.status
    assert "must be in 0…1 (a fraction: 0.30 means 30 %), got 30.0" in done.err

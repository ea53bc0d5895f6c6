"""Layers merged into one configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Union

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from agent.told import config, problems
from obmm.agent import ConfigError, preset_names, resolve
from obmm.settings.structure import structure
from obmm.settings.toml import parse_layer


@pytest.mark.parametrize("name", preset_names())
def test_presets_resolve(name):
    """Each is complete and describes itself."""
    assert resolve(name).description != ""


def test_an_entry_of_the_same_name_changes_single_options():
    """The other options of the base stay."""
    changed = config('[[gates]]\nname = "inventory"\nmax_inventory_pct = 0.1')
    base = resolve("balanced")
    assert 0.1 == changed.spec("gates.inventory").build().max_inventory_pct
    assert len(base.gates) == len(changed.gates)


def test_options_per_book_resolve_with_every_spelling_of_an_array():
    """From numpy 2.5 an array's type is an alias with a name of its own."""
    plain = np.ndarray[Any, np.dtype[np.float64]]
    for array in (plain, NDArray[np.float64]):
        fields = {"size_base": attrs.field(default=1.0, type=Union[float, array])}  # noqa: UP007
        stage = attrs.make_class("Stage", fields)
        assert (stage(2.0), []) == structure({"size_base": 2}, stage)


def test_an_entry_of_another_kind_replaces_the_stage():
    """One line swaps a signal."""
    changed = config('signals = [{ kind = "stages_for_tests:Constant", name = "lean" }]')
    assert "stages_for_tests:Constant" == changed.spec("signals.lean").kind
    assert len(resolve("balanced").signals) == len(changed.signals)


def test_an_entry_of_a_new_name_is_added():
    """Signals and gates are lists."""
    changed = config('[[signals]]\nkind = "momentum"\nname = "trend"')
    assert len(resolve("balanced").signals) + 1 == len(changed.signals)


def test_a_disabled_entry_is_removed():
    """The base's gate goes."""
    changed = config('[[gates]]\nname = "exposure"\nenabled = false')
    assert "exposure" not in [spec.name for spec in changed.gates]


def test_another_builder_replaces_the_base_with_its_options():
    """No option of the old builder leaks into the new one."""
    changed = config('builder = { kind = "touch" }')
    assert {} == dict(changed.builder.options)


def test_parameters_set_single_options_by_name_or_path():
    """The subnet's words map onto the same fields."""
    changed = config("", "max_inventory_pct=0.2", "builder.target_spread_bps=12", "placer.expiry_s=30")
    assert 0.2 == changed.spec("gates.inventory").build().max_inventory_pct
    assert 12.0 == changed.builder.build().target_spread_bps
    assert 30.0 == changed.placer.build().expiry_s


def test_a_parameter_tells_its_origin():
    """`config explain` prints it."""
    spec = config("", "placer.expiry_s=30").placer
    assert "parameter placer.expiry_s" == spec.options["expiry_s"].origin


def test_all_problems_come_at_once_with_their_places():
    """A file with several mistakes is mended in one go."""
    found = problems(
        """
        colour = "red"
        [[signals]]
        kind = "imbalanse"
        [[signals]]
        kind = "imbalance"
        name = "deep"
        dephts = [5]
        [builder]
        target_spread_bps = "wide"
        [books.7]
        gates.inventori.max_inventory_pct = 0.1
        """,
        "no_such=1",
    )
    expected = [
        ("my.toml: colour", "unknown section"),
        ("parameter no_such", "no stage has this option"),
        ("my.toml: signals[0].kind", "did you mean 'imbalance'?"),
        ("my.toml: signals.deep.dephts", "did you mean 'depths'?"),
        ("my.toml: builder.target_spread_bps", "must be a number"),
        ("my.toml: books.7.gates.inventori.max_inventory_pct", "did you mean 'gates.inventory'?"),
    ]
    for place, what in expected:
        assert any(line.startswith(place) and what in line for line in found), (place, found)
    assert len(expected) == len(found)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('signals = "imbalance"', "is a list"),
        ("signals = [3]", "is a table"),
        ("signals = [{ depths = [1] }]", "needs a kind"),
        ('books = "all"', "is a table"),
        ("[books.seven]\nbuilder.target_spread_bps = 3", "names no books"),
        ("[books.7]\nbuilder.spread = 3", "unknown option"),
        ("[books.7]\nsignals.lean.clip = 3", "cannot differ between books"),
        ('[books.7]\ngates.inventory.max_inventory_pct = "much"', "must be a number"),
        ("[books.7]\nmax_inventory_pct = 0.1", "no stage"),
        ('assign = [{ books = "even" }]', "needs exactly books and pipeline"),
        ('assign = [{ books = "ever", pipeline = "touch" }]', "names no books"),
        ('assign = [{ books = "even", pipeline = "touchy" }]', "no preset is called 'touchy'"),
        ('builder = { kind = "stages_for_tests:Bare" }', "not an attrs class"),
        ('builder = { kind = "stages_for_tests:Nothing" }', "has no 'Nothing'"),
        ('builder = { kind = "no_such_module:Nothing" }', "cannot import"),
        ('builder = { kind = "obmm.market:BUY" }', "is not a class"),
        ('signals = [{ kind = "stages_for_tests:Constant", flag = "yes" }]', "must be true or false"),
        (
            'signals = [{ kind = "stages_for_tests:Constant", shape = "round" }]',
            "must be one of 'flat', 'wide'",
        ),
        ('signals = [{ kind = "stages_for_tests:Constant", levels = [1.5] }]', "must be a whole number"),
        ('signals = [{ kind = "stages_for_tests:Twice" }]', "is required"),
        ('signals = [{ kind = "stages_for_tests:Twice", of = 3 }]', "must be a text"),
    ],
)
def test_mistakes_are_told_in_words(text, what):
    """One clear sentence each."""
    assert any(what in line for line in problems(text)), problems(text)


def test_a_name_that_several_stages_have_asks_for_the_path():
    """An ambiguous parameter lists the paths."""
    found = problems(
        'signals = [{ kind = "stages_for_tests:Constant", name = "a" }, '
        '{ kind = "stages_for_tests:Constant", name = "b" }]',
        "flag=1",
    )
    assert ["parameter flag: several stages have it; write one of signals.a.flag, signals.b.flag"] == found


def test_a_configuration_without_builder_says_so():
    """Nothing is assumed."""
    with pytest.raises(ConfigError, match="builder: is missing"):
        resolve(parse_layer("", "my.toml"))


def test_books_override_single_options():
    """Kept with selector, path and value."""
    override = config('[books."3-5"]\ngates.inventory.max_inventory_pct = 0.1').overrides[0]
    assert ("3-5", "gates.inventory", "max_inventory_pct", 0.1) == (
        override.selector, override.path, override.option, override.value,
    )  # fmt: skip


def test_pipelines_are_assigned_to_books(tmp_path: Path):
    """By file beside the configuration, or by preset."""
    (tmp_path / "challenger.toml").write_text('extends = "touch"\n')
    path = tmp_path / "mine.toml"
    path.write_text('extends = "balanced"\n[[assign]]\nbooks = "even"\npipeline = "challenger.toml"\n')
    assigned = resolve(path).assign[0]
    assert ("even", "touch") == (assigned.selector, assigned.config.builder.kind)


def test_the_hash_changes_with_what_matters_and_with_nothing_else():
    """Names and descriptions do not matter, values do."""
    base = resolve("balanced").hash
    assert base == config('description = "mine"').hash
    assert base == config("", "expiry_s=60").hash
    assert base != config("", "expiry_s=61").hash
    assert base != config("[books.1]\ngates.inventory.max_inventory_pct = 0.1").hash
    assert base != config('assign = [{ books = "even", pipeline = "touch" }]').hash


def test_the_path_of_a_stage_that_is_not_there_is_a_key_error():
    """`Config.spec` is for code."""
    with pytest.raises(KeyError):
        resolve("balanced").spec("gates.nothing")


def test_the_hash_knows_the_builder_inside_a_ladder():
    """Two ladders around different builders with the same options are different agents."""
    around = [
        config(f'builder = {{ kind = "ladder", around = {{ kind = "{kind}", size_base = 1.0 }} }}').hash
        for kind in ("touch", "skewed")
    ]
    assert around[0] != around[1]

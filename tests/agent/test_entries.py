"""What a configuration says it means, or it is refused: entries, books, parts, parameters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agent.told import config, problems
from obmm.agent import ConfigError, MarketMaker, Pipeline, resolve
from obmm.agent.sessions import Session
from obmm.execution import SkewedBuilder, TouchBuilder
from obmm.market import Venue
from obmm.settings.books import select_books


def test_two_entries_of_one_name_in_a_file_are_refused():
    """The second would silently overwrite the first."""
    found = problems(
        '[[signals]]\nkind = "momentum"\nhorizon_s = 5\n[[signals]]\nkind = "momentum"\nhorizon_s = 60'
    )
    assert [
        "my.toml: signals[1]: signals[0] is called 'momentum' too: give each a name of its own, "
        "such as name = 'momentum_2'"
    ] == found


@pytest.mark.parametrize("value", ['"false"', "0", "1", '"no"', "0.0"])
def test_enabled_is_true_or_false(value):
    """A text or a number is neither."""
    found = problems(f'[[gates]]\nname = "exposure"\nenabled = {value}')
    assert 1 == len(found)
    assert found[0].startswith("my.toml: gates[0].enabled: must be true or false, got ")


@pytest.mark.parametrize("value", ["0", "1", "1.0", '"true"'])
def test_a_flag_in_a_file_is_true_or_false(value):
    """In a file it can be written as what it is."""
    assert problems(f"placer = {{ post_only = {value} }}")[0].startswith(
        "my.toml: placer.post_only: must be true or false"
    )


@pytest.mark.parametrize(("word", "expected"), [("0", False), ("1", True), ("false", False), ("true", True)])
def test_a_flag_among_parameters_may_be_a_number(word, expected):
    """The subnet's miner hands every value over as a number."""
    assert expected == config("", f"post_only={word}").placer.build().post_only


@pytest.mark.parametrize(
    ("books", "expected"),
    [('["1", "3"]', [1, 3]), ("[1, 3]", [1, 3]), ('["0-1", "odd"]', [0, 1, 3]), ("2", [2])],
)
def test_books_are_assigned_by_every_spelling(books, expected):
    """A list may hold texts and numbers."""
    assigned = config(f'assign = [{{ books = {books}, pipeline = "touch" }}]')
    pipelines = [
        np.flatnonzero(select_books(assignment.selector, np.arange(4))).tolist()
        for assignment in assigned.assign
    ]
    assert [expected] == pipelines


def test_classes_of_assets_have_options_and_pipelines_of_their_own():
    """Which books are of which class the venue tells."""
    told = config('[books.class-1]\nbuilder.size_base = 4\n[[assign]]\nbooks = "class-1"\npipeline = "touch"')
    venue = Venue.of(3, initial_price=np.array([300.0, 29.57, 300.0]), book_ids=np.array([5, 6, 8]))
    assert [0.5, 4.0, 0.5] == told.per_book(venue)["builder", "size_base"].tolist()
    assert [[True, False, True], [False, True, False]] == [
        pipeline.books.tolist() for pipeline in Session.bind(told, venue).pipelines
    ]
    assert [] == told.idle(venue)
    assert ["my.toml: assign", "my.toml: books.class-1"] == sorted(
        problem.where for problem in told.idle(Venue.of(2))
    )


def test_books_are_assigned_by_class_or_by_name():
    """A book could be of both."""
    entries = '[[assign]]\nbooks = "class-1"\npipeline = "touch"\n[[assign]]\nbooks = "7"\npipeline = "touch"'
    assert ["my.toml: assign[1].books: assign classes or books, not both: some might be of both"] == problems(
        entries
    )


@pytest.mark.parametrize("books", ["[]", "true", "1.5", "[[1]]", '["a"]', "[true]", '"70000"', "{}", "-1"])
def test_books_that_cannot_be_are_refused(books):
    """With the place of the list."""
    assert (
        "my.toml: assign[0].books: " in problems(f'assign = [{{ books = {books}, pipeline = "touch" }}]')[0]
    )


def test_a_file_that_is_assigned_to_itself_is_refused(tmp_path: Path):
    """As is one that is assigned and assigns."""
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "balanced"\n[[assign]]\nbooks = "even"\npipeline = "mine.toml"\n')
    other = tmp_path / "other.toml"
    other.write_text('extends = "balanced"\n[[assign]]\nbooks = "even"\npipeline = "mine.toml"\n')
    for path in (mine, other):
        with pytest.raises(ConfigError, match=r"assign\[0\]\.pipeline: mine\.toml assigns books itself"):
            resolve(path)
    child = tmp_path / "child.toml"
    child.write_text('extends = "mine.toml"\nassign = []\n')
    other.write_text('extends = "balanced"\n[[assign]]\nbooks = "even"\npipeline = "child.toml"\n')
    assert 1 == len(resolve(other).assign)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("description = 3", "my.toml: description: must be a text"),
        ("[builder]\nname = 'mine'", "my.toml: builder.name: there is only one builder"),
        ("[builder]\nenabled = false", "my.toml: builder.enabled: there must be a builder"),
        ("gates = [{ kind = 3 }]", "my.toml: gates[0].kind: must be a text, got 3"),
        ('gates = [{ kind = "fees", name = "a.b" }]', "my.toml: gates[0].name: must be letters"),
        ('gates = [{ name = "exposre", enabled = false }]', "did you mean 'exposure'?"),
        ('gates = [{ kind = "exposre", enabled = false }]', "did you mean 'exposure'?"),
        ("assign = 3", "my.toml: assign: is a list: write [[assign]]"),
        ('assign = [{ books = "1", pipeline = 3 }]', "my.toml: assign[0].pipeline: must be a preset's name"),
        ("books.7 = 3", "my.toml: books.7: is a table"),
        ("[books.7]\nbuilder.size_base = true", "my.toml: books.7.builder.size_base: must be a number"),
        ('builder = { kind = "override" }', "no builder is called 'override': it is a gate"),
        ('builder = { kind = "obmm.risk:InventoryGate" }', "is a gate, not a builder"),
        ('gates = [{ kind = "obmm.signals:Mid" }]', "is a signal, not a gate"),
        ('gates = [{ kind = "obmm.market:Venue" }]', "is no gate: it has no __call__"),
    ],
)
def test_what_an_entry_cannot_say_is_told(text, what):
    """One clear sentence each, with its place."""
    assert any(what in line for line in problems(text)), problems(text)


LADDER = 'builder = { kind = "ladder", around = { kind = "touch", size_base = 0.3 } }'


@pytest.mark.parametrize(
    ("around", "what"),
    [
        (
            '{ kind = "tuch" }',
            "my.toml: builder.around.kind: no builder is called 'tuch': did you mean",
        ),
        ('{ kind = "touch", inside = 1 }', "my.toml: builder.around.inside: unknown option; did you mean"),
        (
            '{ kind = "touch", size_base = "1" }',
            "my.toml: builder.around.size_base: must be a number, got",
        ),
        ('{ kind = "touch", size_base = -1 }', "my.toml: builder.around.size_base: must be"),
        ('"touch"', "my.toml: builder.around: must be a table with a kind, got 'touch'"),
        (
            '{ kind = "touch", controller = { taget = 0.5 } }',
            "my.toml: builder.around.controller.taget: unknown option; did you mean 'target'?",
        ),
    ],
)
def test_a_builder_inside_a_builder_is_checked_like_any_other(around, what):
    """Kind, names, types and bounds, each with its path."""
    found = problems(f'builder = {{ kind = "ladder", around = {around} }}')
    assert 1 == len(found)
    assert found[0].startswith(what)


def test_a_builder_inside_a_builder_is_merged_like_any_other(tmp_path: Path):
    """The same kind keeps its options, another starts afresh."""
    (tmp_path / "base.toml").write_text(f'extends = "balanced"\n{LADDER}\n')
    for around, expected in [
        ("{ inside_ticks = 2 }", TouchBuilder(size_base=0.3, inside_ticks=2.0)),
        ('{ kind = "touch" }', TouchBuilder(size_base=0.3)),
        ('{ kind = "skewed", fair = "fair" }', SkewedBuilder(fair="fair")),
    ]:
        path = tmp_path / "mine.toml"
        path.write_text(f'extends = "base.toml"\n[builder]\naround = {around}\n')
        assert expected == resolve(path).builder.build().around


@pytest.mark.parametrize("name", ["size_base", "builder.around.size_base", "around.size_base"])
@pytest.mark.parametrize("text", [LADDER, 'builder = { kind = "ladder" }'])
def test_parameters_reach_a_builder_inside_a_builder(name, text):
    """By name or path, whether the file says anything of it or not."""
    assert 0.7 == config(text, f"{name}=0.7").builder.build().around.size_base


def test_a_builder_inside_a_builder_may_differ_between_books():
    """The path names it."""
    changed = config(f"{LADDER}\n[books.1]\nbuilder.around.size_base = 0.9")
    pipeline = Pipeline.bind(changed, Venue.of(3))
    assert [0.3, 0.9, 0.3] == pipeline.builder.around.size_base.tolist()
    assert "did you mean 'size_base'" in problems(f"{LADDER}\n[books.1]\nbuilder.around.size_bas = 0.9")[0]


def test_an_option_that_holds_an_array_or_a_set_is_hashed():
    """By what it holds."""
    kind = "stages_for_tests:Holds"
    text = 'signals = [{{ kind = "{kind}", name = "x", of = {of} }}]'
    one, same, other = (
        config(text.format(kind=kind, of=of)).hash for of in ('["b", "a"]', '["a", "b"]', '["a", "c"]')
    )
    assert one == same != other


def test_an_option_that_no_file_could_say_is_refused():
    """Two functions cannot be told apart, so that their runs could not."""
    found = problems('signals = [{ kind = "stages_for_tests:HoldsFunction", name = "x" }]')
    assert 1 == len(found)
    assert "signals.x.how: holds a function, which cannot be told apart" in found[0]


def test_a_stage_that_raises_anything_when_it_is_made_is_told():
    """Even one that leaves."""
    for how in ("raise", "exit"):
        found = problems(f'signals = [{{ kind = "stages_for_tests:Unmade", name = "x", how = "{how}" }}]')
        assert found[0].startswith("my.toml: signals[0]: signals.x: is refused: ")


def test_a_stage_that_cannot_say_what_it_needs_is_told():
    """Before the first state, with its place."""
    mine = config('signals = [{ kind = "stages_for_tests:CannotSay", name = "x" }]')
    with pytest.raises(ConfigError, match=r"signals\.x: cannot say what it needs: RuntimeError: no"):
        MarketMaker(mine)

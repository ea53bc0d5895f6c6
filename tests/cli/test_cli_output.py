"""Printing for people and for machines."""

from __future__ import annotations

import io
import json

import attrs
import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from obmm.cli._output import console, folded, number, print_json, spelt, table


def printed(shown: object, width: int) -> list[str]:
    """Lines of a renderable on a console of this width."""
    stream = io.StringIO()
    Console(file=stream, width=width).print(shown)
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"), (float("nan"), "–"), (float("inf"), "–"), (0.0, "0"), (-0.0, "0"), (0.00012, "0.00012"),
        (0.5, "0.500"), (12.345, "12.35"), (123.456, "123.5"), (12345.6, "12,346"), (12345, "12,345"),
        (np.int64(7), "7"), (np.float64(-0.25), "-0.250"),
    ],
)  # fmt: skip
def test_figures_are_short_enough_for_a_table(value, expected):
    """Three or four digits that say something."""
    assert expected == number(value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"), (True, "true"), (60.0, "60"), (1e-6, "1e-06"), (float("inf"), "inf"), ((1, 3), "[1, 3]"),
        ("", '""'), ("flat", "flat"), ({"a": -0.2}, "{a = -0.2}"), ({}, "{}"),
    ],
)  # fmt: skip
def test_options_are_spelt_as_in_toml(value, expected):
    """So that they can be copied into a file."""
    assert expected == spelt(value)


def test_json_knows_arrays_stages_and_what_is_not_a_number(capsys):
    """NaN and infinity are no JSON."""

    @attrs.define
    class Stage:
        depth: int = 3

    print_json({"a": np.array([1.0, np.nan]), "b": np.int64(2), "c": Stage(), 4: (float("inf"),)})
    assert {"a": [1.0, None], "b": 2, "c": {"depth": 3}, "4": [None]} == json.loads(capsys.readouterr().out)


def test_a_title_wider_than_its_table_stays_on_its_line():
    """The table does not squeeze it."""
    assert ["A title of many words", "a  1"] == printed(
        table("A title of many words", ("", ""), [("a", 1)]), width=80
    )


def test_cells_are_printed_as_they_are():
    """Square brackets in a path or an option are no markup; a styled text is."""
    shown = table("", ("x", "y"), [("[bold]my[/bold].toml", Text("[red]", "red"))], text_columns=2)
    assert ["x                     y", "[bold]my[/bold].toml  [red]"] == printed(shown, width=80)


def test_many_figures_are_told_in_several_tables():
    """None is broken in two; the first column stands before each part."""
    columns = ("book", *(f"figure_number_{i}" for i in range(5)))
    parts = folded("Figures", columns, [(7, *map(float, range(1, 6)))], width=40)
    assert [
        ["Figures", "book  figure_number_0  figure_number_1", "7                1.00             2.00"],
        ["book  figure_number_2  figure_number_3", "7                3.00             4.00"],
        ["book  figure_number_4", "7                5.00"],
    ] == [printed(part, width=40) for part in parts]
    assert 1 == len(folded("Figures", columns, [(7, *map(float, range(1, 6)))], width=1000))


def test_a_pipe_is_132_characters_wide(capsys, monkeypatch):
    """What is longer is folded between words."""
    monkeypatch.delenv("COLUMNS", raising=False)
    console().print(table("", ("name", "what"), [("a", "word " * 60)], text_columns=2))
    lines = capsys.readouterr().out.splitlines()
    assert 132 == max(map(len, lines))
    assert 60 == sum(line.count("word") for line in lines)


@pytest.mark.parametrize("columns", ["0", "-1", "", "wide", "3", "9" * 40, "²"])
def test_an_absurd_width_is_passed_over(columns, capsys, monkeypatch):
    """Some programs set it so for their children."""
    monkeypatch.setenv("COLUMNS", columns)
    assert 132 == console().width


def test_columns_of_the_environment_fold_a_table(capsys, monkeypatch):
    """As a terminal of that width would."""
    monkeypatch.setenv("COLUMNS", "80")
    console().print(table("", ("name", "what"), [("a", "word " * 60)], text_columns=2))
    assert 80 == max(map(len, capsys.readouterr().out.splitlines()))

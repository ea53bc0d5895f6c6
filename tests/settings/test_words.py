"""`k=v` words."""

from __future__ import annotations

import pytest

from obmm.settings import ConfigError
from obmm.settings.words import words


def test_words_become_numbers_flags_lists_and_texts():
    """The forms in which the subnet's miner hands parameters over."""
    given = ["a=0.5", "b=1e3", "c=true", "d=false", "e=mid", "f=1,2", "g=x,y", "history_len=0"]
    expected = {"a": 0.5, "b": 1000.0, "c": True, "d": False, "e": "mid", "f": [1.0, 2.0], "g": ["x", "y"]}
    assert expected == dict(words(given))


def test_a_mapping_of_parsed_words_is_taken_as_it_is():
    """Floats stay floats."""
    assert {"a": 0.5, "b": "mid"} == dict(words({"a": 0.5, "b": "mid", "lazy_load": 1.0}))


@pytest.mark.parametrize("word", ["a", "a=b=c", "=3"])
def test_a_word_without_one_equals_sign_is_refused(word):
    """The message repeats the word."""
    with pytest.raises(ConfigError, match=word):
        list(words([word]))


@pytest.mark.parametrize(
    "given",
    [["a=0.5 b=1,2"], ["a = 0.5", "b= 1,2"], [" a=0.5   b = 1,2 "], ["a=0.5; b=1,2"], ["a=0.5\nb=1,2"]],
)
def test_one_text_may_hold_several_words_with_blanks(given):
    """As the subnet's miner is started."""
    assert {"a": 0.5, "b": [1.0, 2.0]} == dict(words(given))


@pytest.mark.parametrize(
    ("value", "expected"),
    [("[1, 3]", [1, 3]), ('{ kind = "touch", x = 1 }', {"kind": "touch", "x": 1}), ('"a b"', "a b")],
)
def test_brackets_and_quotes_are_read_as_toml(value, expected):
    """Blanks and = inside belong to the value."""
    assert {"a": expected} == dict(words([f"a = {value}"]))


@pytest.mark.parametrize("given", [["a=1", "a=2"], ["size_base=1", "base_order_size=2"], ["a=1 a=1"]])
def test_a_word_given_twice_is_refused(given):
    """By either name."""
    with pytest.raises(ConfigError, match="is given twice; leave one out"):
        list(words(given))


@pytest.mark.parametrize("word", ["a=[", "a={b=1", 'a="'])
def test_damaged_brackets_are_told_with_the_name(word):
    """As TOML that is not valid."""
    with pytest.raises(ConfigError, match="parameter a: is not valid TOML"):
        list(words([word]))

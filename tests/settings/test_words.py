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

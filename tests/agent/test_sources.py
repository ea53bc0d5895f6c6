"""Layers of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from obmm.agent import ConfigError, preset_names
from obmm.agent.sources import chain, file_layer, parse_layer, preset_text, words


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


def test_every_preset_is_listed():
    """The names that the documentation promises."""
    assert ["aggressive", "balanced", "calm", "conservative", "defensive", "fast", "touch"] == preset_names()


def test_an_unknown_preset_suggests_the_nearest():
    """A misspelt preset."""
    with pytest.raises(ConfigError, match="did you mean 'defensive'"):
        preset_text("defensve")


def test_broken_toml_names_the_file_and_the_line(tmp_path: Path):
    """The parser's own place is kept."""
    path = tmp_path / "my.toml"
    path.write_text("[builder\n")
    with pytest.raises(ConfigError, match=r"my\.toml: is not valid TOML.*line 1"):
        file_layer(path)


def test_a_missing_file_is_named(tmp_path: Path):
    """No traceback of the operating system's error."""
    with pytest.raises(ConfigError, match=r"gone\.toml: cannot be read"):
        file_layer(tmp_path / "gone.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path):
    """Bytes that are not UTF-8."""
    path = tmp_path / "my.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="cannot be read"):
        file_layer(path)


def test_extends_chains_to_a_preset(tmp_path: Path):
    """Base first."""
    (tmp_path / "base.toml").write_text('extends = "balanced"\n')
    (tmp_path / "mine.toml").write_text('extends = "base.toml"\n')
    layers = chain(file_layer(tmp_path / "mine.toml"))
    assert ["preset balanced", "base.toml", "mine.toml"] == [Path(layer.origin).name for layer in layers]


def test_extending_in_a_circle_is_refused(tmp_path: Path):
    """Two files that extend each other."""
    (tmp_path / "a.toml").write_text('extends = "b.toml"\n')
    (tmp_path / "b.toml").write_text('extends = "a.toml"\n')
    with pytest.raises(ConfigError, match="circle"):
        chain(file_layer(tmp_path / "a.toml"))


@pytest.mark.parametrize(
    ("text", "what"), [("extends = 3", "name or a path"), ('extends = "blanced"', "balanced")]
)
def test_a_base_that_is_not_there_is_refused(text, what):
    """Wrong type, wrong name."""
    with pytest.raises(ConfigError, match=what):
        chain(parse_layer(text, "my.toml"))

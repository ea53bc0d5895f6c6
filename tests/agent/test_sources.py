"""Layers of settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from obmm.agent import ConfigError, preset_names
from obmm.agent.sources import chain, preset_text
from obmm.settings.toml import file_layer, parse_layer


def test_every_preset_is_listed():
    """The names that the documentation promises."""
    assert [
        "aggressive",
        "balanced",
        "calm",
        "conservative",
        "defensive",
        "fast",
        "kappa",
        "making",
        "money",
        "sharpe",
        "touch",
    ] == preset_names()


def test_an_unknown_preset_suggests_the_nearest():
    """A misspelt preset."""
    with pytest.raises(ConfigError, match="did you mean 'defensive'"):
        preset_text("defensve")


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

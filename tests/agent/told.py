"""Configurations of a few lines, and what is wrong with them."""

from __future__ import annotations

import pytest

from obmm.agent import Config, ConfigError, resolve
from obmm.settings.toml import parse_layer


def config(text: str, *params: str) -> Config:
    """The configuration of a TOML text that extends a preset."""
    return resolve(parse_layer(f'extends = "balanced"\n{text}', "my.toml"), params)


def problems(text: str, *params: str) -> list[str]:
    """What is wrong with it."""
    with pytest.raises(ConfigError) as caught:
        config(text, *params)
    return [str(problem) for problem in caught.value.problems]

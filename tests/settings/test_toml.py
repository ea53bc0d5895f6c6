"""Reading TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from obmm.settings import ConfigError
from obmm.settings.toml import file_layer


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

"""Settings given as `k=v` words, as the subnet's own miner and the command line hand them over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from obmm.settings.errors import ConfigError, Problem

#: Words the subnet's own miner puts beside a strategy's parameters; they are not ours to read.
FOREIGN_WORDS = frozenset({"lazy_load", "data_dir", "history_len", "event_lookback_minutes"})

#: Names that strategies of the subnet use for options of ours.
ALIASES = {"base_order_size": "size_base"}


def words(params: Mapping[str, Any] | list[str]) -> Iterator[tuple[str, Any]]:
    """Settings given as `k=v` words or as a mapping of parsed words, numbers as numbers and lists as lists.

    The subnet's miner hands every value over as a float or a string; `depths=1,3,5` becomes a list, `true`
    and `false` become flags, anything else stays as it is.

    Raises:
        ConfigError: A word is not of the form `k=v`.

    >>> list(words(["base_order_size=0.5", "depths=1,3,5", "fair=mid", "lazy_load=1"]))
    [('size_base', 0.5), ('depths', [1.0, 3.0, 5.0]), ('fair', 'mid')]
    """
    if not isinstance(params, Mapping):
        wrong = [word for word in params if word.count("=") != 1 or word.startswith("=")]
        if wrong:
            raise ConfigError(
                [Problem("parameters", f"{word!r} is not of the form name=value") for word in wrong]
            )
        params = dict(word.split("=") for word in params)
    for name, value in params.items():
        if name not in FOREIGN_WORDS:
            yield ALIASES.get(name, name), _value(value)


def _value(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "," in value:
        return [_value(part) for part in value.split(",") if part]
    if value in ("true", "false"):
        return value == "true"
    try:
        return float(value)
    except ValueError:
        return value

"""Settings given as `k=v` words, as the subnet's own miner and the command line hand them over."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from obmm.settings.errors import ConfigError, Problem, shown
from obmm.settings.toml import parse_layer

#: Words the subnet's own miner puts beside a strategy's parameters; they are not ours to read.
FOREIGN_WORDS = frozenset(
    {"lazy_load", "data_dir", "history_len", "event_lookback_minutes", "live_config_poll_s", "netuid"}
)

#: Names that strategies of the subnet use for options of ours.
ALIASES = {"base_order_size": "size_base"}

_EQUALS = re.compile(r"\s*=\s*")
_BEFORE_NEXT = re.compile(r"[\s;]+(?=[^\s=]+=)")


def words(params: Mapping[str, Any] | Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Settings given as `k=v` words or as a mapping of parsed words, numbers as numbers and lists as lists.

    The subnet's miner hands every value over as a float or a string; `depths=1,3,5` becomes a list, `true`
    and `false` become flags, what stands in brackets or quotes is read as TOML, anything else stays as it is.
    One text may hold several words with blanks between them, as in `run_miner.sh -m`.

    Raises:
        ConfigError: A word is not of the form `k=v`, or two words say the same.

    >>> list(words(["base_order_size=0.5 depths=1,3,5", "fair = mid", "lazy_load=1"]))
    [('size_base', 0.5), ('depths', [1.0, 3.0, 5.0]), ('fair', 'mid')]
    """
    if isinstance(params, Mapping):
        pairs = list(params.items())
    else:
        texts = [text for param in params for text in _apart(str(param))]
        wrong = [text for text in texts if not _is_word(text)]
        if wrong:
            raise ConfigError(
                [Problem("parameters", f"{shown(text)} is not of the form name=value") for text in wrong]
            )
        pairs = [(name, value) for text in texts for name, _, value in (text.partition("="),)]
    told = [(ALIASES.get(name, name), value) for name, value in pairs if name not in FOREIGN_WORDS]
    names = [name for name, _ in told]
    twice = sorted({str(name) for name in names if names.count(name) > 1 or not isinstance(name, str)})
    if twice:
        raise ConfigError([Problem(f"parameter {name}", "is given twice; leave one out") for name in twice])
    for name, value in told:
        yield name, _value(value, name)


def _apart(text: str) -> list[str]:
    """The words of a text."""
    text = text.strip()
    name, equals, value = text.partition("=")
    if equals and value.strip()[:1] in ("[", "{", '"', "'"):
        return [f"{name.strip()}={value.strip()}"]
    return [word.strip() for word in _BEFORE_NEXT.split(_EQUALS.sub("=", text))]


def _is_word(text: str) -> bool:
    name, equals, value = text.partition("=")
    plain = value[:1] not in ("[", "{", '"', "'")
    return bool(equals and name) and not re.search(r"\s", name) and not (plain and re.search(r"[\s=]", value))


def _value(value: Any, name: str) -> Any:
    if not isinstance(value, str):
        return value
    value = value.strip()
    if value[:1] in ("[", "{", '"', "'"):
        return parse_layer(f"v = {value}", f"parameter {name}").table["v"]
    if "," in value:
        return [_value(part, name) for part in value.split(",") if part]
    if value in ("true", "false"):
        return value == "true"
    try:
        return float(value)
    except ValueError:
        return value

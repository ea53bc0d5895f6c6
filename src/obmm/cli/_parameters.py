"""Kinds of parameters that several commands share, checked before a command runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token
from cyclopts.validators import Number


def _whole(_: Any, tokens: Sequence[Token]) -> int:
    # The library's own conversion rounds 2.5 to 2.
    word = tokens[0].value
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"must be a whole number, got {word!r}.") from None


def _spaced(values: Sequence[object]) -> str:
    return " ".join(map(str, values))


Whole = Annotated[int, Parameter(converter=_whole)]
Count = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1))]
Counts = Annotated[tuple[Count, ...], Parameter(consume_multiple=True, show_default=_spaced)]
#: Sizes of markets made in memory, and their states: what is larger was given by mistake.
_Books = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1, lte=4096))]
Markets = Annotated[tuple[_Books, ...], Parameter(consume_multiple=True, show_default=_spaced)]
States = Annotated[int, Parameter(converter=_whole, validator=Number(gte=1, lte=100_000))]
Positive = Annotated[float, Parameter(validator=Number(gt=0.0, lt=float("inf")))]
#: What the generators of random numbers take.
Seed = Annotated[int, Parameter(converter=_whole, validator=Number(gte=-(2**63), lt=2**63))]
NotNegative = Annotated[float, Parameter(validator=Number(gte=0.0, lt=float("inf")))]

Set = Annotated[tuple[str, ...], Parameter(show_default=False)]
Words = Annotated[tuple[str, ...], Parameter(consume_multiple=True, show_default=False)]
Flag = Annotated[bool, Parameter(show_default=False)]

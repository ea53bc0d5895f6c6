"""What holds where a message does not say: the venue's production constants by version.

A state's own configuration always wins. These stand in for the fields that older validators do not send,
and for the whole of it in recorded streams without one.
"""

from __future__ import annotations

import attrs

#: Levels per side, instructions per book and answer: constants of every version.
BOOK_LEVELS = 21
MAX_INSTRUCTIONS = 5

#: Spec version of recorded streams that carry none.
RECORDED_VERSION = 54

#: From this version on configurations tell the number of miners.
TELLS_AGENTS = 35

#: From this version on messages say `r` for the maker ratio and send the minimum order size.
TELLS_MINIMUM = 54

#: 0.1.35 … 0.1.51 are numbered 45 … 61 like their later namesakes.
LAST_OLD = 61


@attrs.frozen(kw_only=True)
class Fallback:
    """Constants of one era; quote unless said otherwise."""

    min_size_base: float
    wealth_quote: float
    turnover_multiplier: float
    max_rate: float
    initial_price: float = 300.0
    price_decimals: int = 2
    volume_decimals: int = 4
    max_open_orders: int = 100
    publish_interval_ns: int = 1_000_000_000
    grace_period_ns: int = 600_000_000_000
    duration_ns: int = 86_400_000_000_000


_0_1 = Fallback(min_size_base=0.1, wealth_quote=100_000.0, turnover_multiplier=20.0, max_rate=0.0075)
_0_3 = Fallback(min_size_base=1.0, wealth_quote=50_000.0, turnover_multiplier=10.0, max_rate=0.015)
_0_4 = Fallback(min_size_base=0.25, wealth_quote=50_000.0, turnover_multiplier=10.0, max_rate=0.015)


def fallback_of(version: int | None, *, is_old: bool | None = None) -> Fallback:
    """Constants of a version.

    Args:
        version: 1000·major + 10·minor + patch, or None.
        is_old: Whether the message is known to come from 0.1 (True) or later (False); numbers alone cannot
            tell 0.1.45 from 0.4.5.

    >>> fallback_of(61).turnover_multiplier, fallback_of(61, is_old=False).turnover_multiplier
    (20.0, 10.0)
    """
    if version is None:
        return _0_4
    if _is_0_1(version, is_old):
        return _0_1
    return _0_3 if version < 45 else _0_4


def version_named(version: int | None, *, is_old: bool | None = None) -> str:
    """A version as people write it; empty for none.

    >>> version_named(62), version_named(54), version_named(61, is_old=True), version_named(None)
    ('0.6.2', '0.5.4', '0.1.51', '')
    """
    if version is None:
        return ""
    if _is_0_1(version, is_old):
        return f"0.1.{version - 10}"
    return f"{version // 1000}.{version % 1000 // 10}.{version % 10}"


def _is_0_1(version: int, is_old: bool | None) -> bool:
    return version < 20 or (version == LAST_OLD if is_old is None else is_old and 45 <= version <= LAST_OLD)

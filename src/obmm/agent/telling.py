"""Logging that never costs an answer."""

from __future__ import annotations

from typing import Any

#: An event is told this often in full, then once in so many times.
_OFTEN, _SELDOM = 8, 1000


def tell(log: Any, level: int, event: str, **values: Any) -> None:
    """Log an event; a stream that is full, closed or broken loses it, and nothing else."""
    try:
        log.log(level, event, **values)
    except KeyboardInterrupt:
        raise
    except BaseException:  # What a stream or a processor raises must not keep back the answer.
        return


def worth_telling(count: int, often: int = _OFTEN) -> bool:
    """Whether the `count`-th event of a kind, counted from 1, is told.

    >>> [count for count in range(1, 2002) if worth_telling(count, often=2)]
    [1, 2, 1000, 2000]
    """
    return count <= often or count % _SELDOM == 0

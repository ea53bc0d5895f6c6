"""What went wrong in a pipeline, put so that telling it cannot go wrong as well."""

from __future__ import annotations

import traceback

import attrs

from obmm.market import BoolArray

#: Longest text of a fault, and longest traceback, in characters.
_MOST, _MOST_TRACE = 500, 4000
_READ_ONLY = "; what a stage is given is read-only, copy it first"


@attrs.frozen(eq=False)
class Fault:
    """A pipeline that could not decide.

    Attributes:
        pipeline: Its name.
        stage: Path of the stage at work, such as `signals.momentum`; "" if it was none.
        what: Type and words of what was raised.
        books: (B,) the books that are quiet for it.
        trace: The end of the traceback.

    >>> import numpy as np
    >>> print(Fault("my.toml", "placer", "ValueError: no", np.array([True])))
    placer: ValueError: no
    """

    pipeline: str
    stage: str
    what: str
    books: BoolArray
    trace: str = attrs.field(default="", repr=False)

    @classmethod
    def of(cls, raised: BaseException, pipeline: str, stage: str, books: BoolArray) -> Fault:
        """The fault that `raised` tells of."""
        fault = cls(pipeline, stage, told(raised), books, _trace(raised))
        # A stage that raises one and the same exception each time would lengthen its traceback for ever.
        raised.__traceback__ = None
        return fault

    def __str__(self) -> str:
        return f"{self.stage}: {self.what}" if self.stage else self.what


@attrs.define
class FaultCount:
    """How often a pipeline failed.

    Attributes:
        pipeline: Its name.
        states: States on which it failed.
        first: The first fault, in words.
    """

    pipeline: str
    states: int
    first: str


def told(raised: BaseException) -> str:
    """Type and words of an exception on one line, whatever its own methods do.

    >>> told(KeyError("fair"))
    "KeyError: 'fair'"
    """
    kind = type(raised).__name__
    try:
        words = " ".join(str(raised)[:_MOST].split())
    except KeyboardInterrupt:
        raise
    except BaseException:  # The words of a user's exception are a user's code.
        words = "its message cannot be read"
    hint = _READ_ONLY if isinstance(raised, ValueError) and words.endswith("read-only") else ""
    return f"{kind}: {words}{hint}" if words else kind


def _trace(raised: BaseException) -> str:
    # Formatted here: a renderer that prints local variables would hold up the answer.
    try:
        lines = traceback.format_exception(type(raised), raised, raised.__traceback__, limit=-6)
    except KeyboardInterrupt:
        raise
    except BaseException:  # Nor may the lines of its traceback keep back the answer.
        return ""
    return "".join(lines)[-_MOST_TRACE:]

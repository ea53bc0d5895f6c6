"""What a stage tells people: small typed records beside its output."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import attrs

from obmm.market.arrays import BoolArray, as_flags, column


@attrs.frozen(kw_only=True)
class News:
    """Something that a stage wants people to hear of; make a subclass with what there is to say.

    A stage keeps the news of its last call in a field `news`, a tuple made by `memory(tuple)`. The pipeline
    gathers them into the `Decision`, and the agent logs them.

    Attributes:
        books: (B,) the books concerned.
        event: What is logged, in a few words.
        level: How loud, a level of `logging`.
        once: Whether the first of the kind is enough for a pipeline and a simulation.

    >>> import numpy as np
    >>> @attrs.frozen(kw_only=True)
    ... class Toxic(News):
    ...     event = "the flow is toxic"
    ...     share: float
    >>> news = Toxic(books=np.array([True, False]), share=0.8)
    >>> news.event, news.details
    ('the flow is toxic', {'share': 0.8})
    """

    event: ClassVar[str] = "news"
    level: ClassVar[int] = logging.INFO
    once: ClassVar[bool] = False

    books: BoolArray = column(as_flags)

    @property
    def details(self) -> dict[str, Any]:
        """The other fields by name."""
        return {f.name: getattr(self, f.name) for f in attrs.fields(type(self)) if f.name != "books"}


def news_of(stage: object) -> tuple[News, ...]:
    """What a stage tells of its last call; nothing if it is none that tells.

    >>> news_of("a stage")
    ()
    """
    told = getattr(stage, "news", ())
    return tuple(one for one in told if isinstance(one, News)) if isinstance(told, tuple) else ()

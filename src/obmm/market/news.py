"""What a stage tells people: small typed records beside its output."""

from __future__ import annotations

import logging
from typing import Any, ClassVar

import attrs
import numpy as np
import numpy.typing as npt

from obmm.market.arrays import BoolArray, IntArray, as_flags, as_ints, check_shape, column
from obmm.market.reasons import Reason


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

    def of_books(self, at: IntArray) -> News:
        """What is told of the books at the positions `at`; an array of B rows has one per book."""
        fields = {f.name: getattr(self, f.name) for f in attrs.fields(type(self))}
        n = self.books.shape
        per_book = {k: v[at] for k, v in fields.items() if isinstance(v, np.ndarray) and v.shape[:1] == n}
        return attrs.evolve(self, **per_book)


@attrs.frozen(kw_only=True)
class Unplaced(News):
    """Why sides have no standing order although a quote is wanted: what a placer tells beside its orders.

    The reasons join those of limits and quotes in the `Decision`. A placer that tells none may leave it.

    Attributes:
        bid_reason: (B,) `Reason` why a wanted bid is not (or not yet) standing.
        ask_reason: (B,) the same for asks.

    Raises:
        ValueError: Arrays differ in shape.

    >>> (told,) = Unplaced.of([0, Reason.NO_FUNDS], [0, 0])
    >>> told.books.tolist(), told.details
    ([False, True], {'reasons': ['NO_FUNDS']})
    >>> Unplaced.of([0, 0], [0, 0])
    ()
    """

    event = "quotes are not placed"
    level = logging.DEBUG
    once = True

    bid_reason: IntArray = column(as_ints)
    ask_reason: IntArray = column(as_ints)

    def __attrs_post_init__(self) -> None:
        check_shape(self, self.books.shape, "bid_reason", "ask_reason")

    @classmethod
    def of(cls, bid_reason: npt.ArrayLike, ask_reason: npt.ArrayLike) -> tuple[Unplaced, ...]:
        """The `news` of a placer's call: nothing where no side has a reason."""
        bid, ask = as_ints(bid_reason), as_ints(ask_reason)
        books = as_flags((bid != 0) | (ask != 0))
        return (cls(books=books, bid_reason=bid, ask_reason=ask),) if books.any() else ()

    @property
    def details(self) -> dict[str, Any]:
        """The names of the reasons."""
        codes = np.unique([self.bid_reason, self.ask_reason])
        return {"reasons": [Reason(code).name for code in codes.tolist() if code]}


def news_of(stage: object) -> tuple[News, ...]:
    """What a stage tells of its last call; nothing if it is none that tells.

    >>> news_of("a stage")
    ()
    """
    told = getattr(stage, "news", ())
    return tuple(one for one in told if isinstance(one, News)) if isinstance(told, tuple) else ()

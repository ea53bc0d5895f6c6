"""A stretch of market kept as arrays per book, for statistics that need all of it at once."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import attrs
import numpy as np

from obmm.market.arrays import FloatArray, IntArray
from obmm.market.state import MarketState
from obmm.market.tape import EventKind, Tape

_COLUMNS = (
    "kind",
    "time_ns",
    "side",
    "price",
    "size",
    "order_id",
    "taker_order_id",
    "maker_id",
    "taker_id",
    "maker_fee",
    "taker_fee",
)


@attrs.frozen(kw_only=True)
class Events:
    """Events of one book in engine order, as columns of a `Tape`; all arrays (N,).

    Attributes:
        update: Index of the state whose tape carried the event.
    """

    update: IntArray
    kind: IntArray
    time_ns: IntArray
    side: IntArray
    price: FloatArray
    size: FloatArray
    order_id: IntArray
    taker_order_id: IntArray
    maker_id: IntArray
    taker_id: IntArray
    maker_fee: FloatArray
    taker_fee: FloatArray

    def of(self, kind: EventKind) -> Events:
        """The events of one kind."""
        rows = self.kind == kind
        return Events(**{field.name: getattr(self, field.name)[rows] for field in attrs.fields(Events)})

    def __len__(self) -> int:
        return self.kind.size


@attrs.frozen(kw_only=True, slots=False)
class BookHistory:
    """One book over T equally spaced updates with L levels.

    Attributes:
        tick: Smallest price step, quote.
        interval_s: Simulated seconds between updates.
        bid_price: (T, L) quote, best first, NaN where there is no level.
        bid_size: (T, L) base.
        ask_price: (T, L) quote.
        ask_size: (T, L) base.
        maker_ratio: (T,) maker share of the miners' volume.
        events: What happened, if the states carried a tape.
    """

    tick: float
    interval_s: float
    bid_price: FloatArray
    bid_size: FloatArray
    ask_price: FloatArray
    ask_size: FloatArray
    maker_ratio: FloatArray
    events: Events

    @property
    def n_updates(self) -> int:
        """Number of updates T."""
        return self.maker_ratio.size

    @property
    def seconds(self) -> float:
        """Simulated time from the first update to the last."""
        return (self.n_updates - 1) * self.interval_s

    @functools.cached_property
    def touch_mid(self) -> FloatArray:
        """(T,) middle of the touch, NaN where a side is empty."""
        return np.asarray((self.bid_price[:, 0] + self.ask_price[:, 0]) / 2.0)

    @functools.cached_property
    def mid(self) -> FloatArray:
        """(T,) middle of the touch, the last known one where a side is empty."""
        known = np.flatnonzero(np.isfinite(self.touch_mid))
        if not known.size:
            return self.touch_mid
        at = np.searchsorted(known, np.arange(self.n_updates), side="right") - 1
        return np.asarray(self.touch_mid[known[np.maximum(at, 0)]])

    @functools.cached_property
    def log_mid(self) -> FloatArray:
        """(T,) natural logarithm of `mid`."""
        return np.log(self.mid)

    @functools.cached_property
    def orders(self) -> Events:
        """Orders that came to rest."""
        return self.events.of(EventKind.ORDER)

    @functools.cached_property
    def trades(self) -> Events:
        """Trades, one per pair of orders."""
        return self.events.of(EventKind.TRADE)

    @functools.cached_property
    def cancels(self) -> Events:
        """Cancels, partial ones too."""
        return self.events.of(EventKind.CANCEL)


def histories(states: Iterable[MarketState]) -> list[BookHistory]:
    """The history of each book of a stream of states of one simulation.

    About 20 MB per book and hour with a tape; states without one leave the events empty.

    Raises:
        ValueError: There are fewer than two states, their levels change, or their spacing does.
    """
    levels: list[list[FloatArray]] = [[], [], [], [], []]
    times: list[int] = []
    tapes: list[Tape] = []
    venue = None
    for state in states:
        venue = state.venue if venue is None else venue
        times.append(state.time_ns)
        parts = (state.bid_price, state.bid_size, state.ask_price, state.ask_size, state.maker_ratio)
        for kept, part in zip(levels, parts, strict=True):
            kept.append(part.copy())
        tapes.append(Tape.empty(state.n_books) if state.tape is None else state.tape)
    steps = np.unique(np.diff(times))
    if venue is None or steps.size != 1 or steps[0] <= 0:
        raise ValueError(
            f"states must be at least two and equally spaced in time, got steps {steps.tolist()} ns"
        )
    bid_price, bid_size, ask_price, ask_size, maker_ratio = (np.stack(part, axis=1) for part in levels)
    return [
        BookHistory(
            tick=float(venue.grid.tick[book]),
            interval_s=float(steps[0]) / 1e9,
            bid_price=bid_price[book],
            bid_size=bid_size[book],
            ask_price=ask_price[book],
            ask_size=ask_size[book],
            maker_ratio=maker_ratio[book],
            events=_events(tapes, book),
        )
        for book in range(venue.n_books)
    ]


def _events(tapes: list[Tape], book: int) -> Events:
    rows = [tape.rows(book) for tape in tapes]
    counts = [part.stop - part.start for part in rows]
    columns = {
        name: np.concatenate([getattr(tape, name)[part] for tape, part in zip(tapes, rows, strict=True)])
        for name in _COLUMNS
    }
    return Events(update=np.repeat(np.arange(len(tapes)), counts), **columns)

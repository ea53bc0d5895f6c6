"""The states that a live recording holds, without what was answered to them."""

from __future__ import annotations

from collections.abc import Iterator

from obmm.market import Feed, MarketState
from obmm.wire.errors import WireError
from obmm.wire.frames import Exchange, Setup
from obmm.wire.recording import Recording
from obmm.wire.request import Decoder


def states_in(
    recording: Recording, feeds: frozenset[Feed] = frozenset(), *, uid: int | None = None, only: str = ""
) -> Iterator[MarketState]:
    """The states of one simulation in the order of their times; what came late or twice is passed over.

    Args:
        recording: The recording.
        feeds: What to decode beyond the essentials.
        uid: Our number; None takes the one that was recorded, or that of each request.
        only: How `validator/simulation` begins, where the recording holds several.

    Raises:
        WireError: The recording is damaged, or holds several simulations that `only` does not tell apart.
    """
    chosen, last_ns = None, -1
    decoder = Decoder(feeds, uid=uid)
    for frame in recording.frames():
        if isinstance(frame.about, Setup) and uid is None:
            decoder = Decoder(feeds, uid=frame.about.uid)
        if not isinstance(frame.about, Exchange):
            continue
        try:
            state = decoder.request(frame.first, validator=frame.about.sender or None).state
        except WireError:
            continue  # A sender may send anything; it was answered without orders.
        name = f"{state.venue.validator}/{state.venue.simulation_id}"
        if not name.startswith(only):
            continue
        chosen = name if chosen is None else chosen
        if name != chosen:
            which = f"tell which by how it begins, such as --only {name}"
            raise WireError(str(recording.path), f"holds {chosen} and {name}: {which}")
        if state.time_ns > last_ns:
            last_ns = state.time_ns
            yield state
    if chosen is None and only:
        raise WireError(str(recording.path), f"holds no simulation that begins with {only!r}")

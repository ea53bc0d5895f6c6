"""Recordings for tests: what a session answered, as its recorder wrote it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from pathlib import Path

from obmm.agent import Config, Keeper, MarketMaker
from obmm.live._files import Bounds
from obmm.live._teller import MAX_UNTOLD
from obmm.live.recorder import MAX_WAITING, Recorder
from obmm.live.session import Session
from obmm.wire.frames import Exchange, Frame
from obmm.wire.recording import Recording

#: A sender and the body of a request.
Asked = tuple[str, bytes]


def recorded(
    folder: Path,
    config: Config,
    asked: Iterable[Asked],
    *,
    memory: Path | None = None,
    every: int = 5,
    harness: bool = False,
    uid: int | None = None,
    bounds: Bounds | None = None,
    overrides: Path | None = None,
    killed: bool = False,
) -> list[bytes]:
    """The replies of one process that records into `folder`, and keeps what it remembers in `memory`."""
    maker = MarketMaker.of(config, overrides)
    recorder = Recorder(folder, maker, harness=harness, uid=uid, bounds=bounds)
    if memory is not None:
        maker.keeper = Keeper(memory, every, [recorder.remember])
    session = Session(maker, harness=harness, uid=uid, budget_s=60.0)
    session.listeners.append(recorder)
    replies = []
    for sender, body in asked:
        replies.append(session.answer(body, sender=sender))
        let_record(session, recorder)
    if maker.keeper is not None:
        if not killed:
            maker.save()
        assert maker.keeper.close(30.0)
    session.close(30.0)
    recorder.close(30.0)
    assert 0 == recorder.lost
    return replies


def let_record(session: Session, recorder: Recorder) -> None:
    """Wait as validators do between two states: asked without a pause, a slow disk loses some."""
    while len(recorder._waiting) > MAX_WAITING // 2 or session._teller._items.qsize() > MAX_UNTOLD // 2:
        time.sleep(0.001)


def exchanges(recording: Recording | Path) -> list[Frame]:
    """The frames that hold a request and a reply."""
    recording = Recording(recording) if isinstance(recording, Path) else recording
    return [frame for frame in recording.frames() if isinstance(frame.about, Exchange)]


def interleaved(*streams: Iterable[Asked]) -> list[Asked]:
    """One of each in turn, as long as any has more."""
    rows = itertools.zip_longest(*streams)
    return [asked for row in rows for asked in row if asked is not None]

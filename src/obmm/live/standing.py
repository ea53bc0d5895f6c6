"""An agent ready to be asked: its session with all that listens to it, and an orderly end."""

from __future__ import annotations

import contextlib
import gc
import time
from pathlib import Path

import attrs

from obmm.agent import Busy, Choice, Config, ConfigFile, MarketMaker, OverrideFile
from obmm.agent.keeper import Keeper
from obmm.live._files import Bounds
from obmm.live.recorder import Recorder
from obmm.live.session import BUDGET_S, Session
from obmm.live.tally import Tally
from obmm.testing import random_states
from obmm.wire import encode_request

#: A validator that was heard within so many real seconds is waited for when everything is to be cancelled.
_HEARD_S = 30.0


@attrs.define(eq=False)
class Standing:
    """What stands behind a door.

    Attributes:
        session: Answers.
        tally: Counts.
        config_file: The file of the configuration, which may change.
        keeper: Saves what the agent remembers, or tells the recorder of it.
        recorder: Records what is asked and answered, if it is to.
    """

    session: Session
    tally: Tally
    config_file: ConfigFile
    keeper: Keeper | None = None
    recorder: Recorder | None = None

    @classmethod
    def of(
        cls,
        config: Config,
        source: str | Path,
        params: tuple[str, ...] = (),
        *,
        uid: int | None = None,
        budget_s: float = BUDGET_S,
        harness: bool = False,
        state: Path | None = None,
        record: Path | None = None,
        record_bytes: int = Bounds().total_bytes,
        overrides: Path | None = None,
    ) -> Standing:
        """Set up an agent.

        Args:
            config: The configuration.
            source: Where it came from, see `ConfigFile`.
            params: `name=value` words on top of it.
            uid: Our number, if it is known.
            budget_s: Real seconds an answer may take.
            harness: Answer as the offline harness wants it.
            state: Folder in which what stages remember outlives the process.
            record: Folder in which to record what is asked and answered.
            record_bytes: Room for that; the oldest files go when it is full.
            overrides: A file of manual overrides to obey.

        Raises:
            OSError: Nothing can be recorded in the folder, or another process does.
            WireError: The folder holds a damaged recording.
        """
        # With snapshots in it a recording can be replayed from its middle.
        keeper = Keeper(state) if state is not None or record is not None else None
        maker = MarketMaker(config, OverrideFile(overrides) if overrides is not None else None, keeper=keeper)
        session = Session(maker, uid=uid, budget_s=budget_s, harness=harness)
        tally = Tally()
        session.listeners.append(tally)
        recorder = None
        if record is not None:
            recorder = Recorder(
                record, maker, uid=uid, harness=harness, bounds=Bounds(total_bytes=record_bytes)
            )
            session.listeners.append(recorder)
            if keeper is not None:
                keeper.listeners.append(recorder.remember)
        return cls(session, tally, ConfigFile(maker, Choice(source, params)), keeper, recorder)

    def leave(self, within_s: float) -> bool:
        """Let every answer from now on cancel all that rests, and wait for the validators that are about.

        Returns:
            Whether each of them has asked once more in time, and so was told.
        """
        self.session.cancel_all()
        until_s = time.monotonic() + within_s
        while waiting := self.tally.not_left(_HEARD_S):
            if time.monotonic() >= until_s:
                break
            time.sleep(0.01)
        return not waiting

    def close(self, within_s: float = 0.4) -> None:
        """Finish what is being answered and bring to the disk what is to be kept, as far as time allows."""
        until_s = time.monotonic() + within_s
        self.session.close(within_s / 2.0)
        if self.keeper is not None:
            # What an agent remembers that hangs in a state is not known; the last snapshot stays.
            with contextlib.suppress(Busy):
                self.session.maker.save(max(until_s - time.monotonic(), 0.05))
        for part in (self.keeper, self.recorder):
            if part is not None:
                part.close(max(until_s - time.monotonic(), 0.05))


def warm_up(config: Config, n_books: int = 40) -> None:
    """Answer some states for nobody, so that the first answer that counts is as fast as the others."""
    session = Session(MarketMaker(config))
    for state in random_states(1, 3, n_books=n_books):
        session.answer(encode_request(state), sender="", budget_s=30.0)
    session.close()
    # What is there now stays; a collection need not look at it again.
    gc.collect()
    gc.freeze()

"""An agent on a recorded market, its orders standing in the recorded queues."""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from obmm.agent import Config, Decision, MarketMaker
from obmm.lab.drive import Progress, described, drive, own_stages
from obmm.lab.recorded import Run
from obmm.lab.records import RunWriter, describe_venue
from obmm.lab.score import MAIN_ERAS, RunScores
from obmm.lab.summary import summarise
from obmm.lab.watch import QuoteWatch, Timings
from obmm.market import Feed, MarketState
from obmm.sim import ReplayedMarket
from obmm.wire import Request, read_stream
from obmm.wire.codec import codec_of

#: Spec version whose reply is timed.
REPLY_VERSION = 54


@attrs.frozen(kw_only=True)
class Plan:
    """What to replay.

    Attributes:
        config: The agent.
        capture: The recording.
        only: Of a live recording of several simulations, how `validator/simulation` begins.
        from_s: Simulated seconds at which to begin; earlier states are passed over.
        until_s: Simulated seconds at which to stop.
        response_ms: Real time an answer is taken to need; it becomes simulated delay.
        seed: Seed of the random part of the delays.
        eras: Scoring eras to follow.
    """

    config: Config
    capture: Path
    only: str = ""
    from_s: float = 0.0
    until_s: float = float("inf")
    response_ms: float = 100.0
    seed: int = 1
    eras: tuple[str, ...] = MAIN_ERAS


@attrs.define
class _Clock:
    """Times each state on its way out of the file."""

    decode: Timings = attrs.field(factory=Timings)

    def states(self, plan: Plan, feeds: frozenset[Feed]) -> Iterator[MarketState]:
        """States within the plan's span; the time of each is that of reading, unpacking and decoding it.

        Raises:
            ValueError: There is none; the message says which span the recording has.
        """
        stream = read_stream(plan.capture, feeds, only=plan.only)
        last_s: float | None = None
        any_yet = False
        while True:
            started = time.perf_counter()
            recorded = next(stream, None)
            at_s = math.inf if recorded is None else recorded.state.time_s
            if recorded is None or at_s > plan.until_s:
                break
            self.decode.add((time.perf_counter() - started) * 1e3)
            last_s = at_s
            if at_s >= plan.from_s:
                any_yet = True
                yield recorded.state
        if not any_yet:
            if last_s is not None:
                raise ValueError(
                    f"its last state before --until is at {last_s:g} s, --from is {plan.from_s:g}"
                )
            if math.isinf(at_s):
                raise ValueError("it holds no state")
            raise ValueError(f"its clock begins at {at_s:g} s, --until is {plan.until_s:g}")


def begins_s(capture: Path, only: str = "") -> float:
    """Simulated second of the first state of a recording; NaN if it holds none."""
    first = next(read_stream(capture, only=only), None)
    return math.nan if first is None else first.state.time_s


def replay(
    plan: Plan, folder: Path | None = None, *, force: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Run the agent over the recording and return what became of it, as plain values.

    Without own orders the rebuilt market equals the recording; `differences` counts the levels, seen from
    second to second, that the recorded events do not explain. An interrupt keeps what is done.

    Returns:
        The summary of `obmm.lab.summary.summarise`, with `states`, `books` (one row each), `instructions`,
        `instructions_per_state`, `quiet` (reason → share), `decode_ms`, `respond_ms`, `encode_ms`, `scores`
        and `differences`.

    Raises:
        ValueError: The recording holds no state in the span, or one without events.
    """
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="obmm-") as temporary:
            told = replay(plan, Path(temporary), progress=progress)
        told["run"] = None
        return told
    maker, clock, encode = MarketMaker(plan.config), _Clock(), Timings()
    feeds = maker.feeds | {Feed.TAPE}
    market = ReplayedMarket(clock.states(plan, feeds), seed=plan.seed, feeds=feeds)
    watch = QuoteWatch(market.venue)
    uid = market.uids[0]

    def listen(_: int, decision: Decision) -> None:
        watch.see(decision)
        started = time.perf_counter()
        _request(decision.state).reply(decision.orders)
        encode.add((time.perf_counter() - started) * 1e3)

    with RunWriter(folder, force) as writer, market:
        writer.start(
            {
                "kind": "replay",
                "scenario": f"recording {plan.capture.name}",
                "seed": plan.seed,
                "books": market.venue.n_books,
                "response_ms": plan.response_ms,
                "accounts": described({uid: maker}),
                "config_hash": plan.config.hash,
                "venue": describe_venue(market.venue),
                "capture": str(plan.capture.resolve()),
                "from_s": plan.from_s,
            },
            own_stages({uid: maker}),
        )
        drive(
            market,
            market.states(),
            {uid: maker},
            response_s=plan.response_ms / 1e3,
            writer=writer,
            scores=RunScores(plan.eras),
            progress=progress,
            listener=listen,
            ending=lambda _, real_s: {"wall_s": real_s},
        )
    run = Run(folder) if writer.unwritten is None else Run(folder, writer.tail())
    differences = Counter(difference.reason for difference in market.differences)
    return {
        "run": str(folder),
        "capture": str(plan.capture),
        "config": plan.config.name,
        "config_hash": plan.config.hash,
        "completed": run.about["completed"],
        "ended": run.about["ended"],
        **summarise(run, uid),
        "rejects": run.about["refused"][str(uid)],
        "scores": run.about["scores"][str(uid)],
        "stage_errors": maker.errors,
        "charged": run.about["charged"][str(uid)],
        "states": watch.states,
        "books": watch.books(),
        "instructions": int(watch.instructions.sum()),
        "instructions_per_state": float(watch.instructions.sum()) / max(watch.states, 1),
        "quiet": watch.quiet(),
        "decode_ms": clock.decode.as_dict(),
        "encode_ms": encode.as_dict(),
        "differences": dict(differences),
        "wall_s": run.about["wall_s"],
        "unwritten": writer.problem,
    }


def _request(state: MarketState) -> Request:
    """The request that `state` would have come with on the network."""
    codec = codec_of(REPLY_VERSION, b"")
    return Request(state=state, version=REPLY_VERSION, timestamp=state.time_ns, engine="lz4", codec=codec)

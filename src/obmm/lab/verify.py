"""Whether a live recording, answered again, says the same; and where it first does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from obmm.lab.relive import Relived, relive
from obmm.wire.codec import codec_of, read
from obmm.wire.compression import unpack
from obmm.wire.errors import WireError
from obmm.wire.recording import Recording


def verify(
    recording: Recording, *, code: Path | None = None, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Answer a recording again and compare every reply, byte for byte, and every decision.

    Args:
        recording: The recording.
        code: Folder with the modules of the user's own stages, see `obmm.lab.relive.config_of`.
        progress: Told of each exchange, with how many there were so far.

    Returns:
        `exchanges`, `compared`, `same`, `different`, `not_compared` (reason → number), `torn` (places where a
        writer was killed) and `first_difference`: None, or `number`, `sender`, `received_ns`, `time_s`,
        `config_hash`, `what` and `versions` of the recording.

    Raises:
        WireError: The recording is damaged.
        ConfigError: Its configuration cannot be made again.
    """
    exchanges = same = different = 0
    unknown: Counter[str] = Counter()
    first: dict[str, Any] | None = None
    for told in relive(recording, code=code):
        exchanges += 1
        if progress is not None:
            progress(exchanges)
        if told.unknown:
            unknown[told.unknown] += 1
        elif told.same:
            same += 1
        else:
            different += 1
            first = first or _difference(told)
    return {
        "recording": str(recording.path),
        "exchanges": exchanges,
        "compared": same + different,
        "same": same,
        "different": different,
        "not_compared": dict(unknown),
        "torn": list(recording.torn),
        "first_difference": first,
    }


def _difference(told: Relived) -> dict[str, Any]:
    about = told.about
    return {
        "number": about.number,
        "sender": about.sender,
        "received_ns": about.received_ns,
        "time_s": None if told.state is None else told.state.time_s,
        "config_hash": about.config_hash,
        "what": _what(told),
        "versions": told.setup.versions,
    }


def _what(told: Relived) -> str:
    """The first instruction that is another, or what else is."""
    if told.reply is None:
        return "another decision, which was too late to be sent"
    try:
        before, now = instructions_in(told.recorded), instructions_in(told.reply)
    except (WireError, msgspec.MsgspecError, KeyError, TypeError):
        before = now = []
    for i in range(max(len(before), len(now))):
        was, is_now = (one[i] if i < len(one) else None for one in (before, now))
        if was != is_now:
            return f"instruction {i + 1} of {len(before)}: it was {_shown(was)}, it is {_shown(is_now)}"
    at = next((i for i, (a, b) in enumerate(zip(told.recorded, told.reply, strict=False)) if a != b), None)
    at = min(len(told.recorded), len(told.reply)) if at is None else at
    if told.recorded == told.reply:
        return "the same instructions for other reasons"
    return f"the same instructions in other bytes, from byte {at} on"


def _shown(instruction: Any) -> str:
    return "none" if instruction is None else msgspec.json.encode(instruction).decode()


def instructions_in(reply: bytes) -> list[dict[str, Any]]:
    """The instructions of a validator's or a harness's reply, wherever in it they stand.

    Raises:
        WireError: A blob is damaged.
        msgspec.MsgspecError: It is no JSON.

    >>> instructions_in(b'{"agent_id": 7, "instructions": []}')
    []
    """
    message: dict[str, Any] = msgspec.json.decode(reply)
    response = message if "instructions" in message else message["response"]
    if response is None and message["compressed"] is not None:
        data, _ = unpack(message["compressed"]["payload"], "payload")
        reader = codec_of(message["version"], data).reader(dict[str, Any])
        response = read(reader, data, "payload")["response"]
    found: list[dict[str, Any]] = [] if response is None else response["instructions"]
    return found

"""Snapshots: what the agent remembers of one simulation, in a file that outlives the process.

A file is the line `obmm memory 1`, four bytes of CRC-32 and zstd-compressed msgpack. It holds data only, and
is taken up whole or not at all.
"""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import attrs
import msgspec
import zstandard

from obmm._version import __version__
from obmm.agent.config import Config
from obmm.agent.memory import Misfit, plain, value_of
from obmm.agent.sessions import Session
from obmm.market import FeePolicy, MarketState, Venue

_MAGIC = b"obmm memory 1\n"
#: Far more than any agent remembers: 128 books and all our stages are 0.6 MB.
_MAX_BYTES = 2**28


class SnapshotRefused(ValueError):
    """A snapshot that is not taken up; the message says why."""


@attrs.frozen(eq=False)
class Snapshot:
    """What the agent remembered of a simulation after one of its states.

    Attributes:
        validator: Whose simulation.
        simulation_id: Which.
        time_ns: Simulated time of the state.
        silent: Stages that could not tell what they remember, with the reason; they will start anew.
    """

    validator: str
    simulation_id: str
    time_ns: int
    silent: dict[str, str] = attrs.field(repr=False)
    _told: dict[str, Any] = attrs.field(repr=False)

    @classmethod
    def of(cls, session: Session, config_hash: str) -> Snapshot:
        """A snapshot of a session as it is now; it shares nothing with the session."""
        venue, (told, silent) = session.venue, session.memory()
        told |= {
            "obmm": __version__,
            "config_hash": config_hash,
            "validator": venue.validator,
            "simulation_id": venue.simulation_id,
            "venue": {
                field.name: plain(getattr(venue, field.name), field.name)
                for field in attrs.fields(Venue)
                if field.name != "fees"
            },
            "fees": {name: plain(value, name) for name, value in attrs.asdict(venue.fees).items()},
        }
        return cls(venue.validator, venue.simulation_id, told["last_ns"] or 0, silent, told)

    @property
    def name(self) -> str:
        """What its file is called."""
        return name_of(self.validator, self.simulation_id)

    def encode(self) -> bytes:
        """Its bytes."""
        data = zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(self._told))
        return b"".join((_MAGIC, zlib.crc32(data).to_bytes(4, "little"), data))


def name_of(validator: str, simulation_id: str) -> str:
    """What the file of a simulation's snapshot is called; ids may hold anything, names of files may not.

    >>> name_of("5F3sa2TJ", "20261127_1200")
    '30a828a0b43077d7.memory'
    """
    return hashlib.sha256(f"{validator}\0{simulation_id}".encode()).hexdigest()[:16] + ".memory"


def restored(data: bytes, config: Config, state: MarketState) -> Session:
    """A session that goes on where a snapshot was taken.

    Args:
        data: The bytes of the snapshot.
        config: The configuration that is to answer.
        state: The first state to be answered.

    Raises:
        SnapshotRefused: It is damaged, or of another configuration, version, simulation or venue.
    """
    told = _told_in(data)
    venue = state.venue
    for what, has, needs in (
        ("version of obmm", told.get("obmm"), __version__),
        ("configuration", told.get("config_hash"), config.hash),
        ("validator", told.get("validator"), venue.validator),
        ("simulation", told.get("simulation_id"), venue.simulation_id),
    ):
        if has != needs:
            raise SnapshotRefused(f"it is of another {what}: {has!r:.80}, not {needs!r:.80}")
    try:
        fixed = {name: value_of(value, name) for name, value in told["venue"].items()}
        fees = FeePolicy(**{name: value_of(value, name) for name, value in told["fees"].items()})
        session = Session.bind(config, Venue(**fixed, fees=fees))
        session.recall(told)
    except Misfit as error:
        raise SnapshotRefused(str(error)) from error
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise SnapshotRefused(f"it does not tell what it must: {error!r:.200}") from error
    if session.fitted(state) is None:
        raise SnapshotRefused("it is of another venue: books, grids or limits are others")
    return session


def _told_in(data: bytes) -> dict[str, Any]:
    head = len(_MAGIC) + 4
    if not data.startswith(_MAGIC):
        raise SnapshotRefused("it is no snapshot that this obmm reads")
    if zlib.crc32(data[head:]).to_bytes(4, "little") != data[len(_MAGIC) : head]:
        raise SnapshotRefused("it is damaged: its checksum is another")
    try:
        if not 0 <= zstandard.get_frame_parameters(data[head:]).content_size <= _MAX_BYTES:
            raise SnapshotRefused(f"it holds more than {_MAX_BYTES} bytes")
        told = msgspec.msgpack.decode(
            zstandard.ZstdDecompressor().decompress(data[head:]), type=dict[str, Any]
        )
    except (
        zstandard.ZstdError,
        msgspec.MsgspecError,
        UnicodeDecodeError,
        RecursionError,
        TypeError,
    ) as error:
        # Of a key that is a table itself older versions of msgspec say so with a TypeError.
        raise SnapshotRefused(f"it is damaged: {error}") from error
    return told

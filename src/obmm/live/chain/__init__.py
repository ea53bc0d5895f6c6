"""What is read from the chain and written to it: who validates, whether we are registered, where we are."""

from __future__ import annotations

from importlib import metadata
from typing import TYPE_CHECKING

from obmm.live.chain.contract import Chain, ChainError, Place

if TYPE_CHECKING:
    from collections.abc import Callable


def chain_for(place: Place) -> Callable[[], Chain]:
    """What connects to the chain, by the bittensor that is installed.

    Raises:
        ModuleNotFoundError: None is.
    """
    try:
        version = metadata.version("bittensor")
    except metadata.PackageNotFoundError:
        raise ModuleNotFoundError("bittensor is not installed", name="bittensor") from None
    if int(version.partition(".")[0]) >= 11:
        from obmm.live.chain.bittensor11 import Chain11

        return lambda: Chain11.connect(place)
    from obmm.live.chain.bittensor10 import Chain10

    return lambda: Chain10.connect(place)


__all__ = ["Chain", "ChainError", "Place", "chain_for"]

"""`obmm run` on the network: our server, and what the chain must know."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from obmm.cli._errors import UsageError, needs

if TYPE_CHECKING:
    from obmm.live.registry import Registry
    from obmm.live.standing import Standing

#: Real seconds that the chain may take to say whether we are registered; then we serve all the same.
_CHAIN_S = 20.0


@attrs.frozen(kw_only=True)
class Network:
    """Where to stand on the network; see `obmm run`."""

    wallet: str
    hotkey: str
    folder: Path
    netuid: int
    network: str
    host: str
    port: int
    external_ip: str | None
    external_port: int | None
    private: bool
    offline: bool
    allow: tuple[str, ...]
    min_stake: float

    @contextmanager
    def serving(self, standing: Standing) -> Iterator[dict[str, Any]]:
        """Serve, and have the chain know it.

        Raises:
            UsageError: Something that the user can mend is in the way.
            OSError: The port is taken, there is no such hotkey, or nobody says what our address is.
        """
        needs("bittensor" if not self.offline else "bittensor_wallet", "starlette", "uvicorn")
        from obmm.live.doors.axon import AxonApp
        from obmm.live.doors.guard import Guard
        from obmm.live.doors.serving import Serving, allow_connections
        from obmm.live.keys import hotkey_address, verifier

        if self.offline and not self.allow:
            raise UsageError(
                "--offline knows no validators; say whom to answer with --allow HOTKEY, or --allow all"
            )
        address = hotkey_address(self.wallet, self.hotkey, self.folder)
        registry = None if self.offline else self._registry(address)
        guard = Guard(
            allowed=self.allow,
            validators=registry.validators if registry is not None else dict,
            min_stake=self.min_stake,
        )
        app = AxonApp(standing.session, address, verifier(), guard)
        allow_connections()
        serving = Serving(app, self.host, self.port)
        serving.start()
        try:
            if registry is not None:
                self._publish(registry)
            where = f"{self.host}:{serving.port}"
            print(f"obmm: answers as {address} at {where}", file=sys.stderr, flush=True)
            yield {
                "began_s": time.monotonic(),
                "alive": serving.alive,
                "address": lambda: address,
                "refused": lambda: dict(app.counts.refused),
                "chain": lambda: registry.problem if registry is not None else "offline",
            }
        finally:
            if registry is not None:
                registry.close()
            serving.close(0.25)

    def _registry(self, address: str) -> Registry:
        from obmm.live.chain import Place, chain_for
        from obmm.live.chain.address import fault_of_address, public_address
        from obmm.live.registry import Registry

        ip = self.external_ip or public_address()
        fault = fault_of_address(ip)
        if fault and not self.private:
            raise UsageError(
                f"{fault}. Give the public one with --external-ip, or say --private to publish it"
            )
        place = Place(self.network, self.netuid, self.wallet, self.hotkey, self.folder, address)
        return Registry(chain_for(place), (ip, self.external_port or self.port))

    def _publish(self, registry: Registry) -> None:
        registry.start()
        if registry.looked.wait(_CHAIN_S) and registry.unregistered:
            how = f"btcli subnet register --netuid {self.netuid} --network {self.network}"
            names = f"--wallet-name {self.wallet} --hotkey {self.hotkey}"
            raise UsageError(
                f"the hotkey is not registered on subnet {self.netuid}; register it: {how} {names}"
            )

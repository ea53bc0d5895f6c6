"""The chain by bittensor 11."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import attrs

from obmm.live.chain.contract import AXON_PROTOCOL, AXON_VERSION, ChainError, Place


@attrs.frozen
class Chain11:
    """A `bittensor.Subtensor`, which connects when it is first asked."""

    place: Place
    subtensor: Any

    @classmethod
    def connect(cls, place: Place) -> Chain11:
        """Connect, when the first question comes."""
        import bittensor

        return cls(place, bittensor.Subtensor(place.network))

    def uid(self) -> int | None:
        """Our number on the subnet."""
        found = self.subtensor.neurons.uid(self.place.address, self.place.netuid)
        return None if found is None else int(found)

    def validators(self) -> Mapping[str, float]:
        """Stakes of the hotkeys with a permit."""
        neurons = self.subtensor.neurons.all(self.place.netuid)
        return {one.hotkey: float(one.total_stake.amount) for one in neurons if one.validator_permit}

    def publish(self, ip: str, port: int) -> None:
        """Tell where we are; signed by the hotkey."""
        from bittensor.intents.serving import ServeAxon

        if self._is_published(ip, port):
            return
        intent = ServeAxon(
            netuid=self.place.netuid, ip=ip, port=port, protocol=AXON_PROTOCOL, version=AXON_VERSION
        )
        result = self.subtensor.execute(intent, self._wallet())
        if not result.success:
            raise ChainError(result.message or "the chain did not accept the address, and does not say why")

    def close(self) -> None:
        """Hang up."""
        self.subtensor.close()

    def _is_published(self, ip: str, port: int) -> bool:
        """Whether the chain knows it already; a second time would spend the rate limit."""
        for neuron in self.subtensor.neurons.all(self.place.netuid):
            if neuron.hotkey == self.place.address:
                known = neuron.raw.get("axon_info") or {}
                told = {"ip": int(ipaddress.ip_address(ip)), "port": port, "version": AXON_VERSION}
                return all(known.get(name) == value for name, value in told.items())
        return False

    def _wallet(self) -> Any:
        from bittensor import Wallet

        place = self.place
        return Wallet(place.wallet, place.hotkey, str(place.folder.expanduser()))

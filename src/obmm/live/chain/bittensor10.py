"""The chain by bittensor 10."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import attrs

from obmm.live.chain.contract import ChainError, Place


@attrs.frozen
class Chain10:
    """One websocket of a `bittensor.Subtensor`."""

    place: Place
    subtensor: Any

    @classmethod
    def connect(cls, place: Place) -> Chain10:
        """Connect.

        Raises:
            ConnectionError: Nobody listens there.
        """
        import bittensor

        return cls(place, bittensor.Subtensor(network=place.network))

    def uid(self) -> int | None:
        """Our number on the subnet."""
        found = self.subtensor.get_uid_for_hotkey_on_subnet(
            hotkey_ss58=self.place.address, netuid=self.place.netuid
        )
        return None if found is None else int(found)

    def validators(self) -> Mapping[str, float]:
        """Stakes of the hotkeys with a permit."""
        graph = self.subtensor.metagraph(netuid=self.place.netuid, mechid=0)
        rows = zip(graph.hotkeys, graph.validator_permit, graph.S, strict=True)
        return {str(hotkey): float(stake) for hotkey, permit, stake in rows if permit}

    def publish(self, ip: str, port: int) -> None:
        """Tell where we are; signed by the hotkey."""
        # All that is looked at of an axon.
        axon = SimpleNamespace(external_ip=ip, external_port=port, wallet=self._wallet())
        response = self.subtensor.serve_axon(netuid=self.place.netuid, axon=axon)
        # The response itself is true even where it failed.
        if not response.success:
            raise ChainError(response.message or "the chain did not accept the address, and does not say why")

    def close(self) -> None:
        """Hang up."""
        self.subtensor.close()

    def _wallet(self) -> Any:
        from bittensor_wallet import Wallet

        place = self.place
        wallet = Wallet(name=place.wallet, hotkey=place.hotkey, path=str(place.folder.expanduser()))
        if wallet.hotkey_file.is_encrypted():
            raise ChainError(
                f"the hotkey {place.hotkey} is encrypted, and nobody is here to type its password"
            )
        return wallet

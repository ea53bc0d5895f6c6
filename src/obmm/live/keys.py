"""Signatures and addresses. Only public parts of keys are read here, and none are kept."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

#: Where bittensor keeps wallets.
WALLETS = Path("~/.bittensor/wallets")


class Verifier(Protocol):
    """Judges the sr25519 signature of a message."""

    def __call__(self, message: bytes, signature: bytes, address: str) -> bool:
        """Whether the holder of `address` (ss58) signed `message`; False also for what is no address."""
        ...


def wallet_verifier() -> Verifier:
    """Verifies by `bittensor_wallet`, which comes with bittensor 10 and stands alone as well."""
    from bittensor_wallet import Keypair

    def verify(message: bytes, signature: bytes, address: str) -> bool:
        try:
            return bool(Keypair(ss58_address=address).verify(message, signature))
        except ValueError:
            return False

    return verify


def core_verifier() -> Verifier:
    """Verifies by the core of bittensor 11."""
    from bittensor import sp_core

    def verify(message: bytes, signature: bytes, address: str) -> bool:
        try:
            return bool(sp_core.verify(message, signature, address, sp_core.CRYPTO_SR25519))
        except ValueError:
            return False

    return verify


def verifier() -> Verifier:
    """What is installed of the two.

    Raises:
        ModuleNotFoundError: Neither is.
    """
    if find_spec("bittensor_wallet") is not None:
        return wallet_verifier()
    if find_spec("bittensor") is not None and find_spec("bittensor.sp_core") is not None:
        return core_verifier()
    raise ModuleNotFoundError("bittensor_wallet is not installed", name="bittensor_wallet")


def hotkey_address(wallet: str, hotkey: str, folder: Path = WALLETS) -> str:
    """The address (ss58) of a wallet's hotkey.

    Taken from the public file where there is one; of the other one only the address is looked at.

    Raises:
        OSError: There is no such hotkey; the message names the file and the command that makes one.
        ValueError: The file tells no address.
    """
    keys = folder.expanduser() / wallet / "hotkeys"
    for path in (keys / f"{hotkey}pub.txt", keys / hotkey):
        if not path.is_file():
            continue
        try:
            told: Any = json.loads(path.read_bytes())
            address = told["ss58Address"]
        except (ValueError, KeyError, TypeError):
            # Without the error's own words, which quote the file.
            continue
        if isinstance(address, str) and address:
            return address
    if (keys / hotkey).is_file():
        raise ValueError(
            f"{keys / hotkey}: tells no address; is it encrypted? Unlock it, or make {hotkey}pub.txt"
        )
    made = f"btcli wallet new-hotkey --wallet-name {wallet} --hotkey {hotkey}"
    raise FileNotFoundError(f"there is no hotkey at {keys / hotkey}; make one: {made}")

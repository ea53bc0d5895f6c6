"""Signatures by whichever library is there, and the addresses of hotkeys without a look at their secrets."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from obmm.live import keys
from obmm.live.keys import Verifier, core_verifier, hotkey_address, verifier, wallet_verifier

ALICE = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY"
BOB = "5FHneW46xGXgs5mUiveU4sbTyGBzmstUspZC92UhjJM694ty"
TEXT = (
    f"1800000000000000000.{ALICE}.5Miner.uuid."
    "a7ffc6f8bf1ed76651c14756a061d662f580ff4de43b49fa82d80a4b80f8434a"
).encode()
#: Of TEXT by Alice: one made by bittensor_wallet 4.1.1, one by the core of bittensor 11.3.0.
SIGNATURES = [
    "8e36d1b0f80213bc40b89978d1c26b57461a16b0c448ff8d6a0161614d6fcd71"
    "c48509825414be43b1a49260d658fd58ff07bd7865ef50eb04bf4fb2f3cf658f",
    "dacd9178009eda582f7453d8a53bf72a6023503936036f2e6d5f0d34b7911247"
    "15f6f6607cc167ca59c7b94725061d38ec1c0f95f9e3f3403bf43eaa360cb78b",
]


@pytest.fixture(params=[wallet_verifier, core_verifier], ids=["wallet", "core"])
def verify(request: pytest.FixtureRequest) -> Verifier:
    """Each verifier whose library is installed."""
    make: Callable[[], Verifier] = request.param
    try:
        return make()
    except ImportError as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("signature", SIGNATURES)
def test_both_libraries_verify_what_either_signed(verify, signature):
    """A validator on bittensor 10 and a miner on 11, and the reverse."""
    good = bytes.fromhex(signature)
    assert verify(TEXT, good, ALICE)
    assert not verify(TEXT + b"0", good, ALICE)
    assert not verify(TEXT, good, BOB)
    assert not verify(TEXT, bytes([good[0] ^ 1]) + good[1:], ALICE)


@pytest.mark.parametrize(
    ("signature", "address"), [(b"", ALICE), (bytes(3), ALICE), (bytes(64), "5nobody"), (bytes(64), "")]
)
def test_what_is_no_signature_or_no_address_is_false(verify, signature, address):
    """Never an error: a port on the internet gets anything."""
    assert not verify(TEXT, signature, address)


def test_some_verifier_is_found_or_its_absence_told(monkeypatch):
    """By name, for the command to say which extra brings it."""
    monkeypatch.setattr(keys, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match="bittensor_wallet is not installed"):
        verifier()


def test_the_address_is_taken_from_the_public_file(tmp_path):
    """The other is not even opened."""
    folder = tmp_path / "w" / "hotkeys"
    folder.mkdir(parents=True)
    (folder / "hpub.txt").write_text(json.dumps({"ss58Address": ALICE}))
    (folder / "h").write_text("not even JSON")
    assert ALICE == hotkey_address("w", "h", tmp_path)


def test_without_a_public_file_the_address_is_read_from_the_other(tmp_path):
    """Old wallets have only that."""
    folder = tmp_path / "w" / "hotkeys"
    folder.mkdir(parents=True)
    (folder / "h").write_text(json.dumps({"ss58Address": BOB, "secretSeed": "0xsecret"}))
    assert BOB == hotkey_address("w", "h", tmp_path)


@pytest.mark.parametrize(
    "content", ["$NACL-secret", '{"secretSeed": "0xsecret"}', "[]", '{"ss58Address": 5}']
)
def test_a_file_without_an_address_is_told_without_its_content(tmp_path, content):
    """No key enters an error."""
    folder = tmp_path / "w" / "hotkeys"
    folder.mkdir(parents=True)
    (folder / "h").write_text(content)
    with pytest.raises(ValueError, match="tells no address") as error:
        hotkey_address("w", "h", tmp_path)
    assert "secret" not in str(error.value)
    assert error.value.__cause__ is None


def test_a_hotkey_that_is_not_there_is_told_with_what_makes_one(tmp_path):
    """A newcomer's first error."""
    with pytest.raises(FileNotFoundError, match="btcli wallet new-hotkey --wallet-name w --hotkey h"):
        hotkey_address("w", "h", tmp_path)

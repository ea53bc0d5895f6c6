"""The table of constants."""

from __future__ import annotations

import math

import attrs
import pytest

from obmm.scoring import ERAS, era


def test_rows_are_found_by_their_version() -> None:
    """Every row names itself, oldest first."""
    assert [row.version for row in ERAS.values()] == list(ERAS)
    assert all(era(version) is row for version, row in ERAS.items())


def test_an_unknown_version_names_the_known_ones() -> None:
    """The message helps with a misspelt era."""
    with pytest.raises(KeyError, match=r"0\.1\.50.*0\.1\.51"):
        era("0.1.50")


def test_the_volume_cap_follows_wealth_and_multiple() -> None:
    """1, 2 and half a million quote per book and day."""
    caps = {version: ERAS[version].volume_cap_quote for version in ("0.1.9", "0.1.51", "0.3.5", "0.5.4")}
    assert caps == {"0.1.9": 1e6, "0.1.51": 2e6, "0.3.5": 5e5, "0.5.4": 5e5}


def test_the_moving_average_halves_in_83_scorings() -> None:
    """416 simulated seconds from 0.1.51 on."""
    assert -math.log(2.0) / math.log(1.0 - ERAS["0.1.51"].moving_average_alpha) == pytest.approx(
        83.18, abs=5e-3
    )


def test_every_constant_can_be_changed() -> None:
    """A changed row leaves the table alone."""
    changed = attrs.evolve(ERAS["0.5.4"], kappa_tau=0.1)
    assert changed.kappa_tau == 0.1
    assert ERAS["0.5.4"].kappa_tau == 0.0
    with pytest.raises(TypeError):
        ERAS["0.5.4"] = changed  # type: ignore[index]

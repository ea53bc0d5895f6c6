"""What every test may need: where the optional reference data lies."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "obmm", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("obmm")

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("OBMM_SHARED", REPOSITORY.parent / "shared"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of recordings, scoring vectors and oracles; the test is skipped where it is absent."""
    data = SHARED / "data"
    if not data.is_dir():
        pytest.skip(f"reference data not found at {data} (set OBMM_SHARED)")
    return data

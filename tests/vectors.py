"""Reference vectors of the scoring eras, one JSON file each, read from `OBMM_VECTORS`."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
VECTORS = Path(os.environ.get("OBMM_VECTORS", REPOSITORY.parent / "shared" / "data" / "scoring"))


def load(name: str) -> dict[str, Any]:
    """The vector file `name`, plain or gzipped; the test is skipped where the file is absent."""
    for path in (VECTORS / f"{name}.json", VECTORS / f"{name}.json.gz"):
        if path.is_file():
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rt", encoding="utf-8") as file:
                document: dict[str, Any] = json.load(file)
                return document
    pytest.skip(f"no reference vectors {name} in {VECTORS} (set OBMM_VECTORS)")

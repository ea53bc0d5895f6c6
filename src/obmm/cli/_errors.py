"""What a user can mend is told in one message; a defect of ours keeps its traceback."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

#: Package → the extra of obmm that brings it.
EXTRAS = {
    "numba": "sim",
    "scipy": "sim",
    "plotly": "report",
    "pyarrow": "records",
    "bittensor": "live",
    "bittensor_wallet": "serve",
    "httpx": "serve",
    "prometheus_client": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "optuna": "tune",
    "distributed": "cluster",
}


class UsageError(Exception):
    """A command cannot do what was asked; the message says why and what would work."""


def needs(*packages: str) -> None:
    """Say at once, before any work is done, which optional packages a command lacks.

    Raises:
        UsageError: With the command that installs what is missing, or numba may not compile.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        extras = ",".join(dict.fromkeys(EXTRAS[package] for package in missing))
        verb = "is" if len(missing) == 1 else "are"
        raise UsageError(f"{' and '.join(missing)} {verb} not installed; run: pip install 'obmm[{extras}]'")
    if "numba" in packages:
        import numba

        config: Any = numba.config
        if config.DISABLE_JIT:
            raise UsageError("NUMBA_DISABLE_JIT is set, but the embedded market only runs compiled; unset it")


def mendable() -> tuple[type[Exception], ...]:
    """Errors of which the user is told without a traceback."""
    # Imported here: a command that goes well may need neither.
    from obmm.settings.errors import ConfigError
    from obmm.wire.errors import WireError

    return UsageError, ConfigError, WireError, OSError


def message_of(error: Exception) -> str:
    """What to say of an error that the user can mend."""
    from obmm.settings.errors import ConfigError

    if isinstance(error, OSError) and error.filename is not None:
        # Without the number of the error, which says nothing to most.
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, ConfigError) and len(error.problems) == 1:
        return str(error.problems[0])
    return str(error)

"""Errors that the user can mend, as opposed to defects of ours."""

from __future__ import annotations


class UsageError(Exception):
    """A command cannot do what was asked; the message says why and what would work."""


def mendable() -> tuple[type[Exception], ...]:
    """Exceptions that are told in one message, without a traceback."""
    from obmm.agent.errors import ConfigError
    from obmm.wire import WireError

    return (UsageError, ConfigError, WireError, FileNotFoundError, IsADirectoryError, PermissionError)

"""obmm: market making on many limit order books at once."""

from obmm._version import __version__

__all__ = ["__version__"]

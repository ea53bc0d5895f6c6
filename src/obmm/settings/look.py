"""What all our pages look like: colours by light and dark, type, tiles and tables."""

from __future__ import annotations

from importlib import resources


def look() -> str:
    """The part of a style sheet that all pages share.

    >>> "prefers-color-scheme: dark" in look()
    True
    """
    return resources.files("obmm.settings").joinpath("look.css").read_text(encoding="utf-8")

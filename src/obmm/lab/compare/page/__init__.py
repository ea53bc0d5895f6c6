"""The page of a comparison."""

from obmm.lab.compare.page.page import page

__all__ = ["page"]

"""The report as a page."""

from obmm.lab.report.page.page import CHARTS, page, write_page

__all__ = ["CHARTS", "page", "write_page"]

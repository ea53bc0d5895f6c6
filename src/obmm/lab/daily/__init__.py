"""A day of an agent that is recorded: its figures, what changed against the day before, a page, a text."""

from obmm.lab.daily.day import Day, latest_before, measure_day
from obmm.lab.daily.page import write_page
from obmm.lab.daily.text import text_of

__all__ = ["Day", "latest_before", "measure_day", "text_of", "write_page"]

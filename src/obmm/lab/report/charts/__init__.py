"""The pictures of the report, one file per family."""

from obmm.lab.report.charts.answers import response_times
from obmm.lab.report.charts.chart import Chart, Variant
from obmm.lab.report.charts.fees import fees
from obmm.lab.report.charts.fills import markouts, price
from obmm.lab.report.charts.inventory import inventory_map
from obmm.lab.report.charts.quotes import quote_distance, quote_shares
from obmm.lab.report.charts.scores import score_of_books, score_over_time
from obmm.lab.report.charts.value import total_value, value_of_books

__all__ = [
    "Chart",
    "Variant",
    "fees",
    "inventory_map",
    "markouts",
    "price",
    "quote_distance",
    "quote_shares",
    "response_times",
    "score_of_books",
    "score_over_time",
    "total_value",
    "value_of_books",
]

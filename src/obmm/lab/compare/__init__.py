"""Two or more configurations compared on the same seeds: is it better, by how much, and how sure is that?"""

from obmm.lab.compare.arms import Arm, arms_of
from obmm.lab.compare.comparison import ALL, Comparison, Difference
from obmm.lab.compare.markets import Market, fields_of, markets_of
from obmm.lab.compare.question import Question, metrics_of

__all__ = [
    "ALL",
    "Arm",
    "Comparison",
    "Difference",
    "Market",
    "Question",
    "arms_of",
    "fields_of",
    "markets_of",
    "metrics_of",
]

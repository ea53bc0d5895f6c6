"""Searching for better options without fooling oneself."""

from obmm.lab.tune.design import Design, Rung
from obmm.lab.tune.folder import StudyFolder
from obmm.lab.tune.read_space import read_space
from obmm.lab.tune.result import Result, as_table, finished
from obmm.lab.tune.space import Dimension, Space
from obmm.lab.tune.study import Row, Study
from obmm.lab.tune.verdict import Verdict

__all__ = [
    "Design",
    "Dimension",
    "Result",
    "Row",
    "Rung",
    "Space",
    "Study",
    "StudyFolder",
    "Verdict",
    "as_table",
    "finished",
    "read_space",
]

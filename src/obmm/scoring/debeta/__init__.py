"""Making and skill: what the validators of 0.6 pay.

`DebetaScorer` follows a run; the modules below it hold the formulas, each over arrays of a whole field.
"""

from obmm.scoring.debeta.classes import classes_of
from obmm.scoring.debeta.combine import FieldScores, FieldSums, score_field
from obmm.scoring.debeta.dials import DIALS_0_6_2, DIALS_0_6_3, RUNGS_0_6_1, Dials
from obmm.scoring.debeta.parts import BookParts, DebetaScore, figures_of
from obmm.scoring.debeta.rounds import Payroll, Round
from obmm.scoring.debeta.scorer import DebetaScorer
from obmm.scoring.debeta.verdict import Verdict, judge

__all__ = [
    "DIALS_0_6_2",
    "DIALS_0_6_3",
    "RUNGS_0_6_1",
    "BookParts",
    "DebetaScore",
    "DebetaScorer",
    "Dials",
    "FieldScores",
    "FieldSums",
    "Payroll",
    "Round",
    "Verdict",
    "classes_of",
    "figures_of",
    "judge",
    "score_field",
]

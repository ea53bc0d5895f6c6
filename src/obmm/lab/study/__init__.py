"""What a signal knows of the next return, measured on recordings, the embedded market or a run."""

from obmm.lab.study.blend import Blend, blended
from obmm.lab.study.findings import Horizon, Quantile, SignalStudy
from obmm.lab.study.measure import HORIZONS_S, studied
from obmm.lab.study.proposal import combinable, proposed
from obmm.lab.study.result import Study, study
from obmm.lab.study.sample import Stretch, of_run, recorded, simulated
from obmm.lab.study.stretches import Sample
from obmm.lab.study.subjects import Subjects, subjects_of

__all__ = [
    "HORIZONS_S",
    "Blend",
    "Horizon",
    "Quantile",
    "Sample",
    "SignalStudy",
    "Stretch",
    "Study",
    "Subjects",
    "blended",
    "combinable",
    "of_run",
    "proposed",
    "recorded",
    "simulated",
    "studied",
    "study",
    "subjects_of",
]

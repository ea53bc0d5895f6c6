"""The soft floor under trading scores (from 0.5.4)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, as_floats
from obmm.scoring.eras import EraConstants


def apply_reward_floor(scores: npt.ArrayLike, era: EraConstants) -> FloatArray:
    """Scores (n,) of a field, tapered linearly to 0 below a percentile of the positive ones.

    With threshold q, a score at or above q stays, one at q·(1 − softness) or below becomes 0. Softness is
    cut to 0…1; 0 is a hard cut. Nothing happens without a floor or with fewer than two positive scores.

    >>> from obmm.scoring import ERAS
    >>> apply_reward_floor([0.0, 0.2, 0.4, 0.3], ERAS["0.5.4"])
    array([0. , 0.06666667, 0.4 , 0.3 ])
    """
    raw = as_floats(scores)
    positive = raw[raw > 0.0]
    if era.floor_percentile is None or positive.size < 2:
        return np.copy(raw)
    threshold = float(np.percentile(positive, era.floor_percentile))
    low = threshold * (1.0 - min(max(era.floor_softness, 0.0), 1.0))
    if low >= threshold:
        return np.where(raw >= threshold, raw, 0.0)
    kept: FloatArray = np.clip((raw - low) / (threshold - low), 0.0, 1.0)
    return raw * kept

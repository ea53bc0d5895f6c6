"""The P&L score: the median book's return, halved (0.3.5 and later)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from obmm.market.arrays import FloatArray, as_floats
from obmm.scoring.eras import DAY_NS, EraConstants


def pnl_reference_quote(n_books: int, era: EraConstants) -> float:
    """Realised P&L of a book that counts as a daily return of 100 %, quote.

    From 0.5.4 it is the wealth of a book times lookback over a day. The mixed units of 0.3.5 and 0.4.5 make
    it some 4·10¹¹ (72 books), so the P&L score of those eras is practically 0.

    >>> from obmm.scoring import ERAS
    >>> pnl_reference_quote(128, ERAS["0.5.4"])
    6250.0
    """
    if era.mixed_units:
        return era.wealth_quote / n_books * (era.kappa_lookback_ns * era.scoring_interval_ns / DAY_NS)
    return era.wealth_quote * era.pnl_lookback_ns / DAY_NS


def pnl_since_ns(time_ns: int, era: EraConstants) -> int:
    """First time whose realised P&L counts at `time_ns`; the mixed units of 0.3.5 let everything count.

    >>> from obmm.scoring import ERAS
    >>> pnl_since_ns(20_000 * 10**9, ERAS["0.5.4"]) // 10**9
    9200
    """
    if era.mixed_units:
        return time_ns - era.kappa_lookback_ns * era.publish_interval_ns
    return time_ns - era.pnl_lookback_ns


def inactive_allowance(n_books: int, era: EraConstants) -> int:
    """Number of books that may stand idle for free.

    >>> from obmm.scoring import ERAS
    >>> inactive_allowance(128, ERAS["0.5.4"])
    48
    """
    return int(era.max_inactive_books * n_books)


def book_returns(pnl: npt.ArrayLike, era: EraConstants) -> FloatArray:
    """Daily returns (…, B) of the books over the window, clipped; 0 for a book that realised nothing.

    All are 0 if the reference is not positive, as without wealth.

    Args:
        pnl: (…, B) realised in the window, quote.
        era: Gives reference and clip range.

    >>> from obmm.scoring import ERAS
    >>> book_returns([62.5, 0.0, -1e6], ERAS["0.5.4"])
    array([ 0.01, 0. , -1. ])
    """
    realised = as_floats(pnl)
    reference = pnl_reference_quote(realised.shape[-1], era)
    if reference <= 0.0:
        return np.zeros_like(realised)
    returns = np.clip(realised / reference, era.pnl_min_return, era.pnl_max_return)
    return np.where(realised != 0.0, returns, 0.0)


def pnl_score(pnl: npt.ArrayLike, era: EraConstants) -> float:
    """Half the median return, −0.5…0.5.

    Books without P&L are idle: the allowance of them is left out, each further one counts as 0. 0 without
    any book to count.

    Args:
        pnl: (B,) realised in the window, quote.
        era: Gives reference, clip range and allowance.

    >>> from obmm.scoring import ERAS
    >>> pnl_score([625.0, 1250.0, 0.0, 0.0], ERAS["0.5.4"])
    0.05
    """
    realised = as_floats(pnl)
    active = book_returns(realised, era)[realised != 0.0]
    n_idle = realised.size - active.size
    zeros = max(n_idle - inactive_allowance(realised.size, era), 0)
    counted = np.concatenate([active, np.zeros(zeros)])
    return float(np.median(counted)) / 2.0 if active.size else 0.0


def pnl_scores(pnl: FloatArray, era: EraConstants) -> FloatArray:
    """P&L scores (R,) of many scorings of as many books (R, B), each what `pnl_score` makes of its row.

    >>> from obmm.scoring import ERAS
    >>> pnl_scores(np.array([[625.0, 1250.0, 0.0, 0.0], [0.0] * 4]), ERAS["0.5.4"])
    array([0.05, 0.  ])
    """
    active, returns = pnl != 0.0, book_returns(pnl, era)
    n_active, scores = np.count_nonzero(active, axis=1), np.zeros(pnl.shape[0])
    allowed = inactive_allowance(pnl.shape[1], era)
    for n in np.unique(n_active[n_active > 0]).tolist():
        rows = np.flatnonzero(n_active == n)
        counted = np.zeros((rows.size, n + max(pnl.shape[1] - n - allowed, 0)))
        counted[:, :n] = returns[rows][active[rows]].reshape(-1, n)
        scores[rows] = np.median(counted, axis=1) / 2.0
    return scores

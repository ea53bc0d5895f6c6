"""What a validator pays: the formulas of every scoring era, and scorers that follow a run state by state."""

from obmm.market.lots import Lot, OpenLots, Realised
from obmm.scoring.activity_0_3_5 import activity_factors_0_3_5, activity_window_start_ns, pnl_factors
from obmm.scoring.eras import ERAS, EraConstants, era
from obmm.scoring.field import Field, FieldScore, RunScore, RunScorer, scorer_for
from obmm.scoring.inventory import InventoryHistory
from obmm.scoring.kappa import KappaCache, KappaRatios, kappa_ratios, normalize_kappa
from obmm.scoring.kappa_scorer import KappaScore, KappaScorer
from obmm.scoring.pareto import distribute_rewards, pareto_draws
from obmm.scoring.pnl_score import (
    book_returns,
    inactive_allowance,
    pnl_reference_quote,
    pnl_score,
    pnl_since_ns,
)
from obmm.scoring.realised import PnlHistory, RealisedLedger
from obmm.scoring.reward_floor import apply_reward_floor
from obmm.scoring.score_0_1_9 import score_books_0_1_9
from obmm.scoring.score_0_1_51 import BookWeights, activity_factors, score_books, weight_by_activity
from obmm.scoring.score_0_3_5 import KappaWeights, TradingScore, score_kappa, score_uid, trading_score
from obmm.scoring.scorer import Fill, Score, Scorer, era_at, own_fills
from obmm.scoring.sharpe import SharpeRatios, normalize_sharpe, sharpe_ratios, sharpe_ratios_0_1_9
from obmm.scoring.sharpe_scorer import EarlySharpeScorer, SharpeScore, SharpeScorer
from obmm.scoring.summary import summary_score
from obmm.scoring.training import rank_scores, training_average
from obmm.scoring.valuation import best_bid_value, liquidation_value, midquote, midquote_value
from obmm.scoring.volumes import Role, VolumeSamples, last_traded_ns, sample_time_ns, trade_role
from obmm.scoring.weights import (
    PoolShares,
    burn_weights,
    chain_weights,
    emitted_weights,
    l1_weights,
    limit_weights,
    moving_average,
    pool_weights,
)

__all__ = [
    "ERAS",
    "BookWeights",
    "EarlySharpeScorer",
    "EraConstants",
    "Field",
    "FieldScore",
    "Fill",
    "InventoryHistory",
    "KappaCache",
    "KappaRatios",
    "KappaScore",
    "KappaScorer",
    "KappaWeights",
    "Lot",
    "OpenLots",
    "PnlHistory",
    "PoolShares",
    "Realised",
    "RealisedLedger",
    "Role",
    "RunScore",
    "RunScorer",
    "Score",
    "Scorer",
    "SharpeRatios",
    "SharpeScore",
    "SharpeScorer",
    "TradingScore",
    "VolumeSamples",
    "activity_factors",
    "activity_factors_0_3_5",
    "activity_window_start_ns",
    "apply_reward_floor",
    "best_bid_value",
    "book_returns",
    "burn_weights",
    "chain_weights",
    "distribute_rewards",
    "emitted_weights",
    "era",
    "era_at",
    "inactive_allowance",
    "kappa_ratios",
    "l1_weights",
    "last_traded_ns",
    "limit_weights",
    "liquidation_value",
    "midquote",
    "midquote_value",
    "moving_average",
    "normalize_kappa",
    "normalize_sharpe",
    "own_fills",
    "pareto_draws",
    "pnl_factors",
    "pnl_reference_quote",
    "pnl_score",
    "pnl_since_ns",
    "pool_weights",
    "rank_scores",
    "sample_time_ns",
    "score_books",
    "score_books_0_1_9",
    "score_kappa",
    "score_uid",
    "scorer_for",
    "sharpe_ratios",
    "sharpe_ratios_0_1_9",
    "summary_score",
    "trade_role",
    "trading_score",
    "training_average",
    "weight_by_activity",
]

"""What else a market tells a miner: its background agents, which a state does not hold and no stage reads.

The subnet's own model of a configuration wants all of it and refuses a message that lacks a part, so that an
agent of the subnet, driven by a message of ours, would not answer.
"""

from __future__ import annotations

from typing import Any

#: Production's calibration in 0.5.4, as the offline harness posted it.
PRODUCTION: dict[str, Any] = {
    "time_unit": "ns",
    "log_window": 3_600_000_000_000,
    "detailed_book_levels": 5,
    "baseDecimals": 4,
    "quoteDecimals": 10,
    "max_leverage": 4.0,
    "max_loan": 10000.0,
    "maintenance_margin": 0.1,
    "miner_capital_type": "pareto",
    "miner_base_balance": None,
    "miner_quote_balance": None,
    "fp_update_period": 30_000_000_001,
    "fp_seed_interval": 30_000_000_000,
    "fp_mu": 0.0,
    "fp_sigma": 0.034,
    "fp_lambda": 0.000206,
    "fp_mu_jump": 0.0,
    "fp_sigma_jump": 0.025,
    "init_agent_count": 500,
    "init_agent_capital_type": "static",
    "init_agent_base_balance": 100.0,
    "init_agent_quote_balance": 30000.0,
    "init_agent_wealth": 60000.0,
    "init_agent_tau": 86_400_000_000_000,
    "hft_agent_count": 10,
    "hft_agent_capital_type": "static",
    "hft_agent_base_balance": 500.0,
    "hft_agent_quote_balance": 150000.0,
    "hft_agent_wealth": 300000.0,
    "hft_agent_feed_latency_min": 100_000_000,
    "hft_agent_order_latency_min": 1_000_000,
    "hft_agent_order_latency_max": 50_000_000,
    "hft_agent_order_latency_scale": 0.235,
    "hft_agent_tau": 2.0,
    "hft_agent_delta": 750_000_000,
    "hft_agent_psi": 100.0,
    "hft_agent_gHFT": 0.5,
    "hft_agent_kappa": 1.6,
    "hft_agent_spread": 0.0015,
    "hft_agent_order_size_mean": 2.5,
    "hft_agent_price_noise": 0.23,
    "hft_agent_price_shift": 0.05,
    "sta_agent_count": 1000,
    "sta_agent_capital_type": "pareto-50",
    "sta_agent_base_balance": None,
    "sta_agent_quote_balance": None,
    "sta_agent_wealth": 20000.0,
    "sta_agent_feed_latency_min": 0,
    "sta_agent_feed_latency_mean": 250_000_000,
    "sta_agent_feed_latency_std": 50_000_000,
    "sta_agent_order_latency_min": 90_000_000,
    "sta_agent_order_latency_max": 300_000_000,
    "sta_agent_order_latency_scale": 0.235,
    "sta_agent_decision_latency_mean": 10_000_000_000,
    "sta_agent_decision_latency_std": 1_000_000_000,
    "sta_agent_selection_scale": 0.0,
    "sta_agent_noise_weight": 0.7,
    "sta_agent_chartist_weight": 2.3,
    "sta_agent_fundamentalist_weight": 5.0,
    "sta_agent_tau": 600_000_000_000,
    "sta_agent_tauHist": 50,
    "sta_agent_tauF": 1,
    "sta_agent_sigmaEps": 0.002,
    "sta_agent_r_aversion": 100000.0,
    "futures_agent_count": 100,
    "futures_agent_capital_type": "static",
    "futures_agent_base_balance": 500.0,
    "futures_agent_quote_balance": 150000.0,
    "futures_agent_wealth": 300000.0,
    "futures_agent_volume": 8.0,
    "futures_agent_sigmaEps": 0.5,
    "futures_agent_lambda": 0.0,
    "futures_agent_feed_latency_mean": 250_000_000,
    "futures_agent_feed_latency_std": 50_000_000,
    "futures_agent_order_latency_min": 90_000_000,
    "futures_agent_order_latency_max": 300_000_000,
    "futures_agent_selection_scale": 0.0,
}


def completed(config: dict[str, Any]) -> dict[str, Any]:
    """`config` with what the subnet's own model wants besides; what is there stays.

    >>> full = completed({"book_count": 8, "priceDecimals": 3})
    >>> full["books_per_block"], full["priceDecimals"], full["max_leverage"]
    (8, 3, 4.0)
    """
    layout = {"logDir": None, "block_count": 1, "books_per_block": config["book_count"]}
    full = {**PRODUCTION, **layout, **config}
    if classes := config.get("classes"):
        # Each class has a whole configuration of its own.
        shared = {key: value for key, value in full.items() if key != "classes"}
        full["classes"] = [{**one, "config": {**shared, **one["config"]}} for one in classes]
    return full

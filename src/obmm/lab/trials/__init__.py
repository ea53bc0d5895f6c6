"""Configurations on several seeds of a market: what runs them, and what became of them."""

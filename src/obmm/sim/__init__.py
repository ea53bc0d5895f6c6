"""The embedded market: an exact exchange and its living background, compiled."""

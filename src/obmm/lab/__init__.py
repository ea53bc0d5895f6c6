"""Runs of an agent: simulated, replayed, checked, timed, compared."""

"""The page of the dashboard."""

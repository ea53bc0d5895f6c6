"""Searching for better options without fooling oneself."""

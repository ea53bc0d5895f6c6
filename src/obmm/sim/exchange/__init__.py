"""The exchange: book, matching, accounts, fees, instructions, and what it publishes."""

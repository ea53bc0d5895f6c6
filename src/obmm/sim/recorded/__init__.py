"""A recorded market: its order flow matched anew with own orders among it."""

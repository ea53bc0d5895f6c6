"""On the network: the session that answers requests, and the doors through which they come."""

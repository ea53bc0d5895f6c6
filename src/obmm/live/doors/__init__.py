"""Ways by which requests come to a session, each in a file."""

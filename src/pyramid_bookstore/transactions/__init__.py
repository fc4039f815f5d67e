"""Who commits: units of work, sessions, retries, idempotency, and events at the commit."""

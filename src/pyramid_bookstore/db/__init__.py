"""Engines, the read replica, dialects, column types, how statements run, and migrations."""

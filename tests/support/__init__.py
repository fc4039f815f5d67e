"""Shared by tests, benchmarks and torture scripts: real servers that are always stopped again."""

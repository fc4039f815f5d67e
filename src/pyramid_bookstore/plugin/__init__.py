"""The steps of `includeme`, and what happens at start: the package that knows all others."""

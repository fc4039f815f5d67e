"""The steps of `includeme`, and what happens at start: the room that knows all others."""

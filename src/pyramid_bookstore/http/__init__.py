"""The HTTP API: routes, views, and how things look on the wire."""

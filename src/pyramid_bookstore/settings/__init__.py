"""The settings: the table of keys, its reader, the converters, and the environment."""

from pyramid_bookstore.settings.table import KEYS, JwtSettings, Settings, as_text

__all__ = ["KEYS", "JwtSettings", "Settings", "as_text"]

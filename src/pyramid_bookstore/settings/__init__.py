"""What may be set in the INI: the table of keys, its reader, and the environment over it."""

from pyramid_bookstore.settings.table import KEYS, JwtSettings, Settings, as_text

__all__ = ["KEYS", "JwtSettings", "Settings", "as_text"]

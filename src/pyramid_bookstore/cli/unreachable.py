"""What to do about a database that cannot be reached."""

from typing import Final

from sqlalchemy import URL

from pyramid_bookstore.db.dialects import dialect_named
from pyramid_bookstore.errors import Unavailable
from pyramid_bookstore.settings import Settings

NO_FILE: Final = "Run: bookstore -c INI migrate, which makes the file; or correct the URL."


def unreachable(settings: Settings, url: URL, error: Exception) -> tuple[str, str]:
    """What the driver says, in one line, and an advice, which may be empty."""
    message = " ".join(str(getattr(error, "orig", None) or error).split())
    lower, key = message.lower(), f"{settings.database_prefix}url"
    if isinstance(error, Unavailable):
        return message, ""
    if "password" in lower or "authentication" in lower or "role" in lower:
        return message, f"Correct the user or password in {key}, or in pg_hba.conf."
    if "unable to open" in lower:
        place = dialect_named(url.get_backend_name()).check_place(url)
        if any(found.verdict == "fault" for found in place):
            return message, f"Make its folder, or let this user write there; or correct {key}."
        return message, NO_FILE
    if "does not exist" in lower:
        return message, f"Create it (createdb), or correct its name in {key}."
    if not dialect_named(url.get_backend_name()).has_rights:  # a file, no server
        return message, f"See that {key} names the right file, and that it is not damaged."
    return message, f"See that the server runs and that {key} names it."

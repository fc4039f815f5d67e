"""``initialize_storefront_db development.ini``: tables, books and two people to sign in as."""

from __future__ import annotations

import argparse
import secrets
import sys
from collections.abc import Sequence
from importlib.resources import files

from pyramid.paster import bootstrap, get_appsettings
from pyramid.request import Request
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from pyramid_bookstore import Bookstore, load_sample
from storefront.database import make_engine, upgrade
from storefront.models import User
from storefront.passwords import hash_password
from storefront.stock_notes import LOW, write_note

#: Login, name and role of the people in the demonstration.
PEOPLE = (
    ("customer", "Ada Reader", "customer"),
    ("staff", "Basil Binder", "staff"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Bring the database of an INI up to date; safe to run again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ini", help="the INI of the shop, such as development.ini")
    ini = parser.parse_args(argv).ini
    engine = make_engine(get_appsettings(ini))
    try:
        upgrade(engine)
        added = put_books(ini, engine)
        note_what_runs_out(engine)
        passwords = set_people(engine)
    finally:
        engine.dispose()
    out = sys.stdout.write
    out(f"{added} books put on the shelves.\n" if added else "The shelves were full already.\n")
    out("Sign in as one of these; the passwords are new each time this command runs:\n")
    for login, password in passwords.items():
        out(f"  {login:10}{password}\n")
    return 0


def put_books(ini: str, engine: Engine) -> int:
    """Put in the sample catalogue, with publishers and languages; returns the number of books."""
    # Making the application makes the bookstore's tables: `bookstore.migrate` in the INI.
    with bootstrap(ini, request=Request.blank("/", method="POST")) as env:
        added = load_sample(engine)
        if added:
            # The application knows the declared fields; `Bookstore.on` does not.
            path = files("storefront") / "data/trade.ndjson"
            with env["request"].tm, path.open("rb") as stream:
                env["request"].bookstore.import_books(stream, "ndjson")
    return added


def note_what_runs_out(engine: Engine) -> None:
    """Write the notes for the books at hand; later ones come by events."""
    with Session(engine) as session, session.begin():
        # Outside a request the bookstore works on any session it is given.
        bookstore = Bookstore.on(session)
        for book in bookstore.list(sort=(("stock", False),), limit=100, count="none").books:
            if book.stock <= LOW:
                write_note(session, book)


def set_people(engine: Engine) -> dict[str, str]:
    """Give everybody of `PEOPLE` an account and a new password; returns passwords by login."""
    passwords = {}
    with Session(engine) as session, session.begin():
        for login, name, role in PEOPLE:
            user = session.scalar(select(User).where(User.login == login))
            if user is None:
                user = User(login=login)
                session.add(user)
            passwords[login] = secrets.token_urlsafe(9)
            user.name, user.role = name, role
            user.password_hash = hash_password(passwords[login])
    return passwords

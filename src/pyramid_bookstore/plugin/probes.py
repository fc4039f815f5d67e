"""What no table can say of settings: whether the drivers, extras and keys they ask for are there.

Each probe adds its faults to those of the settings themselves, so that a start names all at once.
It passes over what is at fault already.
"""

from pyramid_bookstore.auth.probe import token_key
from pyramid_bookstore.db.probe import engines
from pyramid_bookstore.observability.probe import extras

#: What a start asks.
START = (engines, token_key, extras)

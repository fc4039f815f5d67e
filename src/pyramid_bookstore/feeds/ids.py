"""Ids for many books at once, in the order of the feed."""

import secrets
from collections.abc import Iterator
from random import getrandbits

_RAND_B_BITS = 62
_STEP_BITS = 32


def ids(milliseconds: int) -> Iterator[str]:
    """UUIDs of version 7 for one moment, ascending, as 32 hexadecimal digits each.

    ``milliseconds`` since 1970. The random part starts at random and goes up by random steps (RFC
    9562, section 6.2, method 2), so the ids do not run ahead of the clock as they would if each
    took a millisecond of its own. There are at least 2**29 of them.
    """
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64) | (0b10 << 62)
    value += secrets.randbits(_RAND_B_BITS - 1)  # the upper half is left to count into
    while True:
        yield f"{value:032x}"
        value += getrandbits(_STEP_BITS) + 1

"""Numbers with their nouns, as people read them."""


def counted(number: int, noun: str) -> str:
    """``1 book``, ``1,200 books``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

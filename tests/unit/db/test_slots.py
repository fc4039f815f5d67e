"""`Slots`: how much costly work a process does at once."""

from threading import Thread

import pytest

from pyramid_bookstore.db.slots import Held, Slots
from pyramid_bookstore.errors import Unavailable


def test_no_more_than_all_slots_are_taken_at_once() -> None:
    slots = Slots(2)
    first, _ = slots.take(), slots.take()
    with pytest.raises(Unavailable, match="Too many") as raised:
        slots.take()
    assert raised.value.retry_after > 0
    first()
    slots.take()


def test_who_may_wait_gets_the_slot_that_is_given_back() -> None:
    slots = Slots(1, waiting=1, patience=60)
    give_back = slots.take()
    taken: list[bool] = []

    def wait() -> None:
        with slots.held():
            taken.append(True)

    waiting = Thread(target=wait)
    waiting.start()
    give_back()
    waiting.join(60)
    assert taken == [True]
    slots.take()  # `held` gave it back


def test_who_waits_is_refused_when_patience_ends() -> None:
    slots = Slots(1, waiting=1, patience=0.01)
    slots.take()
    for _ in range(2):  # and the room to wait is free again
        with pytest.raises(Unavailable):
            slots.take()


def test_a_slot_is_given_back_when_the_work_fails() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.held():
        raise ZeroDivisionError
    slots.take()


def test_chunks_need_not_be_a_generator() -> None:
    slots = Slots(1)
    chunks = Held(slots, lambda: iter([b"a", b"b"]))
    assert list(chunks) == [b"a", b"b"]
    chunks.close()
    slots.take()

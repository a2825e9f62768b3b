"""What callers hand to the writer's thread: when it is woken, and with how much."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pywats_trio.queue.mailbox import Mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG = 30.0
"""Seconds that no test waits for."""


class Taker:
    """Takes once, in a thread."""

    def __init__(self, mailbox: Mailbox[int], most: int, expected: int, seconds: float) -> None:
        self.taken: list[int] | None = None
        self._thread = threading.Thread(target=self._take, args=(mailbox, most, expected, seconds))
        self._thread.start()

    def _take(self, mailbox: Mailbox[int], most: int, expected: int, seconds: float) -> None:
        self.taken = mailbox.take(most, expected, seconds)

    def result(self) -> list[int] | None:
        self._thread.join(LONG / 2)
        assert not self._thread.is_alive(), "it still waits"
        return self.taken


@pytest.fixture
def mailbox() -> Iterator[Mailbox[int]]:
    mailbox: Mailbox[int] = Mailbox()
    yield mailbox
    mailbox.close()


@pytest.mark.parametrize(
    ("most", "expected"), [(1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3])]
)
def test_what_is_there_is_taken_in_its_order(
    mailbox: Mailbox[int], most: int, expected: list[int]
) -> None:
    for number in (1, 2, 3):
        mailbox.put(number)
    assert mailbox.take(most, 1, LONG) == expected
    assert mailbox.rest() == [1, 2, 3][len(expected) :]
    assert mailbox.rest() == []


def test_one_alone_is_taken_at_once(mailbox: Mailbox[int]) -> None:
    taker = Taker(mailbox, 9, 1, LONG)
    mailbox.put(1)
    assert taker.result() == [1]


def test_as_many_as_are_expected_are_waited_for(mailbox: Mailbox[int]) -> None:
    taker = Taker(mailbox, 9, 3, LONG)
    for number in (1, 2, 3):
        mailbox.put(number)
    assert taker.result() == [1, 2, 3]


def test_no_more_is_waited_for_than_can_be_taken(mailbox: Mailbox[int]) -> None:
    taker = Taker(mailbox, 2, 3, LONG)
    for number in (1, 2):
        mailbox.put(number)
    assert taker.result() == [1, 2]


def test_those_who_do_not_come_are_waited_for_no_longer_than_told(mailbox: Mailbox[int]) -> None:
    mailbox.put(1)
    assert mailbox.take(9, 3, 0.01) == [1]


def test_then_one_is_waited_for_however_long(mailbox: Mailbox[int]) -> None:
    taker = Taker(mailbox, 9, 3, 0.0)
    mailbox.put(1)
    assert taker.result() == [1]


@pytest.mark.parametrize("expected", [1, 3])
def test_whoever_waits_learns_that_it_is_closed(mailbox: Mailbox[int], expected: int) -> None:
    taker = Taker(mailbox, 9, expected, LONG)
    mailbox.close()
    assert taker.result() == []


@pytest.mark.parametrize("expected", [1, 3])
def test_what_was_put_before_the_end_is_taken(mailbox: Mailbox[int], expected: int) -> None:
    mailbox.put(1)
    mailbox.close()
    assert mailbox.take(9, expected, LONG) == [1]
    assert mailbox.take(9, expected, LONG) == []

"""What callers hand to the writer's thread."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """A queue from many threads to one, which is woken when enough is there to be worth it."""

    def __init__(self) -> None:
        self._waiting: deque[T] = deque()
        self._enough = 1
        """How many must wait before the one is woken."""
        self._closed = False
        self._changed = threading.Condition(threading.Lock())

    def put(self, thing: T) -> None:
        """Never blocks for long."""
        with self._changed:
            self._waiting.append(thing)
            if len(self._waiting) >= self._enough:
                self._changed.notify()

    def close(self) -> None:
        """What is there can be taken yet; then `take` gives nothing, and at once."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def take(self, most: int, expected: int, seconds: float) -> list[T]:
        """Wait for `expected` things for `seconds`, then for one however long; up to `most`.

        Empty once it is closed and nothing is left.
        """
        with self._changed:
            if expected > 1:
                self._wait(min(expected, most), seconds)
            self._wait(1, None)
            return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def _wait(self, enough: int, seconds: float | None) -> None:
        # Once and not until a time, which a clock that is set back would put off: whoever wakes us
        # has seen that it is enough.
        self._enough = enough
        if len(self._waiting) < enough and not self._closed:
            self._changed.wait(seconds)

    def rest(self) -> list[T]:
        """All that is there, without waiting."""
        with self._changed:
            rest = list(self._waiting)
            self._waiting.clear()
            return rest

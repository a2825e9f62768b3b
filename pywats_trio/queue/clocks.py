"""Two clocks: the wall clock, which people read and set, and a steady one, which waits are told by.

Due times in the database are times of the steady clock, which goes on over restarts as if nobody
had ever set the wall clock. A setting beside them says how far the wall clock is ahead of it, so
that whoever shows a due time can show it by the wall clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from attrs import evolve

from pywats_trio.model import Kind, Reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import apsw

    from pywats_trio.model import Item

SHIFT: Final = "clock.shift"
"""The setting: seconds that the wall clock is ahead of the steady one; below 0: behind it."""
JUMP_SECONDS: Final = 60.0
"""Being set by less is no jump: due times are shown so much too early or too late."""


class Steady(Protocol):
    """A clock that nobody sets."""

    def __call__(self) -> float:
        """Seconds since the epoch, as they would be if the wall clock had never been set."""
        ...

    def shift(self) -> float:
        """Seconds that the wall clock is ahead of this one now."""
        ...


class SteadyClock:
    """Moved on by a clock that nobody sets: when the wall clock is corrected, waits neither end at
    once nor last for years. `shift`: what the wall clock is ahead of it at the start, in seconds.
    """

    def __init__(
        self, wall: Callable[[], float], monotonic: Callable[[], float], shift: float = 0.0
    ) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - shift - monotonic()

    def __call__(self) -> float:
        """See `Steady`."""
        return self._offset + self._monotonic()

    def shift(self) -> float:
        """See `Steady`."""
        return self._wall() - self()


def shift_at_start(connection: apsw.Connection, settings: dict[str, str], now: float) -> float:
    """How far the wall clock, at `now`, is ahead of the steady one.

    A wall clock that stands before the last time it was read by was set back meanwhile: the steady
    one goes on from there, so that waits do. Blocks.
    """
    shift = float(settings.get(SHIFT, "0"))
    read: float | None = connection.execute("SELECT at FROM history ORDER BY seq DESC LIMIT 1").get
    if read is None or read <= now:
        return shift
    shift -= read - now
    settings[SHIFT] = repr(shift)
    connection.execute(
        "INSERT OR REPLACE INTO settings (key, value) VALUES (?, ?)", (SHIFT, settings[SHIFT])
    )
    return shift


_FARTHEST: Final = (
    "SELECT due_at - coalesce(delay, 0) FROM items WHERE kind = ? AND reason = ?"
    " AND state = 'SUSPENDED' AND due_at < 9e999 ORDER BY due_at DESC LIMIT 1"
)
_MEND: Final = (
    "UPDATE items SET due_at = ?1 + coalesce(delay, 0)"
    " WHERE state = 'SUSPENDED' AND due_at > ?1 + coalesce(delay, 0)"
)


def mend_waits(connection: apsw.Connection, steady: float) -> None:
    """No wait is longer than it was meant to be, however wrong the clock was that began it.

    The wall clock may have been set while nobody could take note of it. Blocks; without such a wait
    it costs a look at the last one of each kind.
    """
    begun = (
        connection.execute(_FARTHEST, (kind.value, reason.value)).get
        for kind in Kind
        for reason in Reason
    )
    if any(at is not None and at > steady + JUMP_SECONDS for at in begun):
        connection.execute(_MEND, (steady,))


def by_wall_clock(connection: apsw.Connection, items: Iterable[Item]) -> list[Item]:
    """The same items with their due times as people read them. Blocks."""
    found: str | None = connection.execute("SELECT value FROM settings WHERE key = ?", (SHIFT,)).get
    shift = float(found or 0)
    if not shift:
        return list(items)
    return [
        item if item.due_at is None else evolve(item, due_at=item.due_at + shift) for item in items
    ]

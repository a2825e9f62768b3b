"""The last requests that brought a report, so that each send can be seen and counted."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from attrs import define

from pywats_trio.bell import Bell

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT: Final = 10_000


@define
class Entry:
    """One submit. `status` is None until it is answered; it stays so if the client left first."""

    number: int
    time: float
    """Unix time of its arrival."""
    format: str
    id: str = ""
    serial: str = ""
    bytes: int = 0
    status: int | None = None
    fault: str = ""
    over: bool = False


class Journal:
    """A bounded list of submits, newest last, and the counts of all of them."""

    def __init__(self, kept: int = KEPT) -> None:
        self.entries: deque[Entry] = deque(maxlen=kept)
        self.submits = 0
        """All that arrived, refused ones included."""
        self._bell = Bell()

    def arrived(self, now: float, kind: str) -> Entry:
        """A submit has begun; fill in the entry as more is known, and say so by `changed`."""
        self.submits += 1
        entry = Entry(self.submits, now, kind)
        self.entries.append(entry)
        return entry

    def changed(self) -> None:
        """Wake those who wait for something to show here."""
        self._bell.ring()

    def sends(self) -> Counter[str]:
        """How often each id was sent, among the entries that are kept."""
        return Counter(entry.id for entry in self.entries if entry.id)

    def hanging(self) -> int:
        """How many submits are held by a `hang` at this moment."""
        return sum(entry.fault == "hang" and not entry.over for entry in self.entries)

    async def wait_until(self, reached: Callable[[], bool]) -> None:
        """Until `reached()` is true; it is asked after every arrival and answer."""
        while True:
            ticket = self._bell.ticket()
            if reached():
                return
            await ticket.wait()

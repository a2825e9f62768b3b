"""What the commands need of a service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from attrs import frozen

from pywats_trio.model import Kind, State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pywats_trio.config.options import Config
    from pywats_trio.control import Who
    from pywats_trio.model import Item
    from pywats_trio.observe.board import Board
    from pywats_trio.queue.store import Desk, Store


@frozen
class Finished:
    """An item at the end of its way, with the reports that came of it."""

    item: Item
    reports: tuple[Item, ...] = ()
    """FILE: its reports, in the order in which they stand in it."""

    @property
    def delivered(self) -> bool:
        """Whether the server took everything that came of it, and something did."""
        if self.item.state is not State.COMPLETED:
            return False
        if self.item.kind is Kind.REPORT:
            return True
        delivered = [report.state is State.COMPLETED for report in self.reports]
        return bool(delivered) and all(delivered)

    @property
    def why(self) -> str:
        """What went wrong first; empty if it was delivered."""
        failed = [item for item in (self.item, *self.reports) if item.state is not State.COMPLETED]
        if failed:
            return failed[0].last_error or f"item {failed[0].id} is {failed[0].state}"
        return "" if self.delivered else self.item.last_error


@frozen
class OpenQueue:
    """The queue of a service, open for commands."""

    config: Config
    """In effect."""
    database: Path
    store: Store
    desk: Desk
    """A reading side of the commands' own: a long search holds up no part."""


class QueueHost(Protocol):
    """A service that may be stopped, as far as commands about its queue see it."""

    @property
    def board(self) -> Board:
        """What is true now."""
        ...

    def queue(self) -> OpenQueue:
        """The queue. NotReady: it is not open."""
        ...

    def progress(self, item_id: int) -> int:
        """How far a conversion that runs now is, 0 to 100."""
        ...


class ConverterHost(Protocol):
    """The converters of a running service; see `service.converters` for what each may raise."""

    async def enable(self, name: str, who: Who) -> dict[str, Any]:
        """Turn one on that was turned off."""
        ...

    async def disable(self, name: str, who: Who) -> dict[str, Any]:
        """Turn one off, over restarts."""
        ...

    async def reload(self, names: Iterable[str] = ...) -> dict[str, Any]:
        """Take the code of some, or of all, as it is now into use, or refuse it."""
        ...


class Host(QueueHost, Protocol):
    """A running service, as the commands see it. `who` is for log and history."""

    @property
    def converters(self) -> ConverterHost:
        """What is asked about single converters. NotReady: the service does not run."""
        ...

    def stop(self, cause: str = ...) -> None:
        """Drain and end."""
        ...

    async def pause(self, who: Who) -> None:
        """Begin nothing new, over restarts, until somebody resumes."""
        ...

    async def resume(self, who: Who) -> None:
        """Go on."""
        ...

    async def sync_now(self, who: Who) -> dict[str, Any]:
        """Scan all folders and ask the server now."""
        ...

    async def reload(self) -> dict[str, Any]:
        """Read the configuration again and put it into effect."""
        ...

    async def submit_file(self, path: Path, *, converter: str = ..., priority: int = ...) -> Item:
        """Accept a copy of a file that lies in no watch folder."""
        ...

    async def submit_text(self, text: str, *, priority: int = ...) -> Item:
        """Accept a WSJF report."""
        ...

    async def wait_for_room(self) -> None:
        """Until there is room for one more item."""
        ...

    async def wait(self, item_id: int) -> Finished:
        """An item at its end."""
        ...

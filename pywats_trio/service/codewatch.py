"""The files of converters, watched: a changed one comes into use by itself, or is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import structlog
import trio

from pywats_trio.config import texts
from pywats_trio.errors import NotReady, PywatsTrioError
from pywats_trio.service.filewatch import POLL_SECONDS, Follower

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pywats_trio.bell import Bell
    from pywats_trio.config.options import ConverterOptions

log = structlog.get_logger("pywats_trio.service")


class Reload(Protocol):
    """`Converters.reload`."""

    async def __call__(self, names: Iterable[str], *, changed_only: bool) -> object: ...


class CodeWatch:
    """A part: has the converters of each file looked at that may have changed.

    Args:
        converters: those that are in use now.
        changed: rung when they may be others.
        reload: looks at the code of some; what is refused has been logged by it.
        notified: whether notifications are used where the system has them.
        poll_seconds: between two looks where it has none.
    """

    def __init__(
        self,
        converters: Callable[[], Iterable[ConverterOptions]],
        changed: Bell,
        reload: Reload,
        *,
        notified: bool = True,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._converters = converters
        self._changed = changed
        self._reload = reload
        self._notified = notified
        self._poll_seconds = poll_seconds

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled. A file that hangs holds up no other."""
        task_status.started()
        while True:
            files = files_of(self._converters())
            async with trio.open_nursery() as watching:
                for file, names in files.items():
                    watching.start_soon(self._follow, file, names)
                await self._until_others(files)
                watching.cancel_scope.cancel()

    async def _until_others(self, files: dict[Path, list[str]]) -> None:
        while files == files_of(self._converters()):
            await self._changed.ticket().wait()  # nothing can ring between the look and this

    async def _follow(self, file: Path, names: list[str]) -> None:
        async def look() -> bool:
            try:
                await self._reload(names, changed_only=True)
            except NotReady:
                return True  # the service stops; the next start reads it anyway
            except PywatsTrioError as error:
                log.warning("the converter file is not looked at", file=str(file), error=str(error))
                return False
            return True

        follower = Follower(file, look, notified=self._notified, poll_seconds=self._poll_seconds)
        await follower.run()


def files_of(converters: Iterable[ConverterOptions]) -> dict[Path, list[str]]:
    """The files that converters are, and the names of those of each."""
    files: dict[Path, list[str]] = {}
    for options in converters:
        if found := texts.converter_file(options.type):
            files.setdefault(Path(found[0]).expanduser().absolute(), []).append(options.name)
    return files

"""A file, watched; and the file of the configuration, whose changes are put into effect.

Notifications only say "look": what counts is the content. The folder of the file is listened to and
not the file, for editors and orchestrators put another one in its place; and where the name is a
link, the folder of every link on the way.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, Unpack

import structlog
import trio

from pywats_trio.errors import NotReady, PywatsTrioError
from pywats_trio.intake.filesystem import written_to

if sys.platform == "linux":
    # The package is one module without types.
    from inotify_simple import INotify, flags  # type: ignore[import-untyped]

    MASK: Final = (
        flags.CLOSE_WRITE
        | flags.CREATE
        | flags.MOVED_TO
        | flags.MOVED_FROM
        | flags.DELETE
        | flags.ONLYDIR
    )

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Iterator

    from pywats_trio.service.reload import Source

log = structlog.get_logger("pywats_trio.service")

SETTLE_SECONDS: Final = 0.2
"""For so long the file stands still before it is read."""
POLL_SECONDS: Final = 5.0
"""Between two looks where nothing notifies."""
LOOK_SECONDS: Final = 30.0
"""Between two looks beside notifications: a network share notifies only of what we do ourselves."""
MOST_LINKS: Final = 40

T = TypeVar("T")
Args = TypeVarTuple("Args")
Fingerprint = tuple[int, int, int, int]


class Follower:
    """Calls `look` for a file at first, and whenever it stands still and is not what it was.

    Args:
        file: it may be missing, or a link.
        look: sees what has become of the file; False if that is to be tried again.
        notified: whether notifications are used where the system has them.
        poll_seconds: between two looks where it has none.
    """

    def __init__(
        self,
        file: Path,
        look: Callable[[], Awaitable[bool]],
        *,
        notified: bool = True,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._file = Path(os.path.abspath(file))  # noqa: PTH100 - the links are to be kept
        self._look = look
        self._notified = notified and sys.platform == "linux"
        self._poll_seconds = poll_seconds

    async def run(self) -> None:
        """Watch until cancelled; a look at a disk that hangs is left behind then."""
        seen: Fingerprint | bool | None = False  # unlike any that there is
        async with contextlib.AsyncExitStack() as stack:
            ears = await self._ears(stack)
            while True:
                heard = ears is not None and await _in_thread(ears.listen, _folders(self._file))
                now = await self._settled()
                if now != seen and not await _in_thread(_is_written_to, self._file):
                    seen = now if await self._look() else False
                await _news(ears, LOOK_SECONDS if heard else self._poll_seconds)

    async def _ears(self, stack: contextlib.AsyncExitStack) -> Ears | None:
        if not self._notified:
            return None
        try:
            return stack.enter_context(contextlib.closing(Ears()))
        except OSError as error:
            log.info("no notifications", file=str(self._file), error=error.strerror)
            return None

    async def _settled(self) -> Fingerprint | None:
        """The fingerprint that the file keeps for a while."""
        before = await _in_thread(_fingerprint, self._file)
        while True:
            await trio.sleep(SETTLE_SECONDS)
            now = await _in_thread(_fingerprint, self._file)
            if now == before:
                return now
            before = now


class FileWatch:
    """A part: calls `reload` for each content of the file that was not seen before.

    Args:
        source: the file, and what it held when it was read for the first time.
        reload: puts into effect what the file says; a refusal has been logged by it.
        notified: whether notifications are used where the system has them.
        poll_seconds: between two looks where it has none.
    """

    def __init__(
        self,
        source: Source,
        reload: Callable[[], Awaitable[object]],
        *,
        notified: bool = True,
        poll_seconds: float = POLL_SECONDS,
    ) -> None:
        self._file = source.file
        self._content = source.content
        self._reload = reload
        self._follower = Follower(
            source.file, self._compare, notified=notified, poll_seconds=poll_seconds
        )

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; a look at a disk that hangs is left behind then."""
        task_status.started()
        await self._follower.run()

    async def _compare(self) -> bool:
        content = await _in_thread(digest, self._file)
        before, self._content = self._content, content
        if before in (b"", content):
            log.debug("the configuration file holds what it held", file=str(self._file))
            return True
        log.info("the configuration file has changed", file=str(self._file))
        try:
            await self._reload()
        except NotReady as error:
            log.info("the changed configuration waits for the next start", error=str(error))
        except PywatsTrioError:
            pass  # it was logged with all that is wrong; the next content is tried again
        return True


class Ears:
    """Notifications of folders. Close it after use, not while a task waits in `hear`."""

    def __init__(self) -> None:
        """Raises OSError (EMFILE) at `fs.inotify.max_user_instances`."""
        self._inotify = INotify(nonblocking=True)
        self._watches: set[int] = set()

    def listen(self, folders: Iterable[str]) -> bool:
        """Listen to these and no others; False if one cannot be listened to. Blocks."""
        before, self._watches = self._watches, set()
        try:
            for folder in folders:
                self._watches.add(self._inotify.add_watch(folder, MASK))
        except OSError:
            return False
        finally:
            for gone in before - self._watches:
                with contextlib.suppress(OSError):  # it ended with its folder
                    self._inotify.rm_watch(gone)
        return True

    async def hear(self) -> None:
        """Until something has happened in one of the folders since the last call."""
        await trio.lowlevel.wait_readable(self._inotify.fileno())
        self._inotify.read(timeout=0)

    def close(self) -> None:
        """Listen no more."""
        self._inotify.close()


async def _news(ears: Ears | None, seconds: float) -> None:
    """Until there is reason to look again."""
    with trio.move_on_after(seconds):
        if ears is None:
            await trio.sleep_forever()
        else:
            await ears.hear()


def digest(file: Path) -> bytes:
    """What tells one content of `file` from another, also that it cannot be read. Blocks.

    A pipe is read only once, and so never changes.
    """
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return b"no file"
        return hashlib.sha256(file.read_bytes()).digest()
    except OSError as error:
        return f"not readable: {error.errno}".encode()


def _fingerprint(file: Path) -> Fingerprint | None:
    """Of the file at the end of all links; None if there is none."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def _folders(file: Path) -> Iterator[str]:
    """The folder of the name, and of each name that it is a link to. Blocks."""
    path = os.fspath(file)
    for _ in range(MOST_LINKS):
        folder = os.path.dirname(path)  # noqa: PTH120 - `..` is the kernel's to follow
        yield folder
        try:
            path = os.path.join(folder, os.readlink(path))  # noqa: PTH115, PTH118
        except OSError:  # it is no link
            return


def _is_written_to(file: Path) -> bool:
    """Whether somebody has it open for writing, as far as that can be known: closing it is news."""
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return written_to(descriptor) is True
    finally:
        os.close(descriptor)


async def _in_thread(look: Callable[[Unpack[Args]], T], *args: *Args) -> T:
    return await trio.to_thread.run_sync(look, *args, abandon_on_cancel=True)

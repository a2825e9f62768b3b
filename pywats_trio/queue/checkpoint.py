"""Bringing the write-ahead log of the store's file into the database, and cutting it to nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

import apsw
import trio

from pywats_trio.errors import StoreError
from pywats_trio.queue import checksums

if TYPE_CHECKING:
    from pathlib import Path

TRIES: Final = 25
BUSY_MS: Final = 20
"""How long a commit may have to wait for one try, but for the pages that are left to be copied."""
PAUSE_SECONDS: Final = 0.02


async def checkpoint(path: Path) -> bool:
    """Bring the log of the database at `path` into it and cut it; False if a reader kept it.

    The copying holds nobody up. Cancellation leaves it at some length.

    Raises:
        StoreError: the database cannot be written.
    """
    try:
        for _ in range(TRIES):
            if await trio.to_thread.run_sync(_try, path):
                return True
            await trio.sleep(PAUSE_SECONDS)
    except apsw.Error as error:
        raise StoreError(f"the queue's database cannot be written: {error}") from error
    return False


def _try(path: Path) -> bool:
    flags = apsw.SQLITE_OPEN_READWRITE  # and not made, where there is none
    with contextlib.closing(checksums.open_file(path, flags=flags)) as connection:
        connection.set_busy_timeout(BUSY_MS)
        # Before it has read the database, a connection does not know of the log.
        connection.pragma("user_version")
        # The long part beside the writer, so that little is left for what it has to wait for.
        with contextlib.suppress(apsw.BusyError):
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.BusyError:
            return False
    return True

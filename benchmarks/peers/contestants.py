"""Each peer as a lifecycle of one report: put, claim, finish, by its own public interface.

Runs in the peers' environment: the standard library and the peer, nothing of ours. A peer whose
calls wait for the disk has as many threads as there are callers.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import sys
import threading
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Contestant:
    """One peer. `open` makes its queue in an empty folder and gives the lifecycle to be timed."""

    title: ClassVar[str]
    """With its durability."""
    package: ClassVar[str]
    share: ClassVar[float] = 1.0
    """Of the usual number of lifecycles, for those that take long."""

    def open(self, folder: Path, payload: bytes) -> Callable[[], None]:
        """May raise whatever the peer raises."""
        raise NotImplementedError


class PyWats(Contestant):
    """Files, renamed from state to state; the metadata written anew each time."""

    title = "pyWATS PersistentQueue: files, fsync of the file but not of its folder"
    package = "pywats-api"
    share = 0.5

    def open(self, folder: Path, payload: bytes) -> Callable[[], None]:
        """See `Contestant.open`."""
        logging.disable()
        # As published the package loads a GUI toolkit with its first import; the queue needs none.
        _without_init("pywats_client", "core")
        queue: Any = importlib.import_module("pywats_client.queue").PersistentQueue(folder)
        report = json.loads(payload)

        def lifecycle() -> None:
            queue.add(report)
            item = queue.get_next()
            item.mark_processing()
            queue.update(item)
            item.mark_completed()
            queue.update(item)

        return lifecycle


def _without_init(package: str, inner: str) -> None:
    found = importlib.util.find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    [folder] = found.submodule_search_locations
    for name, where in ((package, folder), (f"{package}.{inner}", f"{folder}/{inner}")):
        sys.modules[name] = module = ModuleType(name)
        module.__path__ = [where]


class Huey(Contestant):
    """Taking a task deletes it: nothing is left to finish, and a crash in between loses it."""

    title = "huey SqliteStorage: WAL, synchronous=FULL; two commits, lost if it crashes in between"
    package = "huey"

    def open(self, folder: Path, payload: bytes) -> Callable[[], None]:
        """See `Contestant.open`."""
        storage: Any = importlib.import_module("huey.storage").SqliteStorage(
            filename=str(folder / "huey.db"), fsync=True, timeout=60
        )

        def lifecycle() -> None:
            storage.enqueue(payload)
            assert storage.dequeue() is not None

        return lifecycle


class PersistQueue(Contestant):
    """Its queue with acknowledgements."""

    title = "persist-queue SQLiteAckQueue: WAL, synchronous=FULL (SQLite's default)"
    package = "persist-queue"
    share = 0.1

    def open(self, folder: Path, payload: bytes) -> Callable[[], None]:
        """See `Contestant.open`."""
        queue: Any = importlib.import_module("persistqueue").SQLiteAckQueue(
            str(folder), multithreading=True
        )

        def lifecycle() -> None:
            queue.put(payload)
            got = queue.get(raw=True)
            queue.ack(id=got["pqid"])

        return lifecycle


class LiteQueue(Contestant):
    """One connection, which threads may share if they take turns."""

    title = "litequeue: WAL, synchronous=NORMAL (its own): a power cut loses what was committed"
    package = "litequeue"
    synchronous: ClassVar[str] = "NORMAL"

    def open(self, folder: Path, payload: bytes) -> Callable[[], None]:
        """See `Contestant.open`."""
        queue: Any = importlib.import_module("litequeue").LiteQueue(folder / "lite.db")
        queue.conn.execute(f"PRAGMA synchronous = {self.synchronous}")
        text = payload.decode()
        turn = threading.Lock()

        def lifecycle() -> None:
            with turn:
                queue.put(text)
            with turn:
                message = queue.pop()
            with turn:
                queue.done(message.message_id)

        return lifecycle


class LiteQueueSynced(LiteQueue):
    """The same, made to sync each commit as ours does."""

    title = "litequeue made to sync: WAL, synchronous=FULL"
    synchronous = "FULL"


CONTESTANTS = {
    "pywats": PyWats,
    "huey": Huey,
    "persist-queue": PersistQueue,
    "litequeue": LiteQueue,
    "litequeue-full": LiteQueueSynced,
}

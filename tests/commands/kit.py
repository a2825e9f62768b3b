"""A host for the commands, as small as one can be, and what the tests ask it with."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from pywats_trio.commands.host import Finished, OpenQueue
from pywats_trio.config.options import Config
from pywats_trio.control import Role, ServiceState, Who
from pywats_trio.errors import NotFoundError, NotReady
from pywats_trio.model import Item, Kind, Putaway, State
from pywats_trio.observe.board import Board
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

VIEWER = Who("viewer", Role.VIEWER)
OPERATOR = Who("operator", Role.OPERATOR)
ADMIN = Who("admin", Role.ADMIN)


def make_item(
    number: int = 1, kind: Kind = Kind.REPORT, state: State = State.PENDING, **more: Any
) -> Item:
    plain: dict[str, Any] = {
        "reason": None,
        "priority": 5,
        "attempts": 0,
        "max_attempts": 5,
        "interruptions": 0,
        "deaths": 0,
        "serial_number": "SN-1",
        "part_number": "PN-1",
        "result": "P",
        "start": "",
        "due_at": None,
        "created_at": 1_769_763_600.0,
        "started_at": None,
        "finished_at": None,
        "duration": None,
        "progress": 0,
        "converter": "c",
        "source": "/in/a.json",
        "identity": None,
        "report_id": "",
        "parent_id": None,
        "correlation_id": "",
        "sha256": "",
        "error_kind": "",
        "last_error": "",
        "putaway": Putaway.NONE,
    }
    return Item(number, kind, state, **{**plain, **more})


class Switchboard:
    """A `ConverterHost` with one converter, `c`, which is on and whose code never changes."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        """What was asked for, by whom where that matters."""

    async def enable(self, name: str, who: Who) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.asked.append(("enable", name, who.name))
        return {"name": name, "enabled": True, "changed": False}

    async def disable(self, name: str, who: Who) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.asked.append(("disable", name, who.name))
        return {"name": name, "enabled": False, "changed": True}

    async def reload(self, names: Iterable[str] = ()) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.asked.append(("reload", *names))
        same = {"name": "c", "version": "1", "revision": "abc"}
        return {"reloaded": [], "unchanged": [same], "refused": []}


class House:
    """A `Host` that keeps its items in memory, and does at once what it is told."""

    uid = os.geteuid()

    def __init__(self, board: Board | None = None) -> None:
        self._board = board or Board("line-1", "1.2.3")
        self.items: dict[int, Finished] = {}
        self.ended = trio.Event()
        """Everything in the queue has come to its end."""
        self.waiting = trio.Event()
        """Somebody waits for it."""
        self.stopped: list[str] = []
        """Why it was stopped."""
        self.synced: list[Who] = []
        self.reloads = 0
        self.texts: list[str] = []
        self.open: OpenQueue | None = None
        self.progresses: dict[int, int] = {}
        """How far conversions are, by the item's id."""
        self.converters = Switchboard()
        self.room = trio.Event()
        """There is some; only who asks for it by name waits for it."""

    @property
    def board(self) -> Board:
        return self._board

    @asynccontextmanager
    async def with_queue(self, folder: Path) -> AsyncIterator[None]:
        """Inside the block it has a queue, a real one."""
        path = folder / "queue.db"
        config = Config(data_dir=folder)
        async with open_store(path, clock=self._board.clock) as store, open_desk(path) as desk:
            self.open = OpenQueue(config, path, store, desk)
            yield

    def queue(self) -> OpenQueue:
        if self.open is None:
            raise NotReady("this house has no queue")
        return self.open

    def progress(self, item_id: int) -> int:
        return self.progresses.get(item_id, 0)

    def stop(self, cause: str = "asked to stop") -> None:
        self.stopped.append(cause)

    async def pause(self, who: Who) -> None:
        await trio.lowlevel.checkpoint()
        self._board.state, self._board.cause = ServiceState.PAUSED, f"paused by {who.name}"

    async def resume(self, who: Who) -> None:
        await trio.lowlevel.checkpoint()
        self._board.state, self._board.cause = ServiceState.RUNNING, f"resumed by {who.name}"

    async def sync_now(self, who: Who) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.synced.append(who)
        return {"folders": 2, "probing": False, "resumed": 3}

    async def reload(self) -> dict[str, Any]:
        await trio.lowlevel.checkpoint()
        self.reloads += 1
        return {"changed": ["retry.max_attempts"], "needs_restart": []}

    async def submit_file(self, path: Path, *, converter: str = "", priority: int = 5) -> Item:
        await trio.lowlevel.checkpoint()
        more = {"converter": converter or "surest", "priority": priority, "source": str(path)}
        return self._kept(Kind.FILE, more)

    async def submit_text(self, text: str, *, priority: int = 5) -> Item:
        await trio.lowlevel.checkpoint()
        self.texts.append(text)
        return self._kept(Kind.REPORT, {"priority": priority})

    def _kept(self, kind: Kind, more: dict[str, Any]) -> Item:
        item = make_item(len(self.items) + 1, kind, **more)
        self.items[item.id] = Finished(item)
        return item

    async def wait_for_room(self) -> None:
        await self.room.wait()

    async def item(self, item_id: int) -> Finished:
        await trio.lowlevel.checkpoint()
        if item_id not in self.items:
            raise NotFoundError(f"there is no item {item_id} in the queue")
        return self.items[item_id]

    async def wait(self, item_id: int) -> Finished:
        """Of an item in its queue; the test says when it has ended."""
        item = await self.queue().desk.item(item_id)
        if item is None:
            raise NotFoundError(f"there is no item {item_id} in the queue")
        self.waiting.set()
        await self.ended.wait()
        return Finished(item)

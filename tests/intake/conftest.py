"""A real store on a temporary folder, and a watch folder beside it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.config.options import ConverterOptions
from pywats_trio.intake.putaway import Putaway
from pywats_trio.intake.room import Room
from pywats_trio.intake.watch import Watch
from pywats_trio.model import Item, Kind
from pywats_trio.queue.desk import SqliteDesk, open_desk
from pywats_trio.queue.sqlite_store import SqliteStore, open_store
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

NAME = "line-3"


class Site:
    """A watch folder, the queue, and the parts between them."""

    def __init__(self, base: Path, store: SqliteStore, desk: SqliteDesk) -> None:
        self.base = base
        self.folder = base / "watch"
        self.store = store
        self.desk = desk
        self.limiter = trio.CapacityLimiter(1)

    def options(self, **changes: object) -> ConverterOptions:
        values: dict[str, object] = {"name": NAME, "watch": self.folder, "settle_seconds": 0.02}
        return ConverterOptions(**(values | changes))  # type: ignore[arg-type]  # by name

    def watch(
        self,
        options: ConverterOptions | None = None,
        *,
        patterns: tuple[str, ...] = ("*.json",),
        room: Room | None = None,
    ) -> Watch:
        return Watch(
            options or self.options(),
            patterns,
            store=self.store,
            desk=self.desk,
            room=room or Room(self.store, 0),
            limiter=self.limiter,
        )

    def putaway(self, options: ConverterOptions | None = None) -> Putaway:
        return Putaway(
            options or self.options(), store=self.store, desk=self.desk, limiter=self.limiter
        )

    @contextlib.asynccontextmanager
    async def watching(self, watch: Watch | None = None) -> AsyncIterator[Watch]:
        part = watch or self.watch()
        async with trio.open_nursery() as nursery:
            await nursery.start(part.run)
            yield part
            nursery.cancel_scope.cancel()

    async def items(self, count: int, *, seconds: float = 10) -> list[Item]:
        """Wait until the queue has had `count` files; all of them, oldest first."""
        with trio.fail_after(seconds):
            while True:
                ticket = self.store.bell(Topic.FILE).ticket()
                if sum(self.store.counts().by.values()) >= count:
                    break
                await ticket.wait()
        items = await self.desk.items(limit=100_000)
        return [item for item in items if item.kind is Kind.FILE]

    async def names(self, count: int) -> list[str]:
        """The names of the first files, in the order of their acceptance."""
        return [item.source.removeprefix(f"{self.folder}/") for item in await self.items(count)]


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    (tmp_path / "watch").mkdir()
    async with (
        open_store(tmp_path / "queue.db", synchronous="normal") as store,
        open_desk(tmp_path / "queue.db") as desk,
    ):
        yield Site(tmp_path, store, desk)

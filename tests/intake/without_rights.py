"""Run by `test_watch.py`: a user who is not root and a watch folder without rights."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import structlog
import trio

from pywats_trio.config.options import ConverterOptions
from pywats_trio.intake.room import Room
from pywats_trio.intake.watch import Watch
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic


async def main(base: Path) -> None:
    folder = base / "watch"
    folder.mkdir()
    (folder / "a.json").write_bytes(b"{}")
    folder.chmod(0)
    told = trio.Event()

    def notice(
        _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> dict[str, object]:
        if event["event"] == "watch folder unusable":
            told.set()
        return dict(event)

    structlog.configure(processors=[notice, structlog.processors.KeyValueRenderer()])
    options = ConverterOptions(name="c", watch=folder, settle_seconds=0.01, scan_seconds=0.05)
    async with (
        open_store(base / "queue.db") as store,
        open_desk(base / "queue.db") as desk,
        trio.open_nursery() as nursery,
    ):
        watch = Watch(
            options,
            ("*.json",),
            store=store,
            desk=desk,
            room=Room(store, 0),
            limiter=trio.CapacityLimiter(1),
        )
        ticket = store.bell(Topic.FILE).ticket()
        await nursery.start(watch.run)
        with trio.fail_after(10):
            await told.wait()
            folder.chmod(0o700)
            await ticket.wait()
        sources = [Path(item.source).name for item in await desk.items()]
        sys.stdout.write(f"accepted {sources}\n")
        nursery.cancel_scope.cancel()


async def warm_up() -> None:
    """Import what is imported late: the interpreter may lie where only root may read."""
    with tempfile.TemporaryDirectory() as folder:
        async with open_store(Path(folder) / "q.db") as store, open_desk(Path(folder) / "q.db"):
            await store.put([])


def become_nobody() -> None:
    """Root may read everything."""
    os.chdir("/")
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


if __name__ == "__main__":
    if os.getuid() == 0:
        trio.run(warm_up)
        become_nobody()
    with tempfile.TemporaryDirectory(dir="/tmp") as work:
        trio.run(main, Path(work))

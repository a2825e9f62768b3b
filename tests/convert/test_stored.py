"""The whole room against the real store: a file item becomes report items, in one transaction."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio

from pywats_trio.config.options import Config, ConverterOptions, WorkerOptions
from pywats_trio.convert.conversion import Conversion
from pywats_trio.model import Envelope, Kind, State
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic
from tests.convert.kit import identity_of, type_of

if TYPE_CHECKING:
    from pathlib import Path


async def test_files_in_the_queue_become_reports_and_a_death_is_counted(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    watch = ConverterOptions(name="line", type=type_of("Exits"), watch=tmp_path)
    config = Config(data_dir=tmp_path, converters=(watch,), workers=WorkerOptions(max=1))
    async with open_store(tmp_path / "queue.db") as store:
        for path in (good, bad):
            file = Envelope(
                Kind.FILE, "line", str(path), max_attempts=1, identity=identity_of(path)
            )
            await store.put([file])
        conversion = Conversion(
            config, store, folders={"line": trio.CapacityLimiter(1)}, random=random.Random(1)
        )
        async with trio.open_nursery() as nursery:
            await nursery.start(conversion.run)
            bell = store.bell(Topic.PUTAWAY)
            with trio.fail_after(20):
                while True:
                    ticket = bell.ticket()
                    if store.counts().unfinished == 1:  # the report
                        break
                    await ticket.wait()
            conversion.drain()
        assert store.counts().of(Kind.FILE, State.COMPLETED) == 1
        assert store.counts().of(Kind.FILE, State.FAILED) == 1
        (report,) = await store.claim(Kind.REPORT, 10, "test")
    assert report.item.serial_number == "good.txt"
    assert report.item.source == str(good)

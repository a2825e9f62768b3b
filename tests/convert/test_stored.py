"""The whole room against the real store: a file item becomes report items, in one transaction."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import trio
from trio.testing import wait_all_tasks_blocked

from pywats_trio.config.options import Config, ConverterOptions, WorkerOptions
from pywats_trio.convert.conversion import Conversion
from pywats_trio.convert.slices import Slices
from pywats_trio.convert.slowlane import SlowLane
from pywats_trio.model import Envelope, Kind, State
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.queue.store import Topic
from tests.convert.kit import identity_of, type_of

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.queue.store import Store


async def test_files_in_the_queue_become_reports_and_a_death_is_counted(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    watch = ConverterOptions(name="line", type=type_of("Exits"), watch=tmp_path)
    config = Config(data_dir=tmp_path, converters=(watch,), workers=WorkerOptions(max=1))
    database = tmp_path / "queue.db"
    async with open_store(database) as store, open_desk(database) as desk:
        for path in (good, bad):
            file = Envelope(
                Kind.FILE, "line", str(path), max_attempts=1, identity=identity_of(path)
            )
            await store.put([file])
        conversion = Conversion(
            config,
            store,
            desk=desk,
            folders={"line": trio.CapacityLimiter(1)},
            random=random.Random(1),
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


async def cut_short(store: Store, path: Path) -> None:
    """By a lane that is not there any more."""
    await store.put([Envelope(Kind.FILE, "line", str(path), identity=identity_of(path))])
    [claim] = await store.claim(Kind.FILE, 1, "test")
    lane = SlowLane(Slices(lambda: 1, 10.0), 1, 10.0)
    await store.finish(claim, lane.join(claim.item))


async def test_what_was_cut_short_goes_on_once_this_conversion_is_the_one(
    tmp_path: Path, good: Path, bad: Path
) -> None:
    """One that is made beside it must not let in what its slow lane lets in; both may be started
    again.
    """
    watch = ConverterOptions(name="line", type=type_of("good:Good"), watch=tmp_path)
    config = Config(data_dir=tmp_path, converters=(watch,), workers=WorkerOptions(max=1))
    database = tmp_path / "queue.db"
    async with open_store(database) as store, open_desk(database) as desk:
        conversion = Conversion(
            config,
            store,
            desk=desk,
            folders={"line": trio.CapacityLimiter(1)},
            random=random.Random(1),
        )

        async def converted(count: int) -> None:
            bell = store.bell(Topic.PUTAWAY)
            with trio.fail_after(20):
                ticket = bell.ticket()
                while store.counts().of(Kind.FILE, State.COMPLETED) < count:
                    await ticket.wait()
                    ticket = bell.ticket()

        await cut_short(store, good)
        async with trio.open_nursery() as nursery:
            await nursery.start(conversion.run)
            await wait_all_tasks_blocked(0.05)
            assert store.counts().of(Kind.FILE, State.SUSPENDED) == 1
            conversion.show()
            await converted(1)
            nursery.cancel_scope.cancel()
        await cut_short(store, bad)
        async with trio.open_nursery() as nursery:
            await nursery.start(conversion.run)
            await converted(2)
            conversion.hide()
            conversion.drain()

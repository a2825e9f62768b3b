"""What is old leaves a real service, whatever happens meanwhile, and nothing is lost by it."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import define, evolve

from pywats_trio.control import Role, Who
from pywats_trio.devserver import open_devserver
from pywats_trio.faultpoint import VARIABLE
from pywats_trio.model import Delivered, Failed, Kind, Problem, State
from pywats_trio.queue.sqlite_store import open_store
from pywats_trio.service.service import Service
from tests.contract.kit import Clock, a_report
from tests.e2e import trace
from tests.e2e.books import Books
from tests.e2e.calling import NOWHERE, ask
from tests.e2e.harness import COMMAND, daemon, write_config
from tests.e2e.site import make_site, recorded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

DAY = 86_400.0
ADMIN = Who("test", Role.ADMIN)
FAILED = 7
DELIVERED = 30


async def fill(data_dir: Path, *, days: float = 100.0) -> None:
    """A queue that nobody has looked after for so long; the last report still waits."""
    await trio.Path(data_dir).mkdir(exist_ok=True)
    clock = Clock(time.time() - days * DAY)
    async with open_store(data_dir / "queue.db", clock=clock) as store:
        count = FAILED + DELIVERED
        await store.put([a_report(b"%d" % n, report_id=f"r{n}") for n in range(count)])
        for number, claim in enumerate(await store.claim(Kind.REPORT, count, "job")):
            failed = Failed(Problem("rejected", "no such part"))
            await store.finish(claim, failed if number < FAILED else Delivered("thanks"))
        await store.put([a_report(report_id="0b0e3a2c-0000-4000-8000-000000000009")])


def written(data_dir: Path) -> dict[str, bytes]:
    folder = data_dir / "failed"
    return {file.name: file.read_bytes() for file in folder.glob("[!.]*")}


def complete(data_dir: Path) -> bool:
    """Every failed report is there, as it was stored, and nothing else."""
    found = written(data_dir)
    reports = {name: body for name, body in found.items() if name.endswith(".wsjf")}
    told = [json.loads(found[f"r{n}.error.json"])["report_id"] for n in range(FAILED)]
    return (
        reports == {f"r{n}.wsjf": b"%d" % n for n in range(FAILED)}
        and told == [f"r{n}" for n in range(FAILED)]
        and len(found) == 2 * FAILED
    )


async def test_a_service_removes_by_itself_what_became_old_while_it_was_stopped(
    tmp_path: Path,
) -> None:
    config = write_config(tmp_path, NOWHERE)
    await fill(tmp_path / "data")
    async with daemon(config) as running:
        await running.until_event("failed items expired")
        await running.until_event("old items removed")
        found = await ask(config, "queue", "ls")
        assert [item["id"] for item in found["items"]] == [FAILED + DELIVERED + 1]
        assert await running.stop() == 0
    assert complete(tmp_path / "data")


async def test_compacting_that_is_killed_at_any_commit_loses_nothing_and_goes_on(
    tmp_path: Path,
) -> None:
    killed, commit = True, 0
    while killed:
        commit += 1
        folder = tmp_path / str(commit)
        config, data_dir = write_config(folder, NOWHERE), folder / "data"
        await fill(data_dir)
        killed = await compact(config, f"store.before_commit=kill@{commit}") == -9
        if killed:
            assert await counted(data_dir, State.FAILED) == FAILED or complete(data_dir)
            assert await compact(config) == 0
        assert await counted(data_dir, State.FAILED, State.COMPLETED) == 0
        assert await counted(data_dir, State.PENDING) == 1
        assert complete(data_dir)
    assert commit > 4


@pytest.mark.skipif(bool(trace.why_not()), reason=trace.why_not())
async def test_a_row_is_removed_when_its_files_and_their_names_are_synced(tmp_path: Path) -> None:
    config, output = write_config(tmp_path, NOWHERE), tmp_path / "strace.txt"
    await fill(tmp_path / "data")
    assert await compact(config, under=trace.strace(output)) == 0
    calls = trace.read(output)
    folder = str(tmp_path / "data" / "failed")
    [removed, *_] = [
        call.begin
        for call in calls
        if call.path.endswith("-wal") and any(b"failed items expired" in s for s in call.strings)
    ]
    renames = [call for call in calls if call.name.startswith("rename")]
    for name in written(tmp_path / "data"):
        [named] = [call for call in renames if call.strings[-1].endswith(f"/{name}".encode())]
        temporary = os.fsdecode(named.strings[0])
        [synced] = [call.end for call in calls if (call.name, call.path) == ("fsync", temporary)]
        assert synced < named.begin
        folders = [call for call in calls if (call.name, call.path) == ("fsync", folder)]
        assert any(named.end < call.begin and call.end < removed for call in folders)


async def compact(config: Path, faults: str = "", *, under: Sequence[str] = ()) -> int:
    command = [*under, *COMMAND, "--config", str(config), "queue", "compact"]
    done = await trio.run_process(
        command, capture_stdout=True, check=False, env={**os.environ, VARIABLE: faults}
    )
    return done.returncode


async def counted(data_dir: Path, *states: State) -> int:
    async with open_store(data_dir / "queue.db") as store:
        return store.counts().of(Kind.REPORT, *states)


@define
class Today:
    """A wall clock that tests set."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


async def test_after_its_retention_a_unit_leaves_a_running_service_as_a_whole(
    tmp_path: Path,
) -> None:
    """And a file that was kept where it lies is not taken again."""
    today = Today()
    async with open_devserver() as server:
        site = make_site(tmp_path, server.url, post_action="keep")
        with recorded(site):
            service = Service(site.config, clock=today)
            books = Books(site.watch)
            async with trio.open_nursery() as nursery:
                await nursery.start(service.run)
                books.drop(3)
                await books.until_delivered(server)
                await at_rest(service, 3)
                assert (await compacted(service))["removed"] == 0
                today.ahead = 7 * DAY
                assert (await compacted(service))["removed"] == 6
                assert await service.items() == []
                await service.control.ask("sync_now", {}, ADMIN)
                books.drop(1)
                await books.until_delivered(server)
                await at_rest(service, 1)
                assert len(await service.items()) == 2
                service.stop()
            assert server.journal.submits == 4


async def test_another_retention_is_in_effect_after_a_reload(tmp_path: Path) -> None:
    today = Today()
    async with open_devserver() as server:
        site = make_site(tmp_path, server.url)
        with recorded(site):
            service = Service(site.config, clock=today)
            books = Books(site.watch)
            async with trio.open_nursery() as nursery:
                await nursery.start(service.run)
                books.drop(1)
                await books.until_delivered(server)
                await at_rest(service, 1)
                today.ahead = 2 * DAY
                assert (await compacted(service))["removed"] == 0
                queue = evolve(site.config.queue, completed_retention=DAY)
                done = await service.reload(evolve(site.config, queue=queue))
                assert done == {"changed": ["queue.completed_retention"], "needs_restart": []}
                assert (await compacted(service))["removed"] == 2
                service.stop()


async def at_rest(service: Service, files: int) -> None:
    """Until so many files that are still in the history are put away, and nothing is unfinished."""
    put_away = 0
    async for event in service.events(0):
        put_away += event.event == "put away"
        if put_away == files:
            break
    await service.wait_until(lambda counts: not counts.unfinished)


async def compacted(service: Service) -> dict[str, Any]:
    return await service.control.ask("compact_queue", {}, ADMIN)

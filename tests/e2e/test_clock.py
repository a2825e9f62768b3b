"""The wall clock is set a day forward or back while the service works: no stall, no stampede."""

from __future__ import annotations

import contextlib
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import define

from pywats_trio.devserver import DevServer, Fault, open_devserver
from pywats_trio.queue.budget import SAVED, TRICKLE
from pywats_trio.service.clockwatch import EVENT
from pywats_trio.service.service import Service
from tests.e2e.books import Books, lives
from tests.e2e.harness import daemon, write_config
from tests.e2e.site import Site, database_rows, make_site, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.e2e.harness import Daemon

DAY = 86_400.0
SET = "the clock was set, or the machine slept"
REFUSED = 415
"""A status that uses up an attempt, and is tried again."""
ROUNDING = 0.05
"""Seconds between a look at a clock and what was looked for."""
ON_THE_WAY = 1.0
"""Seconds that a request may take from its permit to the server's journal, on a busy machine."""

jumps = pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])


@define
class Watch:
    """A wall clock that a test sets."""

    ahead: float = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


@contextlib.asynccontextmanager
async def running(site: Site, clock: Watch) -> AsyncIterator[Service]:
    service = Service(site.config, clock=clock)
    with recorded(site):
        async with trio.open_nursery() as nursery:
            await nursery.start(service.run)
            yield service
            service.stop()


async def set_clock(site: Site, clock: Watch, jump: float) -> None:
    """And the service has taken note of it."""
    clock.ahead += jump
    [record] = await site.until_event(SET)
    assert record["seconds"] == pytest.approx(jump, abs=1.0)


@jumps
async def test_an_outage_over_a_jump_ends_as_any_other(tmp_path: Path, jump: float) -> None:
    async with open_devserver(faults=(Fault(status=503),)) as server:
        site, clock = make_site(tmp_path, server.url), Watch()
        async with running(site, clock):
            ids = site.drop_reports("run", *range(4))
            await site.until_event("deliveries suspended")
            await set_clock(site, clock, jump)
            probes = server.journal.submits
            await server.wait_until(lambda server: server.journal.submits > probes + 3)
            server.faults.clear()
            await site.until_delivered(4)
        assert site.reports() == [("COMPLETED", None, 1)] * 4
        assert site.suspensions() == {("server", 0)}
        assert {record.id: record.receive_count for record in await server.received()} == (
            dict.fromkeys(ids, 1)
        )


@jumps
async def test_a_retry_is_made_when_it_was_due_and_shown_by_the_new_clock(
    tmp_path: Path, jump: float
) -> None:
    retry = {"base_seconds": 4.0, "max_seconds": 4.0}
    async with open_devserver(faults=(Fault(status=REFUSED, count=1),)) as server:
        site, clock = make_site(tmp_path, server.url, retry=retry), Watch()
        async with running(site, clock) as service:
            site.drop_reports("run", 1)
            await until_suspended(service)
            [before] = await suspended(service)
            await set_clock(site, clock, jump)
            for item in await suspended(service):  # if it is not being sent just now
                assert item == pytest.approx(before + jump, abs=1.0)
            await site.until_delivered(1)
            [event] = [e for e in await service.queue().desk.history() if e.event == EVENT]
            assert event.item_id is None
        _first, second = server.journal.entries
        assert second.time == pytest.approx(before, abs=1.0)
        assert second.time >= before - ROUNDING
        assert site.reports() == [("COMPLETED", None, 2)]


async def until_suspended(service: Service) -> None:
    """Until an item waits for another try."""
    async for event in service.events(0):
        if event.event == "suspended":
            return


async def suspended(service: Service) -> list[float]:
    """The due times of reports as people see them."""
    items = await service.items()
    return [item.due_at for item in items if item.due_at is not None]


@jumps
async def test_retries_after_a_jump_stay_within_the_budget(tmp_path: Path, jump: float) -> None:
    count = int(SAVED) + 14
    retry = {"base_seconds": 0.5, "max_seconds": 0.5, "budget": 0.0}
    async with open_devserver(faults=(Fault(status=REFUSED, count=count),)) as server:
        site, clock = make_site(tmp_path, server.url, retry=retry), Watch()
        async with running(site, clock):
            site.drop_reports("run", *range(count))
            await site.until_event("report refused", times=count)
            await set_clock(site, clock, jump)
            await site.until_delivered(int(SAVED) + 3)
        assert_within_budget(server)


def assert_within_budget(server: DevServer) -> None:
    """In no stretch of time were there more retries than were saved, and one a second."""
    sent: set[str] = set()
    known = []
    for entry in server.journal.entries:
        if entry.id in sent:
            known.append(entry.time)
        sent.add(entry.id)
    assert len(known) > SAVED
    for begin, then in enumerate(known):
        for end, now in enumerate(known[begin:], 1):
            assert end <= SAVED + TRICKLE * (now - then + ON_THE_WAY) + 1


@jumps
async def test_waits_outlive_a_restart_after_the_jump(tmp_path: Path, jump: float) -> None:
    retry = {"base_seconds": 6.0, "max_seconds": 6.0}
    async with open_devserver(faults=(Fault(status=REFUSED, count=1),)) as server:
        site, clock = make_site(tmp_path, server.url, retry=retry), Watch()
        async with running(site, clock) as service:
            site.drop_reports("run", 1)
            await until_suspended(service)
            await set_clock(site, clock, jump)
            due = await suspended(service)
        async with running(site, clock) as service:
            assert await suspended(service) == pytest.approx(due, abs=1.0)
            await site.until_delivered(1)
        assert len(site.events(SET)) == 1, "the restart is no jump"
        if due:  # a lucky draw may have sent it before the look
            assert server.journal.entries[1].time == pytest.approx(due[0] - jump, abs=1.5)


# The installed command, under a clock of the system that is set


def faked(file: Path) -> dict[str, str]:
    """The environment in which `file` says how far the wall clock is ahead."""
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not found:
        pytest.skip("libfaketime is not installed (Debian's package is faketime)")
    file.write_text("+0d\n")
    return {
        "LD_PRELOAD": str(found[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


async def set_system_clock(command: Daemon, file: Path, days: str) -> None:
    """To so many days before or after the real one; and the service has taken note of it."""
    known = len(command.events(SET))
    following = file.with_name("next")
    following.write_text(f"{days}d\n")
    following.replace(file)
    await command.until_event(SET, known + 1)


async def test_the_command_outlives_a_day_forward_and_back(tmp_path: Path) -> None:
    """Reports that wait for their server, and one that waits for its next try."""
    file = tmp_path / "faketime"
    environment = faked(file)
    books = Books(tmp_path / "drop")
    retry = {"base_seconds": 3.0, "max_seconds": 3.0}
    async with open_devserver(faults=(Fault(status=REFUSED, count=1),)) as server:
        config = write_config(tmp_path, server.url, retry=retry)
        async with daemon(config, environment=environment) as command:
            books.drop(1)
            await command.until_event("report refused")
            server.faults.set(Fault(status=503))
            books.drop(4)
            await command.until_event("deliveries suspended")
            for number, days in enumerate(["+1", "+0", "-1"]):
                await set_system_clock(command, file, days)
                books.drop(number)
            server.faults.clear()
            await command.until_true(partial(books.until_delivered, server))
            assert await command.stop() == 0
        await check(books, server, tmp_path / "data", [DAY, -DAY, -DAY])


async def check(books: Books, server: DevServer, data_dir: Path, jumps: list[float]) -> None:
    """All of it arrived once, at one attempt each and the one that was refused at two."""
    assert {record.id: record.receive_count for record in await server.received()} == (
        dict.fromkeys([file.report_id for file in books.dropped], 1)
    )
    attempts = sorted(life.attempts for life in lives(data_dir) if life.kind == "report")
    assert attempts == [*[1] * (len(books.dropped) - 1), 2]
    sql = "SELECT json_extract(message, '$.seconds') FROM history WHERE event = ? ORDER BY seq"
    told: list[Any] = [seconds for (seconds,) in database_rows(data_dir, sql, EVENT)]
    assert told == pytest.approx(jumps, abs=1.0)


async def test_the_command_keeps_its_retries_within_the_budget_after_a_day_back(
    tmp_path: Path,
) -> None:
    file = tmp_path / "faketime"
    environment = faked(file)
    count = int(SAVED) + 10
    retry = {"base_seconds": 0.5, "max_seconds": 0.5, "budget": 0.0}
    books = Books(tmp_path / "drop")
    async with open_devserver(faults=(Fault(status=REFUSED, count=count),)) as server:
        config = write_config(tmp_path, server.url, retry=retry)
        async with daemon(config, environment=environment) as command:
            books.drop(count)
            await command.until_event("report refused", count)
            await set_system_clock(command, file, "-1")
            await command.until_event("report delivered", int(SAVED) + 2)
            assert await command.stop() == 0
        assert_within_budget(server)

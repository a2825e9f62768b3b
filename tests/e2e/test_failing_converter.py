"""A converter that fails on every file: paused, probed, mended; and the others meanwhile."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve

from benchmarks import data
from pywats_trio.control import ServiceState
from pywats_trio.devserver import open_devserver
from pywats_trio.observe.board import Cause
from pywats_trio.service.service import EMBEDDER
from tests.e2e.books import files_in
from tests.e2e.plant import STAMPING
from tests.e2e.site import PATIENCE, SIZE, make_site, move_in, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from pywats_trio.service.service import Service
    from tests.e2e.site import Site

FILES = 20
GOOD = STAMPING.replace("VERSION", "1")
RAISES = GOOD.replace("        yield", "        raise ValueError('no such column')\n        yield")
DIES = GOOD.replace("        yield", "        import os; os._exit(3)\n        yield")
HANGS = GOOD.replace("        yield", "        time.sleep(3600)\n        yield")
HANGS_ON_SOME = GOOD.replace(
    "        yield", "        time.sleep(3600 * ('hang' in source.name))\n        yield"
)
WHY = "the converter 'line-1' failed on 5 different files in a row, the last one with "


class Here:
    """A service with two folders: `line-1` has the converter that is tried, `line-2` a good one."""

    def __init__(self, site: Site, service: Service, server: DevServer) -> None:
        self.site = site
        self.service = service
        self.server = server
        self.code = site.base / "stamping.py"

    @property
    def other(self) -> Path:
        return self.site.base / "other"

    def drop(self, count: int = FILES) -> None:
        """Into both folders."""
        self.site.drop_reports("first", *range(count))
        for number in range(count):
            content = data.report("other", number, SIZE)
            move_in(content, self.other / f"{number}.json", self.site.base / "incoming")

    async def delivered(self, count: int) -> None:
        """Until the server has taken so many different reports, since the test began."""
        with trio.move_on_after(PATIENCE) as patience:
            await self.server.wait_until(lambda server: len(taken(server)) >= count)
        assert not patience.cancelled_caught, self.site.log[-20:]

    async def mended(self, count: int) -> None:
        """All is delivered, each report once, and all files are put away."""
        await self.delivered(count)
        await self.service.wait_until(lambda counts: not counts.unfinished)
        assert self.service.state is ServiceState.RUNNING
        assert self.server.journal.submits == count

    async def paused(self) -> None:
        await self.site.until_event("converter paused")

    def drop_other(self, name: str) -> None:
        content = data.report(name, 0, SIZE)
        move_in(content, self.other / f"{name}.json", self.site.base / "incoming")

    async def until_history(self, word: str, *, times: int = 1) -> None:
        found = 0
        async for event in self.service.events(0):
            found += event.event == word
            if found == times:
                return

    async def until_accepted(self, count: int) -> None:
        """So many files of the first folder are in the queue."""
        found = 0
        async for event in self.service.events(0):
            if event.event == "accepted" and event.item_id is not None:
                [(converter,)] = self.site.rows(
                    "SELECT converter FROM items WHERE id = ?", event.item_id
                )
                found += converter == "line-1"
            if found == count:
                return

    def claims(self) -> int:
        """How often files of the first folder were claimed."""
        [(count,)] = self.site.rows(
            "SELECT count(*) FROM history JOIN items ON items.id = item_id"
            " WHERE event = 'claimed' AND kind = 'file' AND converter = 'line-1'"
        )
        return int(count)

    def files(self) -> Counter[tuple[str, int]]:
        """State and attempts of the files of the first folder."""
        rows = self.site.rows(
            "SELECT state, attempts FROM items WHERE kind = 'file' AND converter = 'line-1'"
        )
        return Counter((state, attempts) for state, attempts in rows)

    def in_error(self) -> int:
        return len(files_in(self.site.watch / "Error", "*.json"))


def taken(server: DevServer) -> set[str]:
    return {entry.id for entry in server.journal.entries if entry.status == 200}


def two_lines(tmp_path: Path, url: str, code: str, **workers: Any) -> Site:
    file = tmp_path / "stamping.py"
    file.write_text(code)
    (tmp_path / "other").mkdir(exist_ok=True)
    site = make_site(
        tmp_path,
        url,
        retry={"base_seconds": 1.0, "max_seconds": 1.0},
        workers={"max": 2, **workers},
        type=f"{file}:Stamp",
        patterns=("*.json",),
    )
    [first] = site.config.converters
    other = evolve(first, name="line-2", type="wats-json", watch=tmp_path / "other")
    site.config = evolve(site.config, converters=(first, other))
    return site


@asynccontextmanager
async def running(tmp_path: Path, code: str, **workers: Any) -> AsyncIterator[Here]:
    async with (
        open_devserver() as server,
        started(two_lines(tmp_path, server.url, code, **workers), server) as here,
    ):
        yield here


@asynccontextmanager
async def started(site: Site, server: DevServer) -> AsyncIterator[Here]:
    site.log.clear()
    with recorded(site):
        async with site.running() as service:
            yield Here(site, service, server)


async def test_a_converter_that_fails_on_every_file_is_paused_and_loses_nothing(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, RAISES) as here:
        here.drop()
        await here.paused()
        assert here.service.state is ServiceState.DEGRADED
        [condition] = here.service.board.held_up_by(Cause.CONVERTER)
        assert condition.subject == "line-1"
        assert condition.message == WHY + "ValueError: no such column"

        # Others go on.
        await here.delivered(FILES)

        # Its files wait in their folder, and none has lost more than one attempt.
        assert len(files_in(here.site.watch, "*.json")) == FILES
        assert {state for state, _ in here.files()} <= {"PENDING", "SUSPENDED"}
        assert max(attempts for _, attempts in here.files()) <= 1

        # Mended and reloaded, all are delivered.
        here.code.write_text(GOOD)
        await here.service.converters.reload(["line-1"])
        await here.mended(2 * FILES)
    assert here.in_error() == 0
    assert len(files_in(here.site.watch / "Done")) == FILES


async def test_while_it_is_paused_its_files_are_not_even_claimed_however_many_wait(
    tmp_path: Path,
) -> None:
    async with running(tmp_path, RAISES) as here:
        here.drop()
        await here.paused()
        await here.delivered(FILES)  # those in hand have been given back long since
        claims = here.claims()
        here.site.drop_reports("more", *range(10 * FILES))
        accepted = [here.site.watch / f"more-{number:04d}.json" for number in range(10 * FILES)]
        await here.until_accepted(11 * FILES)
        await here.service.sync_now()
        here.drop_other("last")  # a ring of the bell, and a claim
        await here.delivered(FILES + 1)
        assert here.claims() == claims
        assert all(path.exists() for path in accepted)


@pytest.mark.parametrize("code", [RAISES, DIES])
async def test_a_restart_forgets_neither_the_pause_nor_costs_an_attempt(
    tmp_path: Path, code: str
) -> None:
    async with open_devserver() as server:
        site = two_lines(tmp_path, server.url, code)
        async with started(site, server) as here:
            here.drop()
            await here.paused()
            await here.delivered(FILES)
        before = here.files()
        assert sum(before.values()) == FILES
        for _ in range(3):
            async with started(site, server) as here:
                assert here.service.board.held_up_by(Cause.CONVERTER)
                await here.site.until_event("converter tried in vain")
        assert {attempts for _, attempts in here.files()} == {attempts for _, attempts in before}
        here.code.write_text(GOOD)
        async with started(site, server) as here:
            await here.mended(2 * FILES)
    assert here.in_error() == 0


async def test_one_whose_files_hang_leaves_the_others_a_worker(tmp_path: Path) -> None:
    async with running(tmp_path, HANGS, timeout_seconds=1.0) as here:
        here.drop()
        await here.site.until_event("file not converted", kind="timeout")
        # From here on at most one place is held; the others need no more than the other one.
        await here.delivered(FILES)
        assert not here.site.events("converter paused")
        await here.paused()
        assert max(attempts for _, attempts in here.files()) == 1
        here.code.write_text(GOOD)
        await here.service.converters.reload(["line-1"])
        await here.mended(2 * FILES)
    assert here.in_error() == 0


async def test_a_few_that_hang_do_not_keep_the_good_ones_of_their_converter_waiting(
    tmp_path: Path,
) -> None:
    hanging = 6
    async with running(tmp_path, HANGS_ON_SOME, timeout_seconds=3.0) as here:
        here.site.drop_reports("known", *range(FILES))
        await here.delivered(FILES)
        for number in range(hanging):  # they come between the others
            here.site.drop_reports(f"{number}-hang", 0)
            here.site.drop_reports(f"{number}-good", *range(FILES // 2))
        good = FILES + hanging * (FILES // 2)
        await here.delivered(good)
        # Without it nearly all of these would have had to reach their deadlines first.
        assert len(here.site.events("file not converted", kind="timeout")) <= hanging // 2
        assert here.site.events("file not converted", kind="cut-short")
        value = here.service.board.metrics.registry.get_sample_value
        assert value("pywats_worker_restarts_total", {"reason": "cut-short"})
        # Each has all its time after all, and pays for no more than that.
        await here.site.until_event("file not converted", kind="timeout")
        assert {attempts for state, attempts in here.files() if state != "COMPLETED"} <= {0, 1}
        here.code.write_text(GOOD)
        await here.service.converters.reload(["line-1"])
        await here.mended(good + hanging)
    assert here.in_error() == 0


@pytest.mark.parametrize("how", ["reload", "restart"])
async def test_a_new_version_takes_files_out_of_quarantine_that_killed_workers_of_the_old_one(
    tmp_path: Path, how: str
) -> None:
    async with open_devserver() as server:
        site = two_lines(tmp_path, server.url, DIES)
        async with started(site, server) as here:
            [report] = site.drop_reports("killer", 0)
            await site.until_event("file not converted", outcome="quarantined")
            await here.until_history("put away")
            if how == "reload":
                here.code.write_text(GOOD)
                await here.service.converters.reload(["line-1"])
                await here.delivered(1)
        if how == "restart":
            async with started(site, server) as here:
                assert here.files() == {("QUARANTINED", 2): 1}  # as long as it is the same version
            here.code.write_text(GOOD)
            async with started(site, server) as here:
                await here.delivered(1)
        assert taken(server) == {report}
    [told] = site.rows("SELECT message FROM history WHERE event = 'reopened'")
    assert told[0].startswith("it killed 2 workers of another version than ")
    assert here.in_error() == 0


async def test_a_version_that_kills_its_workers_as_well_gets_each_file_once(tmp_path: Path) -> None:
    async with running(tmp_path, DIES) as here:
        here.site.drop_reports("killer", 0)
        await here.site.until_event("file not converted", outcome="quarantined")
        await here.until_history("put away")
        here.code.write_text(DIES + "# another one\n")
        await here.service.converters.reload(["line-1"])
        await here.site.until_event("file not converted", times=2, outcome="quarantined")
        await here.until_history("put away", times=2)
        await here.service.converters.reload(["line-1"])
        assert here.files() == {("QUARANTINED", 2): 1}
    assert len(here.site.rows("SELECT 1 FROM history WHERE event = 'reopened'")) == 1


async def test_everybody_who_asks_is_told(tmp_path: Path) -> None:
    async with running(tmp_path, RAISES) as here:
        here.drop()
        await here.paused()
        [told] = [one for one in here.service.board.converters() if one["name"] == "line-1"]
        outage = told["outage"]
        assert (told["state"], told["why"], outage["paused"]) == ("paused", outage["why"], True)
        assert outage["why"] == WHY + "ValueError: no such column"
        assert outage["since"] < outage["next_try"]
        control, told_as = here.service.control, ("why", "hint", "since")
        unit = (await control.ask("why", {"what": "first-0019.json"}, EMBEDDER))["units"][0]
        item = await control.ask("get_item", {"id": unit["file"]["id"]}, EMBEDDER)
        for waits in (unit["waits_for"], item["waits_for"]):
            assert waits["what"] == "converter"
            assert [waits[key] for key in told_as] == [outage[key] for key in told_as]
            assert outage["next_try"][:16] <= waits["next_try"]  # to the minute: it is a moment on

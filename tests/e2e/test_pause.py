"""A pause begins nothing new, lets what is in hand finish, and outlives whatever happens."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio import faultpoint
from pywats_trio.control import Role, ServiceState, Who
from pywats_trio.devserver import Fault, open_devserver
from pywats_trio.errors import NotReady, StoreError
from pywats_trio.observe.board import Cause
from tests.e2e.books import Books, audit, files_in
from tests.e2e.clients import peer
from tests.e2e.harness import daemon, write_config
from tests.e2e.plant import plant, stamping, until_history

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

JANE = Who("Jane", Role.OPERATOR)


@pytest.fixture
def arm() -> Iterator[Callable[[str], None]]:
    yield faultpoint.arm
    faultpoint.arm("")


async def test_what_is_in_hand_is_finished_and_nothing_new_is_begun(tmp_path: Path) -> None:
    async with plant(tmp_path, type=stamping(tmp_path), arguments={"seconds": 0.5}) as here:
        here.books.drop(4)
        await until_history(here, 4, "accepted")
        await here.site.until_event("a converter says")
        await here.service.pause(JANE)
        assert (here.service.state, here.service.board.cause) == ("paused", "paused by Jane")
        await here.site.until_event("file converted")
        more = here.books.drop(2)
        await until_put_away(here.site.watch, 1)
        # One conversion was in hand: it is over, its report is stored and goes nowhere.
        assert len(here.site.events("a converter says")) == 1
        assert here.server.journal.submits == 0
        assert {file.name for file in more} <= set(files_in(here.site.watch))
        await here.service.resume(JANE)
        await here.arrived()


async def until_put_away(watch: Path, count: int) -> None:
    with trio.fail_after(20):
        while len(files_in(watch / "Done")) < count:
            await trio.lowlevel.checkpoint()


async def test_a_delivery_in_hand_is_finished(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        here.server.faults.set(Fault(latency_ms=300))
        here.books.drop(1)
        await here.server.wait_until(lambda server: server.journal.submits == 1)
        await here.service.pause()
        await here.arrived()
        assert here.service.state is ServiceState.PAUSED


async def test_a_pause_outlives_a_kill_and_files_wait_in_their_folder(tmp_path: Path) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            async with peer(running) as operator:
                assert (await operator.ask("pause"))["state"] == "paused"
            books.drop(5)
            running.kill()
            assert await running.end() == -9
        for _ in range(2):
            async with daemon(config) as running:
                [told] = [r for r in running.events("service state") if r["state"] == "paused"]
                assert told["cause"] == "it was paused before"
                books.drop(1)
                assert await running.stop() == 0
        assert server.journal.submits == 0
        assert len(files_in(books.folder)) == 7
        async with daemon(config) as running:
            async with peer(running) as operator:
                assert (await operator.ask("resume"))["state"] in {"running", "degraded"}
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        async with daemon(config) as running:
            assert await running.stop() == 0
            assert "paused" not in {r["state"] for r in running.events("service state")}
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_what_is_handed_over_in_a_pause_is_refused_in_a_sentence(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        [file] = here.books.drop(1)
        await here.arrived()
        await here.service.pause()
        submit: list[Callable[[], object]] = [
            partial(here.service.submit, file.content),
            partial(here.service.submit_file, tmp_path / "drop" / "Done" / file.name),
            here.service.sync_now,
        ]
        for ask in submit:
            with pytest.raises(NotReady, match="now: the service is paused"):
                await ask()  # type: ignore[misc] # each of them can be awaited
        assert not (tmp_path / "data" / "inbox").exists()
        await here.service.resume()


async def test_twice_is_once(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        for _ in range(2):
            await here.service.pause(JANE)
        here.books.drop(2)
        for _ in range(2):
            await here.service.resume(JANE)
        await here.arrived()
        told = [record["state"] for record in here.site.events("service state")]
        assert told[3:] == ["running", "paused", "running"]


async def test_pauses_and_ends_of_them_at_once_leave_one_of_the_two(tmp_path: Path) -> None:
    async with plant(tmp_path) as here:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(here.service.pause)
                nursery.start_soon(here.service.resume)
        paused = here.service.state is ServiceState.PAUSED
        here.books.drop(1)
        if paused:
            await here.service.resume()
        await here.arrived()


async def test_what_holds_the_service_up_is_told_at_the_end_of_a_pause(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        await here.service.pause()
        here.service.board.begin(Cause.FOLDER, "elsewhere", "a folder is away")
        assert here.service.state is ServiceState.PAUSED
        await here.service.resume()
        assert (here.service.state, here.service.board.cause) == ("degraded", "a folder is away")
        here.service.board.end(Cause.FOLDER, "elsewhere")
        assert here.service.board.state.value == "running"


async def test_a_pause_that_cannot_be_remembered_is_none(
    tmp_path: Path, arm: Callable[[str], None]
) -> None:
    async with plant(tmp_path) as here:
        arm("store.before_commit=raise")
        with pytest.raises(StoreError):
            await here.service.pause()
        arm("")
        assert here.service.state is not ServiceState.PAUSED
        here.books.drop(1)
        await here.arrived()


async def test_a_stop_in_a_pause_is_prompt_and_loses_nothing(tmp_path: Path) -> None:
    async with plant(tmp_path, audited=False) as here:
        await here.service.pause()
        here.books.drop(3)
        with trio.fail_after(10):
            here.service.stop()
            await here.service.wait_stopped()
        assert not here.service.forced
        assert len(files_in(here.site.watch)) == 3

"""Files of one folder are opened together, and a folder that hangs holds up only its own."""

from __future__ import annotations

import errno
import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
from attrs import evolve
from trio.testing import wait_all_tasks_blocked

from pywats_trio.convert.opener import Opener
from pywats_trio.convert.source import Location, Opened
from pywats_trio.model import Failed

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def locations(tmp_path: Path) -> list[Location]:
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.json"
        path.write_text("{}")
        found.append(Location(str(path), str(tmp_path), None, 100))
    return found


async def keep(opener: Opener, location: Location, results: dict[str, Any]) -> None:
    results[location.path] = await opener.open(location)


async def test_what_waits_is_opened_in_one_visit_to_the_thread(
    locations: list[Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = 0
    visit = trio.to_thread.run_sync

    async def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal visits
        visits += 1
        return await visit(*args, **kwargs)

    monkeypatch.setattr(trio.to_thread, "run_sync", counted)
    results: dict[str, Any] = {}
    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        async with trio.open_nursery() as together:
            for location in locations:
                together.start_soon(keep, opener, location, results)
        nursery.cancel_scope.cancel()
    assert visits < len(locations)
    for location in locations:
        assert os.read(results[location.path].descriptor, 9) == b"{}"
        os.close(results[location.path].descriptor)


async def test_one_bad_file_does_not_touch_the_others_of_the_visit(
    locations: list[Location],
) -> None:
    locations[1] = evolve(locations[1], path=locations[1].path + ".missing")
    results: dict[str, Any] = {}
    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        async with trio.open_nursery() as together:
            for location in locations:
                together.start_soon(keep, opener, location, results)
        nursery.cancel_scope.cancel()
    missing = results.pop(locations[1].path)
    assert isinstance(missing, Failed)
    assert missing.problem.kind == "gone"
    for opened in results.values():
        assert isinstance(opened, Opened)
        os.close(opened.descriptor)


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda _file: None, False),
        (lambda file: os.utime(file, ns=(1, 1)), True),
        (lambda file: file.write_text("{ }"), True),
        (lambda file: file.rename(file.with_name("moved")), False),
        (lambda file: file.rename(file.with_name("moved")).write_text("{ }"), True),
        (lambda file: file.unlink(), False),
    ],
)
async def test_a_file_is_looked_at_again_wherever_it_lies(
    locations: list[Location], change: Callable[[Path], object], *, changed: bool
) -> None:
    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        opened = await opener.open(locations[0])
        assert isinstance(opened, Opened)
        change(Path(locations[0].path))
        assert await opener.has_changed(opened) is changed
        opened.close()
        nursery.cancel_scope.cancel()


async def test_a_file_that_cannot_be_looked_at_again_counts_as_it_was(
    locations: list[Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_descriptor: int) -> os.stat_result:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        opened = await opener.open(locations[0])
        assert isinstance(opened, Opened)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fstat", stale)
            assert await opener.has_changed(opened) is False
        opened.close()
        nursery.cancel_scope.cancel()


async def test_a_defect_of_ours_comes_out_where_the_file_was_asked_for(
    locations: list[Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: str, _flags: int) -> int:
        raise ValueError("ours")

    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", broken)
            with pytest.raises(ValueError, match="ours"):
                await opener.open(locations[0])
        nursery.cancel_scope.cancel()


async def test_a_stop_does_not_wait_for_a_folder_that_hangs_and_leaves_nothing_open(
    locations: list[Location], monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging, leave, closed = threading.Event(), threading.Event(), threading.Event()
    real_open, real_close = os.open, os.close
    opened: list[int] = []

    def hang(path: str, flags: int) -> int:
        opened.append(real_open(path, flags))
        hanging.set()
        leave.wait()
        return opened[-1]

    def close(descriptor: int) -> None:
        real_close(descriptor)
        if descriptor in opened:
            closed.set()

    opener = Opener(trio.CapacityLimiter(1))
    results: dict[str, Any] = {}
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", hang)
        patch.setattr(os, "close", close)
        async with trio.open_nursery() as nursery:
            await nursery.start(opener.run)
            nursery.start_soon(partial(keep, opener, locations[0], results))
            await trio.to_thread.run_sync(hanging.wait)
            nursery.start_soon(partial(keep, opener, locations[1], results))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert results == {}
        leave.set()
        assert await trio.to_thread.run_sync(closed.wait, 5)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(opened[0])

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
from pywats_trio.convert.source import Opened, Place
from pywats_trio.model import Failed

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def places(tmp_path: Path) -> list[Place]:
    found = []
    for number in range(5):
        path = tmp_path / f"{number}.json"
        path.write_text("{}")
        found.append(Place(str(path), str(tmp_path), None, 100))
    return found


async def keep(opener: Opener, place: Place, results: dict[str, Any]) -> None:
    results[place.path] = await opener.open(place)


async def test_what_waits_is_opened_in_one_visit_to_the_thread(
    places: list[Place], monkeypatch: pytest.MonkeyPatch
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
            for place in places:
                together.start_soon(keep, opener, place, results)
        nursery.cancel_scope.cancel()
    assert visits < len(places)
    for place in places:
        assert os.read(results[place.path].descriptor, 9) == b"{}"
        os.close(results[place.path].descriptor)


async def test_one_bad_file_does_not_touch_the_others_of_the_visit(places: list[Place]) -> None:
    places[1] = evolve(places[1], path=places[1].path + ".missing")
    results: dict[str, Any] = {}
    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        async with trio.open_nursery() as together:
            for place in places:
                together.start_soon(keep, opener, place, results)
        nursery.cancel_scope.cancel()
    missing = results.pop(places[1].path)
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
    places: list[Place], change: Callable[[Path], object], *, changed: bool
) -> None:
    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        opened = await opener.open(places[0])
        assert isinstance(opened, Opened)
        change(Path(places[0].path))
        assert await opener.has_changed(opened) is changed
        opened.close()
        nursery.cancel_scope.cancel()


async def test_a_file_that_cannot_be_looked_at_again_counts_as_it_was(
    places: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stale(_descriptor: int) -> os.stat_result:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        opened = await opener.open(places[0])
        assert isinstance(opened, Opened)
        with monkeypatch.context() as patch:
            patch.setattr(os, "fstat", stale)
            assert await opener.has_changed(opened) is False
        opened.close()
        nursery.cancel_scope.cancel()


async def test_a_defect_of_ours_comes_out_where_the_file_was_asked_for(
    places: list[Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: str, _flags: int) -> int:
        raise ValueError("ours")

    opener = Opener(trio.CapacityLimiter(1))
    async with trio.open_nursery() as nursery:
        await nursery.start(opener.run)
        with monkeypatch.context() as patch:
            patch.setattr(os, "open", broken)
            with pytest.raises(ValueError, match="ours"):
                await opener.open(places[0])
        nursery.cancel_scope.cancel()


async def test_a_stop_does_not_wait_for_a_folder_that_hangs_and_leaves_nothing_open(
    places: list[Place], monkeypatch: pytest.MonkeyPatch
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
            nursery.start_soon(partial(keep, opener, places[0], results))
            await trio.to_thread.run_sync(hanging.wait)
            nursery.start_soon(partial(keep, opener, places[1], results))
            await wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert results == {}
        leave.set()
        assert await trio.to_thread.run_sync(closed.wait, 5)
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(opened[0])

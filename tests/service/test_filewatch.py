"""A changed configuration file is noticed, however it is changed, once for each content."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import structlog
import trio
from attrs import Factory, define

from pywats_trio.bell import Bell
from pywats_trio.errors import ConfigError, NotReady, PywatsTrioError
from pywats_trio.service.filewatch import SETTLE_SECONDS, FileWatch, digest
from pywats_trio.service.reload import Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

PATIENCE = 30.0
"""Seconds until a test gives up; none waits so long when all is well."""
OLD, NEW, NEWER = b"old", b"new", b"newer"
UNCHANGED = "the configuration file holds what it held"


@define
class Watched:
    """What became of the watch on a file so far."""

    file: Path
    reloads: list[bytes] = Factory(list)
    """What the file held at each reload; that it was not there is `gone`."""
    refusal: PywatsTrioError | None = None
    """Raised by each reload."""
    events: list[str] = Factory(list)
    bell: Bell = Factory(Bell)

    async def reload(self) -> None:
        """Note it down."""
        self.reloads.append(self.file.read_bytes() if self.file.exists() else b"gone")
        self.bell.ring()
        if self.refusal is not None:
            raise self.refusal

    async def until_settling(self) -> None:
        """Until it waits for the file to stand still, under a clock that does, or reloads it."""
        while not self.reloads:
            wait = trio.lowlevel.current_statistics().seconds_to_next_deadline
            if wait == pytest.approx(SETTLE_SECONDS):
                return
            await trio.lowlevel.checkpoint()  # a look, in a thread

    async def until(self, reached: Callable[[], object]) -> None:
        """Until `reached`; asked at each reload and log record."""
        with trio.move_on_after(PATIENCE):
            while not reached():
                await self.bell.ticket().wait()  # nothing can ring in between
        assert reached(), (self.reloads, self.events)

    async def until_reloaded(self, *contents: bytes) -> None:
        """Until these contents were reloaded, and no others."""
        await self.until(lambda: len(self.reloads) >= len(contents))
        assert self.reloads == list(contents)

    async def until_event(self, event: str, times: int = 1) -> None:
        """Until it was logged so often."""
        await self.until(lambda: self.events.count(event) >= times)

    def take(self, _logger: object, _level: str, event: structlog.typing.EventDict) -> NoReturn:
        """A log record."""
        self.events.append(event["event"])
        self.bell.ring()
        raise structlog.DropEvent


@contextlib.asynccontextmanager
async def watched(
    file: Path, *, content: bytes = b"", looked: bool = True, **options: Any
) -> AsyncIterator[Watched]:
    """A watch on `file`; after its first look, if `looked`, or what is reloaded by that."""
    seen = Watched(file)
    source = Source(file, load=pytest.fail, content=content)
    structlog.configure(processors=[seen.take], logger_factory=structlog.ReturnLoggerFactory())
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(FileWatch(source, seen.reload, **options).run)
            await seen.until(lambda: not looked or seen.reloads or UNCHANGED in seen.events)
            yield seen
            nursery.cancel_scope.cancel()
    finally:
        structlog.reset_defaults()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "etc" / "config.toml"
    path.parent.mkdir()
    path.write_bytes(OLD)
    return path


def write(file: Path, content: bytes) -> None:
    """In place."""
    file.write_bytes(content)


def replace(file: Path, content: bytes) -> None:
    """As editors do: another file under the same name."""
    beside = file.with_name("4913~")
    beside.write_bytes(content)
    beside.replace(file)


def swap(folder: Path, content: bytes) -> None:
    """As Kubernetes does with a ConfigMap: a link to another folder, put in place of the former."""
    version = folder / f"..{content.decode()}"
    version.mkdir()
    (version / "config.toml").write_bytes(content)
    (folder / "..data_tmp").symlink_to(version.name)
    (folder / "..data_tmp").replace(folder / "..data")


# However it is changed


async def test_a_file_that_is_written_in_place_is_read_again(file: Path) -> None:
    async with watched(file) as seen:
        write(file, NEW)
        await seen.until_reloaded(NEW)
        write(file, NEWER)
        await seen.until_reloaded(NEW, NEWER)


async def test_a_file_that_an_editor_puts_in_its_place_is_read_again(file: Path) -> None:
    async with watched(file) as seen:
        replace(file, NEW)
        await seen.until_reloaded(NEW)
        replace(file, NEWER)
        await seen.until_reloaded(NEW, NEWER)


async def test_a_mounted_config_map_that_is_swapped_is_read_again(tmp_path: Path) -> None:
    swap(tmp_path, OLD)
    (tmp_path / "config.toml").symlink_to("..data/config.toml")
    async with watched(tmp_path / "config.toml") as seen:
        swap(tmp_path, NEW)
        shutil.rmtree(tmp_path / f"..{OLD.decode()}")
        await seen.until_reloaded(NEW)
        swap(tmp_path, NEWER)
        await seen.until_reloaded(NEW, NEWER)


async def test_a_file_behind_two_links_is_followed_wherever_it_changes(
    file: Path, tmp_path: Path
) -> None:
    for folder in ("first", "second", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "second" / "link").symlink_to(file)
    (tmp_path / "first" / "link").symlink_to("../second/link")
    write(tmp_path / "other" / "config.toml", NEWER)
    async with watched(tmp_path / "first" / "link") as seen:
        write(file, NEW)
        await seen.until_reloaded(NEW)
        (tmp_path / "new").symlink_to(tmp_path / "other" / "config.toml")
        (tmp_path / "new").replace(tmp_path / "second" / "link")
        await seen.until_reloaded(NEW, NEWER)
        write(tmp_path / "other" / "config.toml", OLD)
        await seen.until_reloaded(NEW, NEWER, OLD)


async def test_it_is_read_only_when_it_has_stood_still_for_a_while(
    file: Path, mock_clock: trio.testing.MockClock
) -> None:
    async with watched(file, content=digest(file), looked=False) as seen:
        for content in (b"n", b"ne", b"new", NEW, NEWER):
            await seen.until_settling()
            assert seen.reloads == []
            write(file, content)
            mock_clock.jump(SETTLE_SECONDS)
        await seen.until_settling()
        mock_clock.jump(SETTLE_SECONDS)
        await seen.until_reloaded(NEWER)


# Once for each content


async def test_the_same_content_again_is_no_change(file: Path) -> None:
    async with watched(file) as seen:
        replace(file, OLD)
        await seen.until_event(UNCHANGED, 2)
        os.utime(file, (1, 1))
        write(file, OLD)
        await seen.until_event(UNCHANGED, 3)
        assert seen.reloads == []
        write(file, NEW)
        await seen.until_reloaded(NEW)


async def test_what_happens_beside_the_file_is_no_change(file: Path) -> None:
    async with watched(file) as seen:
        for number in range(20):
            file.with_name(f"other-{number}").write_bytes(b"something")
        write(file, NEW)
        await seen.until_reloaded(NEW)
        assert seen.events.count(UNCHANGED) == 1


async def test_a_content_that_is_refused_is_tried_once_and_the_next_one_again(
    file: Path,
) -> None:
    async with watched(file) as seen:
        seen.refusal = ConfigError("two problems")
        write(file, NEW)
        await seen.until_reloaded(NEW)
        replace(file, NEW)
        await seen.until_event(UNCHANGED, 2)
        assert seen.reloads == [NEW]
        write(file, NEWER)
        await seen.until_reloaded(NEW, NEWER)


async def test_a_change_while_the_service_stops_is_told_and_goes_by(file: Path) -> None:
    async with watched(file) as seen:
        seen.refusal = NotReady("the service is draining")
        write(file, NEW)
        await seen.until_event("the changed configuration waits for the next start")
        write(file, NEWER)
        await seen.until_reloaded(NEW, NEWER)


async def test_a_file_that_is_gone_and_comes_back_is_told_each_time(file: Path) -> None:
    async with watched(file, poll_seconds=0.01) as seen:
        seen.refusal = ConfigError("there is no such configuration file")
        shutil.rmtree(file.parent)
        await seen.until_reloaded(b"gone")
        seen.refusal = None
        file.parent.mkdir()
        write(file, OLD)
        await seen.until_reloaded(b"gone", OLD)
        write(file, NEW)
        await seen.until_reloaded(b"gone", OLD, NEW)


# Before it is watched


async def test_a_change_before_the_first_look_is_not_missed(file: Path) -> None:
    before = digest(file)
    write(file, NEW)
    async with watched(file, content=before) as seen:
        await seen.until_reloaded(NEW)


async def test_what_was_read_at_the_start_is_not_read_again(file: Path) -> None:
    async with watched(file, content=digest(file)) as seen:
        assert seen.reloads == []


# Without notifications


async def test_where_nothing_notifies_it_is_looked_at_now_and_then(file: Path) -> None:
    async with watched(file, notified=False, poll_seconds=0.01) as seen:
        replace(file, NEW)
        await seen.until_reloaded(NEW)


async def test_at_the_limit_of_notifications_it_is_looked_at_now_and_then(file: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        async with watched(file, poll_seconds=0.01) as seen:
            assert "no notifications" in seen.events
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            replace(file, NEW)
            await seen.until(lambda: seen.reloads[-1:] == [NEW])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

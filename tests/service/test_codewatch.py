"""Files of converters are looked at when they have changed, each on its own."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from attrs import Factory, define

from pywats_trio.bell import Bell
from pywats_trio.config.options import ConverterOptions
from pywats_trio.convert.forkserver import WorkerStartError
from pywats_trio.errors import NotReady, PywatsTrioError
from pywats_trio.service.codewatch import CodeWatch, files_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from pathlib import Path

PATIENCE = 30.0
"""Seconds until a test gives up; none waits so long when all is well."""


@define
class Service:
    """Whose converters are watched."""

    converters: list[ConverterOptions]
    changed: Bell = Factory(Bell)
    looks: list[list[str]] = Factory(list)
    errors: list[PywatsTrioError] = Factory(list)
    """Raised by the next looks, one each."""
    bell: Bell = Factory(Bell)

    async def reload(self, names: Iterable[str], *, changed_only: bool) -> None:
        assert changed_only
        error = self.errors.pop(0) if self.errors else None
        self.looks.append(list(names))
        self.bell.ring()
        await trio.lowlevel.checkpoint()
        if error is not None:
            raise error

    async def until(self, reached: Callable[[], bool]) -> None:
        with trio.move_on_after(PATIENCE):
            while not reached():
                await self.bell.ticket().wait()
        assert reached(), self.looks

    async def until_looks(self, count: int) -> None:
        await self.until(lambda: len(self.looks) >= count)


def line(name: str, type_: object) -> ConverterOptions:
    return ConverterOptions(name=name, type=str(type_))


@asynccontextmanager
async def watched(*converters: ConverterOptions, **options: object) -> AsyncIterator[Service]:
    service = Service(list(converters))
    watch = CodeWatch(
        lambda: service.converters,
        service.changed,
        service.reload,
        **options,  # type: ignore[arg-type] # by name
    )
    async with trio.open_nursery() as nursery:
        await nursery.start(watch.run)
        yield service
        nursery.cancel_scope.cancel()


def files(tmp_path: Path, *names: str) -> list[Path]:
    made = []
    for name in names:
        (tmp_path / name).mkdir()
        made.append(tmp_path / name / "made.py")
        made[-1].write_text("1")
    return made


async def test_each_file_is_looked_at_first_and_then_when_it_has_changed(tmp_path: Path) -> None:
    one, two = files(tmp_path, "one", "two")
    lines = line("a", f"{one}:A"), line("b", f"{two}:B"), line("c", f"pywats:{one}:C")
    async with watched(*lines, line("d", "wats-json")) as service:
        await service.until_looks(2)
        assert sorted(service.looks) == [["a", "c"], ["b"]]
        two.write_text("22")
        await service.until_looks(3)
        one.unlink()
        await service.until_looks(4)
        one.write_text("1")
        await service.until_looks(5)
        assert service.looks[2:] == [["b"], ["a", "c"], ["a", "c"]]


async def test_without_notifications_it_is_looked_at_now_and_then(tmp_path: Path) -> None:
    [file] = files(tmp_path, "one")
    async with watched(line("a", f"{file}:A"), notified=False, poll_seconds=0.01) as service:
        await service.until_looks(1)
        file.write_text("22")
        await service.until_looks(2)


async def test_another_configuration_has_other_files(tmp_path: Path) -> None:
    one, two = files(tmp_path, "one", "two")
    async with watched(line("a", f"{one}:A")) as service:
        await service.until_looks(1)
        service.converters[:] = [line("b", f"{two}:B")]
        service.changed.ring()
        await service.until_looks(2)
        one.write_text("22")
        two.write_text("22")
        await service.until_looks(3)
        assert service.looks == [["a"], ["b"], ["b"]]


async def test_a_change_of_something_else_disturbs_nobody(tmp_path: Path) -> None:
    [file] = files(tmp_path, "one")
    async with watched(line("a", f"{file}:A")) as service:
        await service.until_looks(1)
        service.changed.ring()
        file.write_text("22")
        await service.until_looks(2)
        assert service.looks == [["a"], ["a"]]


@pytest.mark.parametrize(
    ("error", "again"), [(NotReady("it stops"), False), (WorkerStartError("no room"), True)]
)
async def test_a_look_that_came_to_nothing_is_repeated_if_it_can_succeed(
    tmp_path: Path, error: PywatsTrioError, again: bool
) -> None:
    [file] = files(tmp_path, "one")
    async with watched(line("a", f"{file}:A"), notified=False, poll_seconds=0.01) as service:
        await service.until_looks(1)
        service.errors.append(error)
        file.write_text("22")
        await service.until_looks(3 if again else 2)


async def test_what_is_open_for_writing_is_not_finished(tmp_path: Path) -> None:
    [file] = files(tmp_path, "one")
    async with watched(line("a", f"{file}:A")) as service:
        await service.until_looks(1)
        with file.open("w") as half:
            half.write("half of")
            half.flush()
            # Another file's event in the same folder: whoever looks now finds it standing still.
            (file.parent / "other.txt").write_text("news")
            with trio.move_on_after(1):
                await service.until_looks(2)
            assert service.looks == [["a"]]
            half.write(" it")
        await service.until_looks(2)


def test_files_are_told_by_the_type(tmp_path: Path) -> None:
    found = files_of([line("a", "rel/made.py:A"), line("b", "package.module:B"), line("c", "csv")])
    assert [(path.name, path.is_absolute(), names) for path, names in found.items()] == [
        ("made.py", True, ["a"])
    ]

"""Opening a source whose folder hangs, and errors that a share may give."""

from __future__ import annotations

import errno
import os
import threading
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.convert.source import Location, Opened, Opening, open_source
from pywats_trio.model import Failed, Wait

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_hanging_open_can_be_cancelled_and_leaves_nothing_open(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open
    entered, leave, closed = threading.Event(), threading.Event(), threading.Event()

    def hanging(path: str, flags: int) -> int:
        descriptor = real(path, flags)
        entered.set()
        leave.wait()
        return descriptor

    def close(descriptor: int) -> None:
        real_close(descriptor)
        closed.set()

    real_close = os.close
    location = Location(str(good), "", None, 100)
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", hanging)
        patch.setattr(os, "close", close)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(open_source, location)
            await trio.to_thread.run_sync(entered.wait)
            nursery.cancel_scope.cancel()
        leave.set()
        assert await trio.to_thread.run_sync(closed.wait, 5)


async def test_an_open_that_ended_in_the_moment_of_its_cancellation_is_closed(good: Path) -> None:
    opening = Opening(Location(str(good), "", None, 100))
    opening.run()
    opened = opening.result()
    assert isinstance(opened, Opened)
    opening.abandon()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened.descriptor)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EIO, "folder-away"),
        (errno.ESTALE, "folder-away"),
        (errno.EMFILE, "folder-away"),
        (errno.EACCES, "unreadable"),
        (errno.ELOOP, "unreadable"),
        (errno.ENOENT, "gone"),
    ],
)
async def test_trouble_of_the_folder_costs_no_attempt_and_that_of_the_file_is_final(
    number: int, kind: str, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(path: str, flags: int) -> int:
        raise OSError(number, os.strerror(number), path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        outcome = await open_source(Location(str(good), str(good.parent), None, 100))
    assert isinstance(outcome, Wait if kind == "folder-away" else Failed)
    assert outcome.problem.kind == kind
    if isinstance(outcome, Wait):
        assert not outcome.counts


async def test_a_link_put_in_place_at_the_last_moment_is_not_followed(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = tmp_path / "link"
    link.symlink_to(good)
    with monkeypatch.context() as patch:
        patch.setattr(os.path, "realpath", lambda path: path)  # it looked before the link was there
        outcome = await open_source(Location(str(link), str(tmp_path), None, 100))
    assert isinstance(outcome, Failed)
    assert outcome.problem.kind == "unreadable"

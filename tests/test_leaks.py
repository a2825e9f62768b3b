"""The search for what tests leave behind finds it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import trio

from tests.leaks import no_task_left, nothing_left

if TYPE_CHECKING:
    from pathlib import Path

WAITING = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def test_a_thread_that_is_left_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.leaks.PATIENCE", 0.02)
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    with pytest.raises(AssertionError, match="threads are left"), nothing_left(tmp_path):
        thread.start()
    over.set()
    thread.join()


async def test_a_thread_that_trio_keeps_for_later_is_none(tmp_path: Path) -> None:
    with nothing_left(tmp_path):
        await trio.to_thread.run_sync(lambda: None)


def test_a_descriptor_that_is_left_is_found(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="descriptors are left"), nothing_left(tmp_path):
        left = os.open(os.devnull, os.O_RDONLY)
    os.close(left)


def test_a_child_process_that_is_left_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.leaks.PATIENCE", 0.02)
    read, write = os.pipe()
    with pytest.raises(AssertionError, match="processes are left"), nothing_left(tmp_path):
        child = subprocess.Popen(WAITING, stdin=read)
    os.close(write)
    os.close(read)
    child.wait()


def test_a_process_that_works_in_the_folder_is_found_whosever_child_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.leaks.PATIENCE", 0.02)
    monkeypatch.setattr("tests.leaks.children", list)
    read, write = os.pipe()
    with pytest.raises(AssertionError, match="processes are left"), nothing_left(tmp_path):
        child = subprocess.Popen(WAITING, stdin=read, cwd=tmp_path)
    os.close(write)
    os.close(read)
    child.wait()


async def test_a_task_that_is_left_is_found() -> None:
    async with trio.open_nursery() as nursery:
        with pytest.raises(AssertionError, match="tasks are left"), no_task_left():
            nursery.start_soon(trio.sleep_forever)
        nursery.cancel_scope.cancel()

"""One service for one data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from pywats_trio.errors import StartError
from pywats_trio.service.lock import instance_lock

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import pathlib, sys
from pywats_trio.service.lock import instance_lock
with instance_lock(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_service_is_refused_and_told_who_holds_the_folder(tmp_path: Path) -> None:
    with (
        instance_lock(tmp_path / "data"),
        pytest.raises(StartError, match=f"already running here \\(process {os.getpid()}\\)"),
        instance_lock(tmp_path / "data"),
    ):
        pass


def test_a_killed_holder_leaves_no_stale_lock(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StartError), instance_lock(tmp_path):
            pass
        holder.kill()
        holder.wait()
        with instance_lock(tmp_path):
            assert (tmp_path / "instance.lock").read_text() == f"{os.getpid()}\n"


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StartError, match="cannot be used as data folder"),
        instance_lock(tmp_path / "file" / "data"),
    ):
        pass

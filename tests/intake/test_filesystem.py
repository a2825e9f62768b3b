"""What is known of a file system."""

from __future__ import annotations

import mmap
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pywats_trio.intake import filesystem
from pywats_trio.intake.filesystem import FileSystem

if TYPE_CHECKING:
    from pathlib import Path

TABLE = rb"""22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 22 0:26 / /mnt/share rw - nfs4 server:/x rw,vers=4.2
31 22 0:27 / /mnt/my\040share rw shared:7 master:3 - cifs //server/x rw
32 22 0:28 / /mnt/over rw - ext4 /dev/sdb1 rw
33 32 0:29 / /mnt/over rw - fuse.sshfs host: rw
34 22 0:30 / /mnt/usb\134x rw - vfat /dev/sdc1 rw
broken line
"""


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/", "ext4"),
        (b"/home/x", "ext4"),
        (b"/mnt/share", "nfs4"),
        (b"/mnt/share/deep/er", "nfs4"),
        (b"/mnt/shared", "ext4"),
        (b"/mnt/my share/x", "cifs"),
        (b"/mnt/over/x", "fuse.sshfs"),
        (b"/mnt/usb\\x", "vfat"),
    ],
)
def test_the_longest_mount_point_above_a_path_tells_its_type(path: bytes, expected: str) -> None:
    assert filesystem.mount_type(TABLE, path) == expected


@pytest.mark.parametrize(
    ("name", "notifies"),
    [("ext4", True), ("tmpfs", True), ("fuseblk", True), ("", True)]
    + [(name, False) for name in ("nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "virtiofs")],
)
def test_network_mounts_do_not_notify(name: str, notifies: bool) -> None:
    assert FileSystem(name).notifies is notifies


def test_case_is_ignored_only_where_the_file_system_does() -> None:
    assert FileSystem("vfat").ignores_case
    assert FileSystem("ext4").ignores_case is (sys.platform != "linux")


def test_a_system_without_a_mount_table_is_taken_as_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert filesystem.of(str(tmp_path)).type != ""
    monkeypatch.setattr(filesystem, "MOUNTS", tmp_path / "missing")
    assert filesystem.of(str(tmp_path)) == FileSystem("")


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells")
def test_the_kernel_tells_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"1")
    reader = os.open(path, os.O_RDONLY)
    assert filesystem.written_to(reader) is False
    with path.open("ab"):
        assert filesystem.written_to(reader) is True
    assert filesystem.written_to(reader) is False
    with path.open("r+b") as file:
        mapping = mmap.mmap(file.fileno(), 1)
    assert filesystem.written_to(reader) is True
    mapping.close()
    assert filesystem.written_to(reader) is False
    with path.open("ab"):  # the lease is given back: nobody is held up
        pass
    os.close(reader)


def test_what_cannot_have_a_lease_is_not_known(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    assert filesystem.written_to(reader) is None
    os.close(reader)
    os.close(writer)


def test_another_system_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert filesystem.written_to(0) is None

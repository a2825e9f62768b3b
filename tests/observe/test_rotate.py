"""The log file keeps its size, its number of old files, and whole lines."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pywats_trio.observe.rotate import RotatingFile

if TYPE_CHECKING:
    from pathlib import Path


def write(file: RotatingFile, *lines: bytes) -> None:
    waiting = deque(lines)
    file.write(waiting)
    assert not waiting


def contents(path: Path) -> list[bytes]:
    """Of the file and its old ones, the oldest first."""
    names = sorted(path.parent.glob(f"{path.name}.*"), key=lambda old: -int(old.suffix[1:]))
    return [file.read_bytes() for file in [*names, path]]


@pytest.mark.parametrize(
    ("line", "files"),
    [(b"xxxx\n", [b"1234\nxxxx\n"]), (b"xxxxx\n", [b"1234\nxxxxx\n"]),
     (b"xxxxxx\n", [b"1234\n", b"xxxxxx\n"])],
)  # fmt: skip
def test_it_is_put_aside_when_the_next_line_does_not_fit(
    tmp_path: Path, line: bytes, files: list[bytes]
) -> None:
    path = tmp_path / "log"
    file = RotatingFile(path, max_bytes=11, backups=3)
    write(file, b"1234\n")
    write(file, line)
    file.close()
    assert contents(path) == files


def test_only_the_newest_old_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatingFile(path, max_bytes=2, backups=2)
    write(file, *(b"%d\n" % number for number in range(6)))
    file.close()
    assert contents(path) == [b"3\n", b"4\n", b"5\n"]


def test_a_line_that_is_longer_than_a_file_gets_one_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatingFile(path, max_bytes=4, backups=5)
    write(file, b"a\n", b"long line\n", b"b\n")
    file.close()
    assert contents(path) == [b"a\n", b"long line\n", b"b\n"]


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(min_size=1, max_size=30), max_size=20), st.integers(1, 60))
def test_no_line_is_lost_torn_or_moved(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], max_bytes: int
) -> None:
    path = tmp_path_factory.mktemp("rotate") / "log"
    file = RotatingFile(path, max_bytes=max_bytes, backups=20)
    write(file, *lines)
    file.close()
    if lines:
        files = contents(path)
        assert b"".join(files) == b"".join(lines)
        longest = max(map(len, lines))
        assert all(len(data) <= max(max_bytes, longest) for data in files)


def test_it_goes_on_where_the_last_run_ended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    for line in (b"a\n", b"b\n"):
        file = RotatingFile(path, max_bytes=100, backups=1)
        write(file, line)
        file.close()
        file.close()
    assert path.read_bytes() == b"a\nb\n"


def test_a_file_that_somebody_deleted_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "log"
    file = RotatingFile(path, max_bytes=100, backups=1)
    write(file, b"a\n")
    path.unlink()
    write(file, b"b\n")
    file.close()
    assert path.read_bytes() == b"b\n"


def test_a_file_that_somebody_emptied_is_counted_anew(tmp_path: Path) -> None:
    path = tmp_path / "log"
    file = RotatingFile(path, max_bytes=4, backups=1)
    write(file, b"abc\n")
    os.truncate(path, 0)
    write(file, b"def\n")
    file.close()
    assert contents(path) == [b"def\n"]


def test_what_is_no_file_is_never_put_aside(tmp_path: Path) -> None:
    link = tmp_path / "log"
    link.symlink_to(os.devnull)
    file = RotatingFile(link, max_bytes=2, backups=1)
    write(file, b"a\n", b"b\n", b"c\n")
    write(file, b"d\n")
    file.close()
    assert link.is_symlink()


def test_an_error_leaves_the_lines_and_the_next_write_tries_again(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.mkdir()
    file = RotatingFile(path, max_bytes=100, backups=1)
    lines = deque([b"a\n"])
    with pytest.raises(IsADirectoryError):
        file.write(lines)
    assert lines == deque([b"a\n"])
    path.rmdir()
    file.write(lines)
    file.close()
    assert path.read_bytes() == b"a\n"


FULL_DISK = """
import resource, signal, sys
from collections import deque
from pathlib import Path
from pywats_trio.observe.rotate import RotatingFile
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (15, resource.RLIM_INFINITY))
file = RotatingFile(Path(sys.argv[1]), max_bytes=1000, backups=1)
file.write(deque([b"12345678\\n"]))
lines = deque([b"abcdefgh\\n", b"second\\n"])
try:
    file.write(lines)
except OSError:
    print(len(lines), "left")
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
file.write(lines)
"""


def test_a_disk_that_gets_full_within_a_line_leaves_no_torn_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    run = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=True
    )
    assert run.stdout == "2 left\n"
    assert path.read_bytes() == b"12345678\nabcdefgh\nsecond\n"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 15

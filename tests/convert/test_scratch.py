"""What a job may write in all."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
from pathlib import Path

import attrs
import pytest
import trio

from pywats_trio.convert.said import Died, Done
from pywats_trio.convert.scratch import DEEPEST, LEAST, bytes_written
from pywats_trio.worker.limits import FILE_BYTES
from tests.convert.kit import ask, is_at_full_strength, running
from tests.sandbox.children import USERS, folder_of, run

MIB = 1 << 20
PACKAGES = Path(attrs.__file__).parents[1]


def test_all_that_lies_below_is_counted_and_no_link_is_followed(tmp_path: Path) -> None:
    folder = tmp_path / "scratch"
    (folder / "a" / "b").mkdir(parents=True)
    before = bytes_written(str(folder), os.getpid())
    (tmp_path / "outside").write_bytes(bytes(5 * MIB))
    (folder / "link").symlink_to(tmp_path / "outside")
    (folder / "a" / "one").write_bytes(b"x" * MIB)
    (folder / "a" / "b" / "two").write_bytes(b"x" * MIB)
    assert 2 * MIB <= bytes_written(str(folder), os.getpid()) - before < 2.1 * MIB
    assert bytes_written(str(tmp_path / "nowhere"), os.getpid()) == 0


def test_a_file_without_a_name_is_counted_as_long_as_it_is_open(tmp_path: Path) -> None:
    before = bytes_written(str(tmp_path), os.getpid())
    with (tmp_path / "file").open("wb") as file:
        file.write(b"x" * MIB)
        file.flush()
        (tmp_path / "file").unlink()
        assert MIB <= bytes_written(str(tmp_path), os.getpid()) - before < 1.1 * MIB
    assert bytes_written(str(tmp_path), os.getpid()) == before


def test_an_empty_file_counts_something(tmp_path: Path) -> None:
    before = bytes_written(str(tmp_path), os.getpid())
    for number in range(100):
        (tmp_path / f"{number}").touch()
    assert bytes_written(str(tmp_path), os.getpid()) - before == 100 * LEAST


@pytest.mark.parametrize(("depth", "hidden"), [(DEEPEST - 1, False), (DEEPEST, True)])
def test_folders_in_one_another_are_looked_into_so_far(
    tmp_path: Path, depth: int, hidden: bool
) -> None:
    tmp_path.joinpath(*depth * ["d"]).mkdir(parents=True)
    found = bytes_written(str(tmp_path), os.getpid())
    assert (found == math.inf) == hidden
    assert found >= depth * LEAST


def test_a_file_without_a_name_counts_as_what_it_may_be_while_it_is_mapped(tmp_path: Path) -> None:
    before = bytes_written(str(tmp_path), os.getpid())
    with (tmp_path / "file").open("w+b") as file:
        file.write(bytes(mmap.PAGESIZE))
        file.flush()
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        size, start = ctypes.c_size_t(mmap.PAGESIZE), ctypes.c_long(0)
        page = libc.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), start)
        (tmp_path / "file").unlink()
        assert bytes_written(str(tmp_path), os.getpid()) - before == mmap.PAGESIZE  # seen open
    assert bytes_written(str(tmp_path), os.getpid()) - before == FILE_BYTES
    libc.munmap(ctypes.c_void_p(page), size)
    assert bytes_written(str(tmp_path), os.getpid()) == before


def test_it_is_counted_no_further_than_is_needed(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number}").touch()
    assert bytes_written(str(tmp_path), os.getpid(), 9 * LEAST) == 10 * LEAST


@pytest.mark.parametrize("user", USERS, ids="user {}".format)
def test_what_may_not_be_listed_is_hidden_but_from_root(user: int) -> None:
    with folder_of(user) as folder:
        said = run(
            f"""
import os, sys
sys.path.append({str(PACKAGES)!r})
from tests.sandbox.attacks import become
from pywats_trio.convert.scratch import bytes_written
become({user})
os.mkdir({folder!r} + "/closed", 0o300)
open({folder!r} + "/closed/file", "w").close()
print(bytes_written({folder!r}, os.getpid()))
""",
            user=user,
        )
    assert float(said) == (2 * LEAST if user == 0 else math.inf)


@pytest.mark.parametrize("name", ["WritesMany", "WritesNameless"])
@pytest.mark.parametrize("sandbox", ["basic", "standard"])
async def test_a_job_that_writes_more_is_ended_and_costs_its_own_file(
    tmp_path: Path, good: Path, bad: Path, name: str, sandbox: str
) -> None:
    bad.write_text("bad 4")  # noqa: ASYNC240 - a word, once
    async with running(tmp_path, scratch_mb=3, sandbox=sandbox) as pool:
        with trio.fail_after(20):
            died = await ask(pool, name, bad)
        assert isinstance(died, Died)
        assert (died.kind, died.how) == ("scratch", "it wrote more than 3 MiB of files")
        await is_at_full_strength(pool, name, good)


@pytest.mark.parametrize("name", ["WritesMany", "WritesNameless"])
async def test_a_job_may_write_as_much_as_is_allowed(tmp_path: Path, bad: Path, name: str) -> None:
    bad.write_text("bad 2 and done")  # noqa: ASYNC240
    async with running(tmp_path, scratch_mb=3) as pool:
        assert isinstance(await ask(pool, name, bad), Done)

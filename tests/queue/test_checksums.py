"""Page checksums: every connection keeps them, and a bit that has changed is found."""

from __future__ import annotations

import contextlib
import os
import re
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest
from apsw import sqlite_extra
from hypothesis import given
from hypothesis import strategies as st

import pywats_trio
from pywats_trio.errors import StoreDamaged
from pywats_trio.queue import checksums
from pywats_trio.queue.database import CHECKSUMS, connect, open_reader
from pywats_trio.queue.salvage.damage import is_damage
from tests.queue.damaging import PAGE
from tests.queue.test_migrate import make_old

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.queue.conftest import Logged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@contextlib.contextmanager
def without_extension() -> Iterator[None]:
    """As on a platform for which APSW has none."""

    def missing(*_: object) -> None:
        raise sqlite_extra.NotAvailable("cksumvfs is not included")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite_extra, "load", missing)
        checksums._load.cache_clear()  # noqa: SLF001 - it is asked once in a process
        yield
    checksums._load.cache_clear()  # noqa: SLF001


def bad_pages(path: Path) -> list[int]:
    """By the sums in the file, as SQLite documents them."""
    raw = path.read_bytes()
    pages = [raw[at : at + PAGE] for at in range(0, len(raw), PAGE)]
    return [
        number
        for number, page in enumerate(pages, 1)
        if checksums.sums(page[:-8]) != struct.unpack("<2I", page[-8:])
    ]


def change_bit(path: Path, page: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[page * PAGE - 1000] ^= 1
    path.write_bytes(raw)


def test_the_default_of_the_process_is_left_alone() -> None:
    assert checksums.vfs() == checksums.VFS
    with contextlib.closing(apsw.Connection(":memory:")) as other:
        assert other.open_vfs != checksums.VFS


def test_every_page_of_a_new_database_has_its_checksum(path: Path) -> None:
    connect(path).close()
    assert bad_pages(path) == []


def test_a_bit_that_has_changed_is_found_by_writer_and_reader(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        connection.execute("INSERT INTO settings VALUES ('a', 'b')")
        [page] = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'seen'")
    change_bit(path, int(page[0]))
    for opened in (connect(path), open_reader(path)):
        with contextlib.closing(opened), pytest.raises(apsw.IOError) as caught:
            opened.execute("SELECT * FROM seen").get  # noqa: B018
        assert is_damage(caught.value)


def test_a_bit_of_the_first_page_is_found_when_it_is_opened(path: Path) -> None:
    connect(path).close()
    change_bit(path, 1)
    with pytest.raises(StoreDamaged, match="checksum of a page differs"):
        connect(path)


@pytest.mark.parametrize("layout", [1, 2])
def test_an_older_database_gets_its_checksums(path: Path, layout: int) -> None:
    make_old(path, layout, reports=50)
    assert bad_pages(path)
    connect(path).close()
    assert bad_pages(path) == []
    with contextlib.closing(open_reader(path)) as reader:
        assert reader.pragma("checksum_verification")


def test_a_database_that_was_written_without_them_gets_them_as_a_whole(path: Path) -> None:
    connect(path).close()
    with without_extension(), contextlib.closing(connect(path)) as connection:
        connection.execute("INSERT INTO settings VALUES ('a', 'b')")
    assert bad_pages(path)
    connect(path).close()
    assert bad_pages(path) == []
    with contextlib.closing(open_reader(path)) as reader:
        assert reader.execute("SELECT value FROM settings WHERE key = 'a'").get == "b"
        assert reader.execute("SELECT count(*) FROM settings WHERE key = ?", (CHECKSUMS,)).get == 1


def test_while_somebody_reads_it_gets_them_at_the_next_start(path: Path) -> None:
    with contextlib.closing(connect(path)) as connection:
        connection.execute("DELETE FROM settings WHERE key = ?", (CHECKSUMS,))
    with contextlib.closing(open_reader(path)) as reader:
        rows = reader.execute("SELECT name FROM sqlite_schema")
        next(rows)
        with contextlib.closing(connect(path)) as connection:
            sql = "SELECT count(*) FROM settings WHERE key = ?"
            assert connection.execute(sql, (CHECKSUMS,)).get == 0
        rows.close()
    connect(path).close()
    with contextlib.closing(open_reader(path)) as again:
        assert again.execute(sql, (CHECKSUMS,)).get == 1


def test_without_the_extension_it_works_and_says_so_once(path: Path, logged: Logged) -> None:
    page = struct.pack("<1022I", *range(1022))
    with without_extension():
        connect(path).close()
        open_reader(path).close()
        with contextlib.closing(checksums.PageSums()) as known:
            assert known.good(page + struct.pack("<2I", *checksums.sums(page)))
            assert not known.good(page + bytes(8))
    assert logged.count("pages have no checksums") == 1


@given(st.binary(min_size=504, max_size=504), st.tuples(*[st.integers(0, 2**32 - 1)] * 2))
def test_the_sums_are_those_of_sqlite_and_can_be_gone_on_with(
    data: bytes, seed: tuple[int, int]
) -> None:
    page = data + struct.pack("<2I", *checksums.sums(data))
    with contextlib.closing(checksums.PageSums()) as known:
        assert known.good(page)
    assert checksums.sums(data[256:], checksums.sums(data[:256], seed)) == checksums.sums(
        data, seed
    )
    swapped = struct.pack(">126I", *struct.unpack("<126I", data))
    assert checksums.sums(swapped, seed, big_endian=True) == checksums.sums(data, seed)


def test_every_connection_to_the_queue_is_made_in_one_place() -> None:
    """One without the shim would leave pages behind whose checksums are wrong."""
    package = Path(os.fspath(pywats_trio.__file__)).parent
    allowed = {"queue/checksums.py", "devserver/db.py"}
    makes_one = re.compile(r"apsw\.Connection\((?!\":memory:\")")
    found = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if makes_one.search(file.read_text(encoding="utf-8"))
    }
    assert found - allowed == {"queue/migrate.py"}  # the copy of an older layout, which had none

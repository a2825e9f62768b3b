"""A store to be damaged, and the damages: what a disk, a copy or a hand can do to its files."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Final

from attrs import frozen

from benchmarks import data
from pywats_trio.model import Delivered, Kind
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import a_report

if TYPE_CHECKING:
    import random
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.queue.sqlite_store import SqliteStore

REPORTS: Final = 300
DELIVERED: Final = 30
"""Of them, before the damage."""
PAGE: Final = 4096
RUN: Final = "damage"


def a_body(number: int) -> bytes:
    """Reports of different lengths: some stand on one page, some on several."""
    return data.report(RUN, number, 1000 + number * 37 % 9000)


async def fill(store: SqliteStore, first: int, last: int) -> None:
    """Put the reports from number `first` up to `last`."""
    for begin in range(first, last, 20):
        await store.put(
            [
                a_report(
                    a_body(number),
                    report_id=data.report_id(RUN, number),
                    serial_number=f"{RUN}-{number:06d}",
                    part_number="PCBA-100",
                )
                for number in range(begin, min(begin + 20, last))
            ]
        )


async def make(folder: Path, *, crashed: bool) -> None:
    """A store of `REPORTS` reports in `folder`; `crashed`: half of it stands in its log alone."""
    live = folder.with_name(f"{folder.name}-live")
    live.mkdir()
    async with open_store(live / "queue.db") as store:
        await fill(store, 0, REPORTS // 2)
        for claim in await store.claim(Kind.REPORT, DELIVERED, "before"):
            await store.finish(claim, Delivered("thanks"))
    async with open_store(live / "queue.db") as store:
        await fill(store, REPORTS // 2, REPORTS)
        if crashed:
            shutil.copytree(live, folder)
    if not crashed:
        live.rename(folder)


@frozen
class Damage:
    """What is done to the files of a store; `chance` makes it the same each time."""

    name: str
    crashed: bool
    """To a store that was killed; else to one that was closed."""
    do: Callable[[Path, random.Random], None]
    told: bool = True
    """Whether it is reported how many are lost: nobody can count what is not there."""


def _flip(name: str, times: int) -> Callable[[Path, random.Random], None]:
    def do(folder: Path, chance: random.Random) -> None:
        raw = bytearray((folder / name).read_bytes())
        for _ in range(times):
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        (folder / name).write_bytes(raw)

    return do


def _zero(pages: int) -> Callable[[Path, random.Random], None]:
    def do(folder: Path, chance: random.Random) -> None:
        raw = bytearray((folder / "queue.db").read_bytes())
        begin = PAGE * chance.randrange(len(raw) // PAGE)
        raw[begin : begin + PAGE * pages] = bytes(min(PAGE * pages, len(raw) - begin))
        (folder / "queue.db").write_bytes(raw)

    return do


def _cut(name: str) -> Callable[[Path, random.Random], None]:
    def do(folder: Path, chance: random.Random) -> None:
        size = (folder / name).stat().st_size
        os.truncate(folder / name, chance.randrange(size // 2, size))

    return do


def _overwrite(size: int) -> Callable[[Path, random.Random], None]:
    def do(folder: Path, chance: random.Random) -> None:
        raw = bytearray((folder / "queue.db").read_bytes())
        raw[:size] = chance.randbytes(size)
        (folder / "queue.db").write_bytes(raw)

    return do


def _replace(name: str, content: bytes) -> Callable[[Path, random.Random], None]:
    def do(folder: Path, _chance: random.Random) -> None:
        (folder / name).write_bytes(content)

    return do


def _remove(name: str) -> Callable[[Path, random.Random], None]:
    def do(folder: Path, _chance: random.Random) -> None:
        (folder / name).unlink()

    return do


DATABASE, LOG = "queue.db", "queue.db-wal"
DAMAGES: Final = (
    Damage("one bit of the database", crashed=False, do=_flip(DATABASE, 1)),
    Damage("another bit of the database", crashed=False, do=_flip(DATABASE, 1)),
    Damage("twenty bits of the database", crashed=False, do=_flip(DATABASE, 20)),
    Damage("two hundred bits of the database", crashed=False, do=_flip(DATABASE, 200)),
    Damage("bits of the database of a killed one", crashed=True, do=_flip(DATABASE, 20)),
    Damage("one bit of the log", crashed=True, do=_flip(LOG, 1)),
    Damage("twenty bits of the log", crashed=True, do=_flip(LOG, 20)),
    Damage("two hundred bits of the log", crashed=True, do=_flip(LOG, 200)),
    Damage("a page of zeros", crashed=False, do=_zero(1)),
    Damage("ten pages of zeros", crashed=False, do=_zero(10)),
    Damage("zeros in a killed one", crashed=True, do=_zero(10)),
    Damage("the database cut off", crashed=False, do=_cut(DATABASE)),
    Damage("the database of a killed one cut off", crashed=True, do=_cut(DATABASE)),
    Damage("the log cut off", crashed=True, do=_cut(LOG), told=False),
    Damage("no log", crashed=True, do=_remove(LOG), told=False),
    Damage("the header overwritten", crashed=False, do=_overwrite(100)),
    Damage("the first page overwritten", crashed=False, do=_overwrite(PAGE)),
    Damage("the beginning of a killed one overwritten", crashed=True, do=_overwrite(20 * PAGE)),
    Damage("a text in its place", crashed=False, do=_replace(DATABASE, b"shopping list\n" * 99)),
    Damage("nothing in its place", crashed=False, do=_replace(DATABASE, b"")),
)

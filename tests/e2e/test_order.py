"""In strace's order: whatever is told to the outside rests on rows that are already synced."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

import pytest

from pywats_trio.devserver import open_devserver
from tests.e2e import trace
from tests.e2e.books import Books
from tests.e2e.harness import daemon, write_config
from tests.e2e.trace import Deed, Log

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILES = 10
BROKEN = "broken.json"
LEAVING = ("rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat")

WHY_NOT = trace.why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


async def traced(folder: Path, **tables: dict[str, object]) -> tuple[Books, list[trace.Call]]:
    """The calls of a service that delivers good files and refuses a broken one."""
    books = Books(folder / "drop")
    output = folder / "calls"
    async with open_devserver() as server:
        config = write_config(folder, server.url, **tables)  # type: ignore[arg-type]  # by name
        async with daemon(config, under=trace.strace(output)) as running:
            books.drop(FILES)
            (books.folder / BROKEN).write_bytes(b'{"sn": "cut off')
            await running.until_event("file refused")
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
    return books, trace.read(output)


def deeds(books: Books, calls: list[trace.Call]) -> Iterator[Deed]:
    """Each report sent, each source touched, each acceptance told."""
    rows: dict[str, tuple[bytes, ...]] = {
        file.name: (file.report_id.encode(),) for file in books.dropped
    }
    rows[BROKEN] = (BROKEN.encode(), b"FAILED")
    for call in calls:
        if call.name in ("sendto", "sendmsg") and call.strings[0].startswith(b"POST "):
            yield from _sent(books, call)
        elif call.name in LEAVING:
            yield from _left(books.folder, rows, call)
        elif call.name == "write" and b'"files accepted"' in b"".join(call.strings):
            yield from _told(call)


def _sent(books: Books, call: trace.Call) -> Iterator[Deed]:
    for file in books.dropped:
        row = file.report_id.encode()
        if row in call.strings[0]:
            yield Deed(f"sent {file.name}", call.begin, (row,))


def _left(folder: Path, rows: dict[str, tuple[bytes, ...]], call: trace.Call) -> Iterator[Deed]:
    for name, row in rows.items():
        if call.strings[0] == bytes(folder / name):
            yield Deed(f"took {name} away", call.begin, row)


def _told(call: trace.Call) -> Iterator[Deed]:
    for line in call.strings[0].splitlines():
        if b'"files accepted"' in line:
            name = json.loads(line)["source"].rpartition("/")[2]
            yield Deed(f"told of {name}", call.begin, (name.encode(),))


def expected(books: Books) -> set[str]:
    names = {file.name for file in books.dropped}
    return {f"sent {name}" for name in names} | {f"took {name} away" for name in names | {BROKEN}}


@pytest.mark.parametrize("post_action", ["move", "delete"])
async def test_a_row_is_synced_before_anything_is_done_that_rests_on_it(
    tmp_path: Path, post_action: str
) -> None:
    books, calls = await traced(tmp_path, converter={"post_action": post_action})
    done = list(deeds(books, calls))
    assert {deed.what for deed in done if not deed.what.startswith("told")} == expected(books)
    assert any(deed.what.startswith("told") for deed in done)
    assert Log(calls).too_early(done) == []


async def test_the_order_is_seen_to_be_wrong_where_commits_are_not_synced(tmp_path: Path) -> None:
    books, calls = await traced(tmp_path, queue={"synchronous": "normal"})
    assert set(Log(calls).too_early(deeds(books, calls))) >= expected(books)

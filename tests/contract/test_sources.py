"""`seen`, `put_away` and `forget`: which files are taken, and which never again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pywats_trio.model import Converted, Identity, Kind, Putaway, Superseded
from pywats_trio.queue.store import PutAway
from tests.contract.kit import Bench, a_file

if TYPE_CHECKING:
    from pywats_trio.queue.store import Store


async def _convert(store: Store) -> int:
    [claim] = await store.claim(Kind.FILE, 1, "job")
    await store.finish(claim, Converted((), "ab"))
    return claim.item.id


async def test_the_same_file_is_accepted_once_whatever_becomes_of_it(bench: Bench) -> None:
    async with bench.open() as store:
        assert await store.put([a_file(), a_file()]) == [1, None]
        await _convert(store)
        assert await store.put([a_file()]) == [None]


@pytest.mark.parametrize("changed", ["device", "inode", "size", "mtime_ns"])
async def test_a_file_that_changed_is_a_new_one(bench: Bench, changed: str) -> None:
    old = {"device": 7, "inode": 1, "size": 10, "mtime_ns": 1_000}
    new = Identity(**(old | {changed: 11}))
    async with bench.open() as store, bench.desk() as desk:
        assert await store.put([a_file(identity=Identity(**old))]) == [1]
        assert await store.put([a_file(identity=new)]) == [2]
        assert await store.put([a_file(identity=new)]) == [None]
        assert await desk.seen("ict") == {"/in/a.txt": new}


async def test_a_file_without_identity_is_always_new(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        assert await store.put([a_file(identity=None), a_file(identity=None)]) == [1, 2]
        assert await desk.seen("ict") == {}


async def test_numbers_of_the_whole_64_bits_survive(bench: Bench) -> None:
    identity = Identity(2**64 - 1, 2**63, 2**40, -5)
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file(identity=identity)])
        assert await store.put([a_file(identity=identity)]) == [None]
        [claim] = await store.claim(Kind.FILE, 1, "job")
        assert claim.item.identity == identity
        assert await desk.seen("ict") == {"/in/a.txt": identity}


async def test_seen_is_told_by_converter(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file("/a/1"), a_file("/b/1", converter="eol")])
        assert list(await desk.seen("ict")) == ["/a/1"]
        assert list(await desk.seen("eol")) == ["/b/1"]
        assert await desk.seen("nobody") == {}


@pytest.mark.parametrize("lies_at", ["/in/Done/a.txt", ""], ids=["moved", "deleted"])
async def test_a_file_that_left_its_folder_may_come_again(bench: Bench, lies_at: str) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        item_id = await _convert(store)
        assert [item.id for item in await desk.to_put_away("ict", 9)] == [item_id]
        await store.put_away([PutAway(item_id, lies_at)])
        assert await desk.seen("ict") == {}
        assert await desk.to_put_away("ict", 9) == []
        item = await desk.item(item_id)
        assert item is not None
        assert (item.putaway, item.source) == (Putaway.DONE, lies_at or "/in/a.txt")
        assert await store.put([a_file()]) == [2]


async def test_a_kept_file_is_not_taken_again(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file()])
        item_id = await _convert(store)
        await store.put_away([PutAway(item_id, "/in/a.txt", "kept")])
        assert await desk.to_put_away("ict", 9) == []
        assert await store.put([a_file()]) == [None]


async def test_a_new_file_under_the_old_name_stays_known(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file(inode=1)])
        item_id = await _convert(store)
        await store.put([a_file(inode=2)])
        await store.put_away([PutAway(item_id, "")])
        assert list(await desk.seen("ict")) == ["/in/a.txt"]
        assert await store.put([a_file(inode=2)]) == [None]


async def test_put_away_is_idempotent_and_ignores_what_needs_none(bench: Bench) -> None:
    async with bench.open() as store:
        await store.put([a_file()])
        await store.put_away([PutAway(1, "/else"), PutAway(99, "/else")])
        assert [entry.event for entry in bench.history()] == ["accepted"]
        await _convert(store)
        await store.put_away([PutAway(1, "/done/a.txt")])
        once = bench.history()
        await store.put_away([PutAway(1, "/done/b.txt")])
        assert bench.history() == once
        assert once[-1].event == "put away"


async def test_to_put_away_is_a_page_of_the_oldest(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        for n in range(4):
            await store.put([a_file(f"/in/{n}", inode=n)])
            await _convert(store)
        assert [item.id for item in await desk.to_put_away("ict", 3)] == [1, 2, 3]
        assert await desk.to_put_away("eol", 3) == []


async def test_a_superseded_file_makes_way_for_its_successor(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file(size=1)])
        [claim] = await store.claim(Kind.FILE, 1, "job")
        await store.finish(claim, Superseded("it grew"))
        assert await desk.to_put_away("ict", 9) == []
        assert await store.put([a_file(size=2)]) == [2]


async def test_forgotten_paths_are_new_again_and_unknown_ones_do_no_harm(bench: Bench) -> None:
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file("/in/1"), a_file("/in/2")])
        await store.forget(iter(["/in/1", "/in/never"]))
        await store.forget([])
        assert list(await desk.seen("ict")) == ["/in/2"]
        assert await store.put([a_file("/in/1"), a_file("/in/2")]) == [3, None]


async def test_a_name_of_any_bytes_comes_back_as_it_was(bench: Bench) -> None:
    path = os.fsdecode(b"/in/caf\xe9 \xff\n'\".txt")
    async with bench.open() as store, bench.desk() as desk:
        await store.put([a_file(path)])
        assert await store.put([a_file(path)]) == [None]
        assert list(await desk.seen("ict")) == [path]
        [claim] = await store.claim(Kind.FILE, 1, "job")
        assert claim.item.source == path
        await store.finish(claim, Converted((), ""))
        await store.put_away([PutAway(claim.item.id, path + ".done")])
        [item] = await desk.items()
        assert item.source == path + ".done"
        assert await desk.seen("ict") == {}
        await store.put([a_file(path)])
        await store.forget([path])
        assert await desk.seen("ict") == {}

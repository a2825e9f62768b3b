"""What a converter said of its file stands in the row until the file is put away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pywats_trio.model import (
    POST_ACTIONS,
    Converted,
    Failed,
    Kind,
    Problem,
    Quarantined,
    Superseded,
)
from pywats_trio.queue.database import connect
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.salvage import tables
from pywats_trio.queue.salvage.carve import Malformed
from pywats_trio.queue.sqlite_store import open_store
from tests.contract.kit import some_files
from tests.queue.test_migrate import make_old

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

    from pywats_trio.model import Outcome

PROBLEM = Problem("x", "broken")


@pytest.mark.parametrize(
    ("outcome", "after"),
    [
        (Converted((), "cd"), ""),
        *((Converted((), "cd", after=action), action) for action in POST_ACTIONS),
        (Failed(PROBLEM), ""),
        (Quarantined(PROBLEM), ""),
        (Superseded("gone"), ""),
    ],
)
async def test_it_is_committed_with_the_conversion_and_there_after_a_restart(
    tmp_path: Path, outcome: Outcome, after: str
) -> None:
    path = tmp_path / "queue.db"
    async with open_store(path) as store:
        [item_id] = await store.put(some_files(1))
        [claim] = await store.claim(Kind.FILE, 1, "convert")
        await store.finish(claim, outcome)
    async with open_store(path), open_desk(path) as desk:
        item = await desk.item(item_id or 0)
        assert item is not None
        assert item.after == after


@pytest.mark.parametrize("layout", [1, 2])
async def test_files_of_an_older_layout_were_asked_nothing_for(tmp_path: Path, layout: int) -> None:
    path = tmp_path / "queue.db"
    make_old(path, layout)
    async with open_store(path), open_desk(path) as desk:
        items = [await desk.item(number) for number in (1, 2, 3, 4)]
        assert {item.after for item in items if item is not None} == {""}


def test_a_row_that_says_something_else_is_not_salvaged(tmp_path: Path) -> None:
    connection = connect(tmp_path / "queue.db")
    with connection:
        connection.execute(
            "INSERT INTO items (kind, state, priority, max_attempts, created_at, converter,"
            " source, correlation_id, after)"
            " VALUES ('file', 'COMPLETED', 5, 3, 1.0, 'a', '/a', 'c', 'delete')"
        )
    table = tables.own()["items"]
    names = ", ".join(column.name for column in table.columns)
    found = connection.execute(f"SELECT {names} FROM items").fetchone()
    connection.close()
    assert found is not None
    values: list[apsw.SQLiteValue] = [None, *found[1:]]
    assert table.row(1, tuple(values))["after"] == "delete"
    values[-1] = "Xelete"
    with pytest.raises(Malformed, match=r"items\.after is not what it should be"):
        table.row(1, tuple(values))

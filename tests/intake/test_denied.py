"""Folders of units that the service may not move or delete: named, and told of once."""

from __future__ import annotations

import os
import tempfile
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

from pywats_trio.intake.denied import TO_DO, Denied
from pywats_trio.intake.putaway import Putaway
from pywats_trio.intake.unitmoves import NotOurs
from pywats_trio.model import Form
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.desk import open_desk
from pywats_trio.queue.sqlite_store import open_store
from tests.intake.conftest import Site
from tests.intake.test_putaway import DONE, REFUSED, is_away, listed
from tests.intake.test_unit_putaway import finished, unit_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from pywats_trio.model import Outcome

NOBODY = 65534


@contextmanager
def as_a_user_whom_rights_hold() -> Iterator[None]:
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.fixture
async def theirs(site: Site) -> AsyncIterator[Site]:
    """As `site`, of a user whom rights hold; that one may not pass the folders of pytest."""
    del site  # it has loaded what is loaded late: root's interpreter may not be theirs to read
    with as_a_user_whom_rights_hold(), tempfile.TemporaryDirectory(dir="/tmp") as name:
        base = Path(name)
        (base / "watch").mkdir()
        async with open_store(base / "q.db") as store, open_desk(base / "q.db") as desk:
            yield Site(base, store, desk)


@contextmanager
def denied(folder: Path) -> Iterator[None]:
    """It is root's, where there is one; else nobody may write into it."""
    if os.getuid() == 0:
        give(folder, 0)
    else:
        folder.chmod(0o555)
    yield
    if os.getuid() == 0:
        give(folder, NOBODY)
    else:
        folder.chmod(0o755)


def give(folder: Path, user: int) -> None:
    now = os.geteuid()
    os.seteuid(0)
    os.chown(folder, user, -1)
    os.seteuid(now)


@asynccontextmanager
async def putting_away(site: Site, board: Board, action: str) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        part = Putaway(
            site.options(post_action=action),
            store=site.store,
            desk=site.desk,
            limiter=site.limiter,
            board=board,
        )
        await nursery.start(part.run)
        yield
        nursery.cancel_scope.cancel()


async def told(board: Board) -> list[tuple[Cause, str, str]]:
    with trio.fail_after(10):
        while not board.conditions:
            await trio.lowlevel.checkpoint()
    return [(one.cause, one.message, one.hint) for one in board.conditions.values()]


ENDS = pytest.mark.parametrize(
    ("action", "outcome"), [("move", DONE), ("delete", DONE), ("delete", REFUSED)]
)


@ENDS
@pytest.mark.parametrize("form", [Form.FOLDER, Form.PAIR])
async def test_the_folder_is_named_nothing_is_touched_and_it_goes_once_it_is_ours(
    theirs: Site, form: Form, action: str, outcome: Outcome
) -> None:
    [item] = await finished(theirs, form, "DUT 90", outcome=outcome)
    folder, board = theirs.folder / "DUT 90", Board()
    async with putting_away(theirs, board, action):
        with denied(folder):
            cause = f"line-3: a unit folder cannot be put away: {folder}: Permission denied"
            assert await told(board) == [(Cause.FOLDER, cause, TO_DO)]
            assert listed(theirs.folder) == unit_at("DUT 90", form)
        await is_away(theirs, item)
        assert board.conditions == {}
    assert not folder.exists()


async def test_what_is_to_be_deleted_is_looked_at_to_the_last_folder(theirs: Site) -> None:
    [item] = await finished(theirs, Form.FOLDER, "DUT 90")
    deep, board = theirs.folder / "DUT 90" / "deep", Board()
    async with putting_away(theirs, board, "delete"):
        with denied(deep):
            [(_, message, _)] = await told(board)
            assert message.endswith(f": {deep}: Permission denied")
            assert listed(theirs.folder) == unit_at("DUT 90", Form.FOLDER)
        await is_away(theirs, item)
    assert listed(theirs.folder) == []


async def test_where_all_is_read_only_no_right_is_asked_for(
    theirs: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await finished(theirs, Form.FOLDER, "DUT 90")
    found = os.statvfs(theirs.folder)
    read_only = os.statvfs_result((*found[:8], os.ST_RDONLY, *found[9:]))
    monkeypatch.setattr(os, "statvfs", lambda _path: read_only)
    board = Board()
    with denied(theirs.folder / "DUT 90"):
        async with putting_away(theirs, board, "move"):
            [(_, message, _)] = await told(board)
    assert message.startswith("line-3: files cannot be put away (done_dir): ")


def test_one_stands_for_all_until_it_is_away_or_gone() -> None:
    board = Board()
    one = Denied({"converter": "c"}, board)

    def said() -> list[str]:
        return [condition.message.split(": ")[2] for condition in board.conditions.values()]

    for number in (1, 2, 1):
        one.begins(number, NotOurs(13, "Permission denied", f"/w/{number}"))
        assert said() == ["/w/1"]
    one.ends(2)
    one.keep({1})
    assert said() == ["/w/1"]
    one.ends(1)
    assert said() == []
    one.begins(2, NotOurs(13, "Permission denied", "/w/2"))
    assert said() == ["/w/2"]
    one.keep({3})
    assert said() == []

"""What a converter asks for its files, in the running service: done, overruled, and cut off."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from pywats_trio.devserver import DevServer, open_devserver
from tests.convert.kit import type_of
from tests.e2e.books import Books, files_in, lives
from tests.e2e.harness import write_config
from tests.e2e.test_crash import ONE_ATTEMPT, POST_ACTIONS, finish, kill_at

if TYPE_CHECKING:
    from pathlib import Path

ASKS = {**ONE_ATTEMPT, "type": type_of("wishing:Asks"), "patterns": ["*.json"]}


async def audit(books: Books, data_dir: Path, server: DevServer, done: Path | None) -> None:
    """Each report arrived under its one id, and each file is in `done`, or gone if that is None."""
    received = await server.received()
    assert Counter((one.serial, one.id) for one in received) == Counter(
        (file.serial, file.report_id) for file in books.dropped
    )
    assert {(life.state, life.attempts) for life in lives(data_dir)} == {("COMPLETED", 1)}
    sources = {file.name: file.content for file in books.dropped}
    assert files_in(books.folder) == (sources if done == books.folder else {})
    assert files_in(books.folder / "Error") == {}
    assert done is None or files_in(done) | files_in(done, "*/*") == sources


@pytest.mark.parametrize("action", POST_ACTIONS)
async def test_kills_while_files_go_as_their_converter_asks_lose_and_double_nothing(
    tmp_path: Path, action: str
) -> None:
    async with open_devserver() as server:
        archive = tmp_path / "archive"
        converter = {**ASKS, "archive_dir": str(archive)}
        asked = f'[converters.arguments]\nafter = "{action}"\n'
        config = write_config(
            tmp_path, server.url, retry=ONE_ATTEMPT, converter=converter, text=asked
        )
        books = Books(tmp_path / "drop")
        await kill_at(POST_ACTIONS[action], config, books, server)
        done = {"delete": None, "keep": books.folder, "archive": archive}
        await audit(books, tmp_path / "data", server, done[action])


async def test_what_is_configured_comes_first(tmp_path: Path) -> None:
    async with open_devserver() as server:
        converter = {**ASKS, "post_action": "move"}
        config = write_config(tmp_path, server.url, retry=ONE_ATTEMPT, converter=converter)
        books = Books(tmp_path / "drop")
        books.drop(3)
        await finish(config, books, server)
        await audit(books, tmp_path / "data", server, books.folder / "Done")

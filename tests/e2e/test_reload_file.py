"""A changed configuration file under the installed command: into effect, or told and left."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from pywats_trio.devserver import open_devserver
from tests.e2e.books import Books, audit
from tests.e2e.harness import daemon, write_config

if TYPE_CHECKING:
    from pathlib import Path

UNCHANGED = "the configuration file holds what it held"
OLD_TOKEN, NEW_TOKEN = "b2xkOm9sZA==", "bmV3Om5ldw=="


def replace(config: Path, text: str) -> None:
    """As editors do: another file under the same name."""
    beside = config.with_name("4913~")
    beside.write_text(text)
    beside.replace(config)


async def test_a_changed_file_is_put_into_effect_and_what_needs_a_restart_is_told(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        (tmp_path / "other").mkdir()
        books = Books(tmp_path / "other")
        text = config.read_text().replace(str(tmp_path / "drop"), str(books.folder))
        async with daemon(config) as running:
            replace(config, text.replace("port = 0", "port = 1"))
            [done] = await running.until_event("configuration reloaded")
            assert done["changed"] == ["converters.line-1"]
            assert done["needs_restart"] == ["health.port"]
            books.drop(3)
            await running.until_true(partial(books.until_delivered, server))
            assert await running.stop() == 0
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_a_file_with_errors_is_told_once_with_all_of_them_and_the_service_goes_on(
    tmp_path: Path,
) -> None:
    async with open_devserver() as server:
        config = write_config(tmp_path, server.url)
        good = config.read_text()
        bad = good.replace("max = 2", "max = -1\nmaxx = 3")
        books = Books(tmp_path / "drop")
        async with daemon(config) as running:
            replace(config, bad)
            [told] = await running.until_event("configuration not reloaded")
            assert len(told["error"].splitlines()) == 2
            assert "workers.max:" in told["error"]
            assert "workers.maxx:" in told["error"]
            before = len(running.events(UNCHANGED))
            replace(config, bad)
            await running.until_event(UNCHANGED, before + 1)
            books.drop(3)
            await running.until_true(partial(books.until_delivered, server))
            replace(config, good)
            [done] = await running.until_event("configuration reloaded")
            assert done["changed"] == []
            assert await running.stop() == 0
            assert len(running.events("configuration not reloaded")) == 1
            assert running.other_output == []
        await audit(books, tmp_path / "data", server, books.folder / "Done")


async def test_a_file_that_is_written_again_as_it_was_changes_nothing(tmp_path: Path) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:9")
    async with daemon(config) as running:
        await running.until_event(UNCHANGED)
        replace(config, config.read_text())
        await running.until_event(UNCHANGED, 2)
        assert await running.stop() == 0
        assert running.events("configuration reloaded") == []


async def test_a_token_that_comes_by_a_reload_is_masked_in_the_log(tmp_path: Path) -> None:
    async with open_devserver(token=NEW_TOKEN) as server:
        config = write_config(tmp_path, server.url, server={"token": OLD_TOKEN})
        async with daemon(config) as running:
            replace(config, config.read_text().replace(OLD_TOKEN, NEW_TOKEN))
            await running.until_event("configuration reloaded")
            (tmp_path / "drop" / f"{NEW_TOKEN}.json").write_text("no report")
            await running.until(lambda: "***.json" in json.dumps(running.log))
            assert await running.stop() == 0
    logged = json.dumps(running.log) + "".join(running.other_output)
    logged += (tmp_path / "data" / "logs" / "pywats-trio.jsonl").read_text()
    assert NEW_TOKEN not in logged

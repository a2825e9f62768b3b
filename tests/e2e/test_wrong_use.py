"""Starts that are refused: the exit code, and one sentence that names the cure."""

from __future__ import annotations

import contextlib
import socket
from typing import TYPE_CHECKING

from pywats_trio.queue.database import connect
from pywats_trio.queue.migrate import LAYOUT
from tests.e2e.calling import NOWHERE, call, refused
from tests.e2e.harness import daemon, write_config

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_bad_key_is_20(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE, queue={"max_itmes": 5})
    refused(await call(config, "run"), 20, f"{config}:", "did you mean 'max_items'?")


async def test_a_bad_value_is_20(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE, retry={"max_attempts": 0})
    refused(await call(config, "run"), 20, "retry.max_attempts: 0 is too small; use 1 to 1000")


async def test_overlapping_patterns_are_20(tmp_path: Path) -> None:
    second = f'[[converters]]\nname = "b"\ntype = "wats-json"\nwatch = "{tmp_path}/drop"\n'
    config = write_config(tmp_path, NOWHERE, text=second)
    refused(await call(config, "run"), 20, "'b'", "give them different folders or patterns")


async def test_an_occupied_port_is_30(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = write_config(tmp_path, NOWHERE, health={"port": other.getsockname()[1]})
        refused(await call(config, "run"), 30, str(other.getsockname()[1]), "port")
    assert not (tmp_path / "ipc.sock").exists()


async def test_an_occupied_instance_is_30(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config) as running:
        done = await call(config, "run")
        refused(done, 30, "already running here", str(running.process.pid), "stop it first")
        assert (await call(config, "status")).returncode == 0


async def test_an_occupied_socket_is_30(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    async with daemon(config):
        text = config.read_text().replace(f"{tmp_path}/data", f"{tmp_path}/other")
        other = tmp_path / "other.toml"
        other.write_text(text)
        refused(await call(other, "run"), 30, "another service answers there", "ipc.socket")


async def test_a_newer_store_is_30_and_left_alone(tmp_path: Path) -> None:
    config = write_config(tmp_path, NOWHERE)
    database = tmp_path / "data" / "queue.db"
    database.parent.mkdir()
    with contextlib.closing(connect(database)) as connection:
        connection.pragma("user_version", LAYOUT + 1)
    before = database.read_bytes()
    done = await call(config, "run")
    refused(done, 30, "newer pywats-trio", f"layout {LAYOUT + 1}", "install that version again")
    assert database.read_bytes() == before

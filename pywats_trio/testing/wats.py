"""A service on a folder of its own, delivering to a development server in the same process."""

from __future__ import annotations

import os
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pywats_trio.config.options import (
    Config,
    ConverterOptions,
    HealthOptions,
    IpcOptions,
    RetryOptions,
    ServerOptions,
    WorkerOptions,
)
from pywats_trio.devserver import open_devserver
from pywats_trio.service.embed import open_service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.devserver import DevServer
    from pywats_trio.service.service import Service

TOKEN: Final = "dGVzdDp0ZXN0"  # noqa: S105 - the development server takes any
LONGEST_SOCKET: Final = 100
"""Bytes of the path of a Unix socket; the systems allow 104 or 108."""


@frozen
class Wats:
    """A running service and the server that it delivers to."""

    service: Service
    server: DevServer
    """Ask it what arrived (`received`, `totals`, `wait_until`), and make it fail (`faults`)."""

    @property
    def watch(self) -> Path:
        """The first watch folder."""
        return self.service.config.converters[0].watch

    def drop(self, name: str, content: bytes) -> Path:
        """Move a complete file into the first watch folder; its path there."""
        part = self.service.config.data_dir / f"{secrets.token_hex(8)}.part"
        part.write_bytes(content)
        return part.rename(self.watch / name)


def default_config(folder: Path) -> Config:
    """A quick service below `folder`: one `wats-json` folder `drop`, one worker, short waits.

    Every port is free choice, so any number of them can run at a time. There is no local control
    where `folder` is too long a path for a socket. Change it with `attrs.evolve`.
    """
    socket = folder / "control.sock"
    return Config(
        data_dir=folder / "data",
        server=ServerOptions(token=TOKEN, requests_per_minute=0),
        retry=RetryOptions(base_seconds=0.01, max_seconds=0.1),
        workers=WorkerOptions(max=1),
        converters=(
            ConverterOptions(
                name="drop", type="wats-json", watch=folder / "drop", settle_seconds=0.02
            ),
        ),
        health=HealthOptions(port=0),
        ipc=IpcOptions(enabled=len(os.fsencode(socket)) <= LONGEST_SOCKET, socket=socket),
    )


@asynccontextmanager
async def open_test_service(folder: Path, config: Config | None = None) -> AsyncIterator[Wats]:
    """A development server and a service that delivers to it, for the length of the block.

    `config` is `default_config(folder)` unless given; its server's address is replaced, its watch
    folders are made. Leaving the block drains; see `open_service` for the rest.

    Raises:
        as `open_service`.
    """
    given = default_config(folder) if config is None else config
    for path in (given.data_dir, *(options.watch for options in given.converters)):
        path.mkdir(parents=True, exist_ok=True)
    async with open_devserver() as server:
        here = evolve(given, server=evolve(given.server, url=server.url))
        async with open_service(here) as service:
            yield Wats(service, server)

"""A service in the test's own process, and what it tells over HTTP meanwhile."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

import apsw
import httpx
import trio
from attrs import define, evolve

from pywats_trio.service.service import Service
from tests.e2e.site import PATIENCE, Site, make_site, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from pywats_trio.config.options import Config, ConverterOptions

NOWHERE = "http://127.0.0.1:9"
"""Where no server is."""
GATED = """
import os
from pathlib import Path

from pywats_trio.converters import Argument, Converter, Report

REPORT = {
    "type": "T", "pn": "P", "rev": "A", "processCode": 10, "result": "P",
    "start": "2026-03-02T08:15:30.250+01:00",
    "root": {"status": "P", "stepType": "SequenceCall", "name": "Main"},
}


class Gated(Converter):
    id = "gated"
    patterns = ("*.txt",)
    arguments = {"gate": Argument(str, default="", help="a pipe that is read first")}

    def convert(self, source, context):
        said = source.read_text()
        if said == "wait":
            Path(context.arguments["gate"]).read_bytes()
        if said == "die":
            os.kill(os.getpid(), 9)
        if said == "raise":
            raise RuntimeError("as it was told")
        yield Report({**REPORT, "sn": source.name})
"""
"""A converter that does what the file says."""


@define
class Probed:
    """A service and a client of its probes."""

    site: Site
    service: Service
    client: httpx.AsyncClient

    async def get(self, path: str) -> tuple[int, dict[str, Any]]:
        """Status and body of an answer in JSON."""
        response = await self.client.get(path)
        return response.status_code, response.json()

    async def codes(self) -> tuple[int, int, int]:
        """Of `/health`, `/health/startup` and `/ready`."""
        health, startup, ready = [
            (await self.get(path))[0] for path in ("/health", "/health/startup", "/ready")
        ]
        return health, startup, ready

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until it is true; looked at whenever the state or a condition changes."""
        with trio.fail_after(PATIENCE):
            while True:
                ticket = self.service.lifecycle.changes.ticket()
                if condition():
                    return
                await ticket.wait()


@contextlib.asynccontextmanager
async def probed(site: Site, service: Service) -> AsyncIterator[Probed]:
    """A client of a service whose probes answer already."""
    async with httpx.AsyncClient(base_url=service.board.health_url, timeout=PATIENCE) as client:
        yield Probed(site, service, client)


@contextlib.asynccontextmanager
async def running(site: Site) -> AsyncIterator[Probed]:
    """The service for the length of the block; drained at its end."""
    with recorded(site):
        async with site.running() as service, probed(site, service) as it:
            yield it


@contextlib.asynccontextmanager
async def begun(site: Site) -> AsyncIterator[Probed]:
    """A service that has been started and need not be up, nor ever be; cancelled at the end."""
    with recorded(site):
        service = Service(site.config)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(service.run)
            with trio.fail_after(PATIENCE):
                while not service.board.health_url:
                    await service.lifecycle.changes.ticket().wait()
            async with probed(site, service) as it:
                yield it
            nursery.cancel_scope.cancel()


def site_with(base: Path, url: str, **tables: dict[str, Any]) -> Site:
    """As `make_site`, with any options of any table of the configuration."""
    site = make_site(base, url)
    changed: dict[str, Any] = {
        name: evolve(getattr(site.config, name), **options) for name, options in tables.items()
    }
    site.config = evolve(site.config, **changed)
    return site


def quiet_site(base: Path, **tables: dict[str, Any]) -> Site:
    """A site whose server is away and is asked once: nothing happens by itself."""
    seldom = {"base_seconds": 600.0, "max_seconds": 600.0}
    return site_with(base, NOWHERE, retry=seldom, **tables)


def gated_site(base: Path, url: str, **tables: dict[str, Any]) -> Site:
    """A site whose files say what their conversion does; `wait` waits for `held_at_gate`.

    The workers are not shut in, for the gate is a file of the test's.
    """
    (base / "gated.py").write_text(GATED)
    os.mkfifo(base / "gate")
    workers = {"sandbox": "basic", **tables.pop("workers", {})}
    site = site_with(base, url, workers=workers, **tables)
    [line] = site.config.converters
    gated: ConverterOptions = evolve(
        line,
        type=f"{base / 'gated.py'}:Gated",
        patterns=("*.txt",),
        arguments={"gate": str(base / "gate")},
    )
    config: Config = evolve(site.config, converters=(gated,))
    site.config = config
    return site


@contextlib.asynccontextmanager
async def held_at_gate(base: Path) -> AsyncIterator[None]:
    """The block begins when a conversion waits at the gate; at its end the conversion goes on."""
    # Opening a pipe for writing waits for its reader, and its reader for whoever closes it.
    gate = await trio.to_thread.run_sync(os.open, base / "gate", os.O_WRONLY)
    try:
        yield
    finally:
        os.close(gate)


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """While the block lasts, somebody else has the queue's database locked for writing."""
    with contextlib.closing(apsw.Connection(str(data_dir / "queue.db"))) as other:
        other.set_busy_timeout(5000)  # a commit may be under way, in the queue's own thread
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")

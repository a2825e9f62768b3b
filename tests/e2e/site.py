"""A service in the test's own process: the real parts on a temporary folder, quickly started."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any, NoReturn

import structlog
import trio
from attrs import Factory, define

from benchmarks import data
from pywats_trio.bell import Bell
from pywats_trio.config.options import (
    Config,
    ConverterOptions,
    HealthOptions,
    IpcOptions,
    RetryOptions,
    ServerOptions,
    WorkerOptions,
)
from pywats_trio.queue.database import open_reader
from pywats_trio.service.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping
    from pathlib import Path

PATIENCE = 30.0
"""Seconds until a test gives up on an event; no test waits this long when all is well."""
TOKEN = "dGVzdDp0ZXN0"
SIZE = 1200
"""Bytes of a generated report."""

Record = dict[str, Any]


@define
class Site:
    """One watch folder with a service that may run on it, several times in a row."""

    base: Path
    config: Config
    log: list[Record] = Factory(list)
    """Records of the service, as they come."""
    bell: Bell = Factory(Bell)
    """Rung at each record."""

    @property
    def watch(self) -> Path:
        """The (first) watch folder."""
        return self.config.converters[0].watch

    # Files in

    def drop(self, name: str, content: bytes) -> Path:
        """A complete file, moved into the watch folder."""
        return move_in(content, self.watch / name, self.base / "incoming")

    def drop_reports(self, run: str, *numbers: int) -> list[str]:
        """Generated reports; their ids."""
        for number in numbers:
            self.drop(f"{run}-{number:04d}.json", data.report(run, number, SIZE))
        return [data.report_id(run, number) for number in numbers]

    # What the service says

    def events(self, event: str, **fields: object) -> list[Record]:
        """The log records of one kind so far."""
        return [
            record
            for record in self.log
            if record["event"] == event and fields.items() <= record.items()
        ]

    async def until(self, condition: Callable[[], bool]) -> None:
        """Until `condition` holds; looked at whenever something was logged."""
        with trio.move_on_after(PATIENCE):
            while not condition():
                await self.bell.ticket().wait()  # nothing can ring between the look and this
        if not condition():
            tail = "\n".join(json.dumps(record, default=str) for record in self.log[-20:])
            raise AssertionError(f"waited {PATIENCE:.0f} s; the log ends with\n{tail}")

    async def until_event(self, event: str, *, times: int = 1, **fields: object) -> list[Record]:
        """Until `event` was logged so often."""
        await self.until(lambda: len(self.events(event, **fields)) >= times)
        return self.events(event, **fields)

    async def until_delivered(self, count: int) -> None:
        """Until so many reports were delivered since the test began."""
        await self.until_event("report delivered", times=count)

    # The service

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Service]:
        """The service for the length of the block; drained at its end."""
        service = Service(self.config)
        async with trio.open_nursery() as nursery:
            await nursery.start(service.run)
            yield service
            service.stop()
            nursery.cancel_scope.deadline = trio.current_time() + PATIENCE
        assert not nursery.cancel_scope.cancelled_caught, "the service did not stop"

    # What the queue says

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """A question to the queue's database."""
        return database_rows(self.config.data_dir, sql, *values)

    def reports(self) -> list[tuple[Any, ...]]:
        """`(state, reason, attempts)` of every report, oldest first."""
        return self.rows(
            "SELECT state, reason, attempts FROM items WHERE kind = 'report' ORDER BY id"
        )

    def suspensions(self) -> set[tuple[Any, ...]]:
        """`(reason, attempts)` of each suspension of a report."""
        return set(
            self.rows(
                "SELECT h.reason, h.attempts FROM history AS h JOIN items AS i ON i.id = h.item_id"
                " WHERE h.event = 'suspended' AND i.kind = 'report'"
            )
        )


def move_in(content: bytes, target: Path, by_way_of: Path) -> Path:
    """Make the file somewhere else and move it to `target`."""
    by_way_of.mkdir(exist_ok=True)
    outside = by_way_of / "file"
    outside.write_bytes(content)
    return outside.rename(target)


def database_rows(data_dir: Path, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """A question to the queue of a service, which may be running.

    By the same SQLite library as the service's: closing a file in one copy of it would drop the
    locks of the other copy in this process.
    """
    with contextlib.closing(open_reader(data_dir / "queue.db")) as connection:
        return connection.execute(sql, values).fetchall()


def make_site(
    base: Path,
    url: str,
    *,
    server: Mapping[str, Any] | None = None,
    retry: Mapping[str, Any] | None = None,
    workers: Mapping[str, Any] | None = None,
    **converter: Any,
) -> Site:
    """A `wats-json` folder below `base`; the mappings and `converter` override options."""
    options: dict[str, Any] = {
        "name": "line-1",
        "type": "wats-json",
        "watch": base / "drop",
        "settle_seconds": 0.01,
        **converter,
    }
    os.makedirs(options["watch"], exist_ok=True)  # noqa: PTH103
    config = Config(
        data_dir=base / "data",
        server=ServerOptions(
            **{"url": url, "token": TOKEN, "requests_per_minute": 0, **(server or {})}
        ),
        retry=RetryOptions(**{"base_seconds": 0.01, "max_seconds": 0.05, **(retry or {})}),
        workers=WorkerOptions(**{"max": 1, **(workers or {})}),
        converters=(ConverterOptions(**options),),
        health=HealthOptions(port=0),
        ipc=IpcOptions(socket=base / "ipc.sock"),
    )
    return Site(base, config)


@contextlib.contextmanager
def recorded(site: Site) -> Iterator[Site]:
    """While the block lasts, what is logged goes to `site`."""

    loop = trio.lowlevel.current_trio_token()

    def take(_logger: object, level: str, event: structlog.typing.EventDict) -> NoReturn:
        site.log.append({**event, "level": level})
        if trio.lowlevel.in_trio_run():
            site.bell.ring()
        else:  # in a thread, such as one that opens the queue
            with contextlib.suppress(trio.RunFinishedError):
                loop.run_sync_soon(site.bell.ring)
        raise structlog.DropEvent

    structlog.configure(processors=[take], logger_factory=structlog.ReturnLoggerFactory())
    try:
        yield site
    finally:
        structlog.reset_defaults()

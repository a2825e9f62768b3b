"""A pump between the real queue and a loopback server."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import apsw
import trio
import trio.testing
from attrs import frozen

from pywats_trio.config.options import RetryOptions, ServerOptions
from pywats_trio.deliver.pump import Pump
from pywats_trio.model import Envelope, Item, Kind, State
from pywats_trio.queue.store import Topic
from tests.deliver.loopback import (
    Loopback,
    Seen,
    serving,
    wats,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, MutableMapping
    from pathlib import Path

    from pywats_trio.bell import Ticket
    from pywats_trio.queue.desk import SqliteDesk
    from pywats_trio.queue.sqlite_store import SqliteStore

FAST = RetryOptions(base_seconds=0.01, max_seconds=0.05, max_attempts=3)
PATIENCE = 10.0


def report_id(number: int) -> str:
    return f"0b9f6c1e-0000-4000-8000-{number:012d}"


def report(number: int, *, max_attempts: int = 3, size: int = 0) -> Envelope:
    return Envelope(
        Kind.REPORT,
        "ict",
        "/drop/file.json",
        payload=b'{"id":"%s" %s}' % (report_id(number).encode(), b" " * size),
        report_id=report_id(number),
        serial_number=f"SN-{number}",
        max_attempts=max_attempts,
        correlation_id=f"drop-{number}",
    )


@frozen
class Queue:
    store: SqliteStore
    desk: SqliteDesk
    file: Path

    async def put(self, *envelopes: Envelope) -> None:
        await self.store.put(envelopes)

    def count(self, *states: State) -> int:
        return self.store.counts().of(Kind.REPORT, *states)

    async def reports(self) -> dict[int, Item]:
        """By the number of their id."""
        items = await self.desk.items(limit=1000)
        return {int(item.report_id[-12:]): item for item in items if item.report_id}

    def history(self, event: str) -> int:
        connection = apsw.Connection(str(self.file))
        try:
            found = connection.execute("SELECT count(*) FROM history WHERE event = ?", (event,))
            return int(found.get)
        finally:
            connection.close()


def make(queue: Queue, server: Loopback | None, retry: RetryOptions = FAST, **options: Any) -> Pump:
    defaults = {"token": "dG9rZW4=", "timeout_seconds": 5.0, "requests_per_minute": 0}
    url = f"http://127.0.0.1:{server.port}" if server else ""
    return Pump(
        queue.store,
        ServerOptions(**{"url": url, **defaults, **options}),
        retry,
        owner="deliver",
        random=random.Random(1),
    )


@contextlib.asynccontextmanager
async def running(pump: Pump) -> AsyncIterator[Pump]:
    async with trio.open_nursery() as nursery:
        await nursery.start(pump.run)
        yield pump
        pump.drain()


async def until(
    queue: Queue, condition: Callable[[], bool], server: Loopback | None = None
) -> None:
    """Wait for the bells of the store, and of the server, until `condition` is true."""
    bells = [queue.store.bell(topic) for topic in (Topic.REPORT, Topic.ROOM)]
    if server is not None:
        bells.append(server.bell)

    async def first(ticket: Ticket, stop: trio.CancelScope) -> None:
        await ticket.wait()
        stop.cancel()

    with trio.fail_after(PATIENCE):
        while True:
            tickets = [bell.ticket() for bell in bells]
            if condition():
                return
            async with trio.open_nursery() as nursery:
                for ticket in tickets:
                    nursery.start_soon(first, ticket, nursery.cancel_scope)


async def deliver(
    queue: Queue, answer: Callable[[Seen], Any], *envelopes: Envelope, **options: Any
) -> Loopback:
    """Run a pump until every report is finished."""
    await queue.put(*envelopes)
    async with serving(answer) as server, running(make(queue, server, **options)):
        finished = (State.COMPLETED, State.FAILED, State.QUARANTINED)
        await until(queue, lambda: queue.count(*finished) == len(envelopes))
    return server


def first_posts(times: int, reply: Any) -> Callable[[Seen], Any]:
    """A server that misbehaves at its first POSTs and is right ever after."""
    left = [times]

    def answer(seen: Seen) -> Any:
        if seen.method == "POST" and left[0] > 0:
            left[0] -= 1
            return reply
        return wats(seen)

    return answer


def events(logs: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    return [entry for entry in logs if entry["event"] == event]

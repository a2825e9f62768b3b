"""The development server as a part: port, database, application."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio

from pywats_trio.devserver.answers import CutShort
from pywats_trio.devserver.app import make_app
from pywats_trio.devserver.db import MEMORY, Record, Reports, Totals
from pywats_trio.devserver.faults import Fault, Faults
from pywats_trio.devserver.journal import Journal
from pywats_trio.health.serve import address_of, bind, serve
from pywats_trio.nursery import open_plain_nursery

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncIterator, Callable

KEEP_ALIVE_SECONDS = 120.0
"""What IIS does: short enough to be met, too long to race with a busy client."""


class DevServer:
    """A WATS-compatible sink. `faults`, `journal` and the questions below serve tests in-process.

    `db` is a file to keep the reports in; by default they live in memory. `token`, if given, is
    the only one that is let in.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        db: str = MEMORY,
        token: str = "",
        faults: tuple[Fault, ...] = (),
    ) -> None:
        self.faults = Faults(*faults)
        self.journal = Journal()
        self._reports = Reports(db)
        self._host, self._port = host, port
        self._sock: socket.socket | None = None
        self._app = make_app(self._reports, self.faults, self.journal, token)
        self.url = ""
        """`http://127.0.0.1:8080`, known once it is open."""

    async def open(self) -> None:
        """Take the port, then the database; `StartError` says what is in the way."""
        self._sock = bind(self._host, self._port)
        self.url = f"http://{address_of(self._sock)}"
        try:
            await self._reports.open()
        except BaseException:
            self._sock.close()
            raise

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled, which takes effect at once whatever clients do."""
        if self._sock is None:
            await self.open()
        assert self._sock is not None  # noqa: S101 - open() has set it
        try:
            task_status.started()
            await serve(self._asgi, self._sock, keep_alive_seconds=KEEP_ALIVE_SECONDS)
        finally:
            self._sock = None
            with trio.move_on_after(2, shield=True):
                await self._reports.close()

    async def _asgi(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401 - as ASGI has it
        try:
            await self._app(scope, receive, send)
        except* CutShort:
            pass  # hypercorn closes a connection whose answer is shorter than announced

    async def received(self) -> list[Record]:
        """All reports in the order of their first arrival."""
        return await self._reports.arrivals(limit=2**31)

    async def body(self, report_id: str) -> bytes | None:
        """The bytes of the last sending of the report with this id."""
        return await self._reports.body(report_id.lower())

    async def totals(self) -> Totals:
        """Counts of reports, sends and repeats."""
        return await self._reports.totals()

    async def wait_until(self, reached: Callable[[DevServer], bool]) -> None:
        """Until `reached(self)` is true; it is asked whenever a submit arrives or is answered."""
        await self.journal.wait_until(lambda: reached(self))


@asynccontextmanager
async def open_devserver(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    db: str = MEMORY,
    token: str = "",
    faults: tuple[Fault, ...] = (),
) -> AsyncIterator[DevServer]:
    """A running server for the length of the block.

    Raises:
        StartError: the address is taken, or the database cannot be opened. It and an error of the
            block come out in no group.
    """
    server = DevServer(host=host, port=port, db=db, token=token, faults=faults)
    await server.open()
    async with open_plain_nursery() as nursery:
        await nursery.start(server.run)
        try:
            yield server
        finally:
            nursery.cancel_scope.cancel()

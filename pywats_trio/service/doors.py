"""The doors of a service, open before anything else and closed last: probes and local control.

Bound before the service does anything: a port that is taken is told before a file is touched.
"""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import TYPE_CHECKING, Final

import structlog
import trio

from pywats_trio.commands.table import Unbounded
from pywats_trio.health.app import make_app
from pywats_trio.health.serve import address_of, bind, serve
from pywats_trio.ipc import bind as ipc_socket
from pywats_trio.ipc.server import IpcServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Iterator

    from pywats_trio.config.options import Config
    from pywats_trio.control import Control
    from pywats_trio.health.reading import Reading
    from pywats_trio.observe.board import Board
    from pywats_trio.observe.gauges import Gauges
    from pywats_trio.service.drain import Grace
    from pywats_trio.service.supervise import Kept, Supervisor

log = structlog.get_logger("pywats_trio.service")

ADDRESS_FILE: Final = "health.addr"
KEEP_ALIVE_SECONDS: Final = 75.0
"""An idle scraper's connection is kept for so long: scrapes come every 15 to 60 seconds."""
LAST_ANSWER_SECONDS: Final = 0.05
"""For answers of the probes that are under way at the very end; then whoever never reads is cut."""


class Doors:
    """The two parts that outlive all others."""

    def __init__(
        self,
        config: Callable[[], Config],
        board: Board,
        *,
        gauges: Gauges,
        control: Control,
        reading: Reading,
        health: socket.socket,
        ipc: ipc_socket.Bound | None,
    ) -> None:
        """`config` gives the one in effect; the sockets stay the caller's."""
        options = config()
        self._config = config
        self._health = health
        self._stop = trio.Event()
        self._open: list[Kept] = []
        self._app = make_app(board, gauges, lambda: config().health, reading)
        self._max_connections = options.health.max_connections
        self._ipc = (
            IpcServer(options.ipc, ipc.sock, control, board, unbounded=Unbounded()) if ipc else None
        )

    async def open(self, nursery: trio.Nursery, supervisor: Supervisor) -> None:
        """Answer, from now on."""
        self._open.append(await supervisor.start(nursery, "health", self._serve))
        if self._ipc is not None:
            self._open.append(await supervisor.start(nursery, "ipc", self._ipc.run))

    async def _serve(self, *, task_status: trio.TaskStatus[None]) -> None:
        # A copy each time: what a crashed part leaves closed is only its copy.
        await serve(
            self._app,
            self._health.dup(),
            max_connections=self._max_connections,
            keep_alive_seconds=KEEP_ALIVE_SECONDS,
            grace_seconds=LAST_ANSWER_SECONDS,
            stop=self._stop,
            task_status=_Plain(task_status),
        )

    async def close(self, grace: Grace | None) -> None:
        """Local control answers what it has been asked; then the probes end, too.

        No client can hold it up beyond `grace.goodbye_until()`.
        """
        if self._ipc is not None:
            self._ipc.goodbye()
            with trio.move_on_at(grace.goodbye_until() if grace else trio.current_time()):
                await self._open[-1].ended.wait()
            await self._open.pop().end()
        self._stop.set()
        for probes in self._open:
            await probes.ended.wait()


class _Plain:
    """`serve` reports its address, a part reports nothing."""

    def __init__(self, task_status: trio.TaskStatus[None]) -> None:
        self._task_status = task_status

    def started(self, _address: str = "") -> None:
        self._task_status.started()


@contextlib.contextmanager
def bound(config: Config, board: Board) -> Iterator[tuple[socket.socket, ipc_socket.Bound | None]]:
    """The sockets of both doors; closed and their traces removed when the block is left.

    Raises:
        StartError: a port or a path is taken, or cannot be had.
    """
    with contextlib.ExitStack() as stack:
        health = stack.enter_context(
            contextlib.closing(bind(config.health.host, config.health.port))
        )
        ipc = None
        if config.ipc.enabled:
            ipc = stack.enter_context(contextlib.closing(ipc_socket.bind(config.socket)))
            board.socket = os.fspath(config.socket)
        board.health_url = f"http://{address_of(health)}"
        file = config.data_dir / ADDRESS_FILE
        file.write_text(f"{board.health_url}\n")
        stack.callback(partial(file.unlink, missing_ok=True))
        yield health, ipc

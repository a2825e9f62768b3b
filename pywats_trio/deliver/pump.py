"""The delivery part: claim a report, send it, say what became of it, wait out an outage."""

from __future__ import annotations

import hashlib
import math
import time
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import frozen

from pywats_trio import faultpoint
from pywats_trio.bell import Bell
from pywats_trio.deliver.accounts import Accounts
from pywats_trio.deliver.breaker import Breaker, Circuit, Outage
from pywats_trio.deliver.classes import Class
from pywats_trio.deliver.pace import Pace
from pywats_trio.deliver.transport import parse_address
from pywats_trio.deliver.verdict import blamed
from pywats_trio.deliver.wats import WatsServer
from pywats_trio.model import (
    Claim,
    Delivered,
    Failed,
    Item,
    Kind,
    Outcome,
    Problem,
    Quarantined,
    Reason,
    Released,
    Wait,
)
from pywats_trio.observe.board import Board, Cause
from pywats_trio.queue.ahead import Ahead
from pywats_trio.queue.retry import after_failure
from pywats_trio.queue.stage import Gate, Stage
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from pywats_trio.config.options import RetryOptions, ServerOptions
    from pywats_trio.deliver.verdict import Verdict
    from pywats_trio.queue.store import Store

log = structlog.get_logger("pywats_trio.deliver")

HASHED_IN_PLACE: Final = 256 * 1024
"""Bytes; a larger payload is hashed in a thread (0.5 ms in the event loop at most)."""
CLOSE_SECONDS: Final = 1.0

_DAMAGED: Final = Problem(
    "damaged",
    "the stored report is not the one that was put in: its checksum differs",
    "drop the source file again; look at the disk that holds data_dir",
)
_IN_DOUBT: Final = Problem("server", "the server failed on another report; one at a time is sent")


@frozen
class Status:
    """What is true of delivery now, for status pages."""

    circuit: Circuit | None
    """None: no server is configured."""
    outage: Outage | None
    next_try_in: float
    """Seconds until the server is asked again; 0 where nothing waits for that."""
    paced: bool
    """Whether `server.requests_per_minute` is what slows a backlog."""
    in_hand: int
    server_version: str
    """As the server said when it was last asked; empty before."""


class _Shut:
    """The gate where no server is configured."""

    def width(self) -> int:
        """Nothing may be claimed."""
        return 0

    def reopens_in(self) -> float:
        """Never."""
        return math.inf


class _Open:
    """The breaker, and while all is well and quick a few claims ahead of the connections."""

    def __init__(self, breaker: Breaker, pace: Pace, connections: int) -> None:
        self._breaker = breaker
        self._pace = pace
        self._connections = connections
        self.ahead = Ahead(connections)

    def width(self) -> int:
        """What the breaker allows; more only if nothing but a commit would hold it up."""
        width = self._breaker.width()
        if width < self._connections:
            return width
        return width + min(self.ahead.claims(), self._pace.room(trio.current_time()))

    def reopens_in(self) -> float:
        """As the breaker says."""
        return self._breaker.reopens_in()


class Pump:
    """Delivers what is stored to the one server of `server.url`.

    Without an address it claims nothing and waits: files are converted, their reports kept.
    """

    def __init__(
        self,
        store: Store,
        server: ServerOptions,
        retry: RetryOptions,
        *,
        owner: str,
        random: Random,
        wall: Callable[[], float] = time.time,
        board: Board | None = None,
    ) -> None:
        """`random` gives the jitter, `wall` the time of day in seconds since the epoch.

        `board` is told of outages; default: nobody is.

        Raises:
            ConfigError: `server.url` is no address.
        """
        self._store = store
        self._retry = retry
        self._random = random
        self._wall = wall
        self._board = board or Board()
        self._address = parse_address(server.url) if server.url else None
        self._server = WatsServer(server, self._address, wall=wall) if self._address else None
        self._breaker = Breaker(
            retry,
            server.max_connections,
            now=trio.current_time,
            wall=wall,
            random=random,
            changed=self._on_change,
        )
        self._pace = Pace(server.requests_per_minute)
        self._changes = Bell()
        self._accounts = Accounts(store, self._breaker, self._changes, retry, random)
        self._announced: Outage | None = None
        self._version = ""
        self._asked = False
        self.on_board = True
        """Whether the board is told of the server: not by a former pump, nor by one to come."""
        self._connections = trio.Semaphore(server.max_connections)
        self._open = _Open(self._breaker, self._pace, server.max_connections)
        self._gate: Gate = self._open if self._server else _Shut()
        self._stage = Stage(store, Kind.REPORT, owner=owner, gate=self._gate, work=self._deliver)

    @property
    def in_hand(self) -> int:
        """How many reports are being delivered, or wait for their outcome's commit."""
        return self._stage.in_hand

    @property
    def address(self) -> str:
        """Where reports go; empty where no server is configured."""
        return self._address.origin if self._address else ""

    def show(self) -> None:
        """Put on the board what is true of the server, from now on."""
        self.on_board = True
        self._board.server_asked = self._asked
        self._show(self._announced)

    def pause(self) -> None:
        """Claim no more until `resume`."""
        self._stage.pause()

    def resume(self) -> None:
        """Claim again."""
        self._stage.resume()

    def drain(self) -> None:
        """Claim no more and send nothing that has not begun; `run` ends when the rest is done."""
        self._stage.drain()
        self._pace.close()

    def status(self) -> Status:
        """What is true now; from memory."""
        return Status(
            circuit=self._breaker.state if self._server else None,
            outage=self._breaker.outage,
            next_try_in=self._breaker.next_try_in() if self._server else 0.0,
            paced=self._pace.limiting,
            in_hand=self._stage.in_hand,
            server_version=self._version,
        )

    def width(self) -> int:
        """How many reports may be in hand now."""
        return self._gate.width()

    def probe_now(self) -> None:
        """Ask the server at once: somebody says that what was wrong is mended."""
        self._breaker.probe_now()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Deliver until drained or cancelled."""
        if self._server is None:
            log.warning("no server is configured", hint="set server.url; reports wait until then")
            await self._stage.run(task_status=task_status)
            return
        try:
            async with trio.open_nursery() as helpers:
                helpers.start_soon(self._watch, self._server)
                helpers.start_soon(self._accounts.run)
                await self._stage.run(task_status=task_status)
                helpers.cancel_scope.cancel()
        finally:
            with trio.move_on_after(CLOSE_SECONDS, shield=True):
                await self._server.aclose()

    # One report

    async def _deliver(self, claim: Claim) -> Outcome:
        """The stage's work."""
        faultpoint.hit("deliver.claimed")
        payload = claim.payload or b""
        if await _digest(payload) != claim.item.sha256:
            return Quarantined(_DAMAGED)
        if not await self._pace.wait():
            return Released("stopped before it was sent")
        with self._open.ahead.work():
            async with self._connections:
                return await self._send(claim, payload)

    async def _send(self, claim: Claim, payload: bytes) -> Outcome:
        if not await self._admitted():
            return self._not_now()
        started = trio.current_time()
        trial = self._breaker.begin(claim)
        try:
            verdict = await self._submit(payload, claim.item.report_id)
            faultpoint.hit("deliver.answered")
            delay = self._breaker.record(trial, verdict)
        finally:
            self._breaker.end(trial)
            if self._breaker.state is not Circuit.CLOSED:
                self._changes.ring()  # the next probe may go
        self._count(claim.item, verdict, trio.current_time() - started)
        self._tell(claim.item, verdict, trio.current_time() - started)
        return self._outcome(claim.item, verdict, delay)

    async def _admitted(self) -> bool:
        """Wait while another report is the probe; False if there is an outage."""
        while not self._breaker.admits():
            ticket = self._changes.ticket()
            if self._breaker.state is Circuit.OPEN:
                return False
            await ticket.wait()
        return True

    async def _submit(self, payload: bytes, report_id: str) -> Verdict:
        # Without a server nothing is claimed.
        assert self._server is not None  # noqa: S101 - for the type checker
        return blamed(await self._server.submit(payload, report_id), payload)

    def _not_now(self) -> Wait:
        """The server became doubtful while the report waited for its turn."""
        outage = self._breaker.outage
        problem = outage.problem if outage else _IN_DOUBT
        return Wait(self._breaker.wait_now(), Reason.SERVER, problem)

    def _outcome(self, item: Item, verdict: Verdict, delay: float) -> Outcome:
        if verdict.kind is Class.DELIVERED:
            return Delivered(verdict.receipt)
        if verdict.row.suspends:
            return Wait(delay, Reason.SERVER, verdict.problem)
        if verdict.permanent:
            return Failed(verdict.problem)
        return after_failure(item, verdict.problem, self._retry, self._random)

    def _count(self, item: Item, verdict: Verdict, seconds: float) -> None:
        metrics, server = self._board.metrics, self.address
        metrics.delivery_seconds.labels(server).observe(seconds)
        metrics.delivery_attempts.labels(server, verdict.kind.value).inc()
        if verdict.kind is Class.DELIVERED:
            metrics.delivered.labels(item.converter).inc()
            waited = max(0.0, self._wall() - item.dropped_at)
            metrics.end_to_end.labels(item.converter).observe(waited)
        else:
            metrics.errors.labels("deliver", verdict.kind.value).inc()

    def _tell(self, item: Item, verdict: Verdict, seconds: float) -> None:
        """One line for each answer about a report; an outage has its own, once."""
        if verdict.row.suspends and (self._breaker.outage or not verdict.suspect):
            return
        facts = {
            "correlation_id": item.correlation_id,
            "item_id": item.id,
            "converter": item.converter,
            "report_id": item.report_id,
            "serial_number": item.serial_number,
            "status": verdict.status,
            "seconds": round(seconds, 4),
        }
        if verdict.kind is Class.DELIVERED:
            log.info("report delivered", **facts)
        elif verdict.row.suspends:
            log.warning(
                "report not taken, another one is tried", **facts, error=verdict.problem.message
            )
        else:
            log.warning("report refused", **facts, error=verdict.problem.message)

    # The server

    def _on_change(self) -> None:
        """The breaker changed: wake whoever asks it, and say so in the log."""
        self._changes.ring()
        self._store.bell(Topic.REPORT).ring()
        before, outage = self._announced, self._breaker.outage
        self._announced = outage
        self._show(outage)
        if outage is None and before is not None:
            seconds = round(self._wall() - before.since, 3)
            log.info("deliveries resumed", reason=before.kind, seconds=seconds)
        elif outage is not None and (before is None or before.kind is not outage.kind):
            tell = log.error if outage.kind is Class.AUTH else log.warning
            tell(
                "deliveries suspended",
                reason=outage.kind,
                error=outage.problem.message,
                hint=outage.problem.hint,
                server=self._address.origin if self._address else "",
                next_try_seconds=round(self._breaker.next_try_in(), 3),
            )

    def _show(self, outage: Outage | None) -> None:
        """Put the outage on the board, or take it off."""
        if not self.on_board:
            return
        cause = Cause.AUTH if outage and outage.kind is Class.AUTH else Cause.SERVER
        for other in {Cause.AUTH, Cause.SERVER} - ({cause} if outage else set()):
            self._board.end(other, self.address)
        if outage is not None:
            problem = outage.problem
            self._board.begin(cause, self.address, problem.message, problem.hint)

    async def _watch(self, server: WatsServer) -> None:
        """Send the version request whenever the breaker wants one."""
        while True:
            ticket = self._changes.ticket()
            delay = self._breaker.check_in()
            if delay > 0:
                await ticket.wait(delay)
                continue
            if self._announced and self._announced.kind is Class.AUTH:
                await server.renew_token()
            verdict = await server.ask_version()
            self._version = verdict.receipt or self._version
            self._asked = True
            if self.on_board:
                self._board.server_asked = True
            self._breaker.checked(verdict)


async def _digest(payload: bytes) -> str:
    if len(payload) > HASHED_IN_PLACE:
        return await trio.to_thread.run_sync(_sha256, payload)
    return _sha256(payload)


def _sha256(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()

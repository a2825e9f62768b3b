"""The worker processes: warm, few, and none of them trusted.

A job runs in the caller's task: it takes a slot, then a process of its converter's group (an idle
one, else a new one), asks, and gives both back. The pool's nursery holds one task a process, which
reads its output, notices its end and cleans up after it.
"""

from __future__ import annotations

import shutil
import signal
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import evolve, frozen

from pywats_trio import faultpoint
from pywats_trio.config.options import MIB, worker_count
from pywats_trio.convert.answer import Answer, Died, Ending, Unusable
from pywats_trio.convert.child import CLEAN_UP, Child, WorkerGone, WorkerStartError
from pywats_trio.convert.roster import Place, Roster, Standing
from pywats_trio.converters.registry import Origin
from pywats_trio.errors import FrameError, PywatsTrioError
from pywats_trio.observe.board import Board
from pywats_trio.worker import EXIT_BROKEN
from pywats_trio.worker.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pywats_trio.config.options import WorkerOptions
    from pywats_trio.convert.answer import Log, Progress
    from pywats_trio.converters.registry import Spec

log = structlog.get_logger("pywats_trio.convert")

ENDING_SECONDS: Final = 1.0
"""How long a process that closed its socket may take to end by itself."""
CUT_OFF: Final = "it closed its connection with the service"
SHARED: Final = "standard"
"""The group of the standard converters."""


class PoolStopped(PywatsTrioError):
    """The pool ended in the middle of a job; no file is to blame."""


@frozen
class PoolStatistics:
    """A snapshot. Always `started == alive + recycled` and `alive <= limit`."""

    limit: int
    alive: int
    """Processes that exist now, those that are about to end included."""
    busy: int
    idle: int
    started: int
    recycled: int
    """Processes that ended, for whatever reason."""
    killed: int
    """Of those: ended by us in the middle of something, or for what a job left behind."""
    died: int
    """Of those: ended by themselves or by the kernel in the middle of a job."""
    jobs: int
    """Jobs that were answered."""


class Pool:
    """At most `workers.max` worker processes over all converters, started when they are needed.

    `root` is a folder for scratch folders that belongs to this pool alone; it is emptied at start.
    `board`'s metrics count the processes that ended.
    """

    def __init__(self, options: WorkerOptions, root: Path, board: Board | None = None) -> None:
        self._options = options
        self._root = root
        self._size = worker_count(options)
        self._max_bytes = options.max_input_mb * MIB
        self._limits = None if options.sandbox == "off" else _limits(options)
        self._roster = Roster(self._size)
        self._running = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._started = self._ended = self._killed = self._died = self._jobs = 0
        self._restarts = (board or Board()).metrics.worker_restarts

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the processes until cancelled; then kill those that work and end the idle ones."""
        await trio.to_thread.run_sync(_make_empty, self._root)
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._running.set()
                task_status.started()
                await self._roster.dismiss_idle(self._options.idle_seconds)
        finally:
            self._close()
            with trio.move_on_after(CLEAN_UP, shield=True):
                await trio.to_thread.run_sync(_remove, self._root, abandon_on_cancel=True)

    def _close(self) -> None:
        """It ends: whoever wants a process from now on waits until it runs again."""
        if self._nursery is not None:
            self._nursery = None
            self._running = trio.Event()

    def pids(self) -> list[int]:
        """The processes that exist now."""
        return self._roster.pids()

    @property
    def size(self) -> int:
        """Most processes at once."""
        return self._size

    def statistics(self) -> PoolStatistics:
        """What the pool has and did."""
        return PoolStatistics(
            limit=self._size,
            alive=self._roster.count(),
            busy=self._roster.count(Standing.BUSY),
            idle=self._roster.count(Standing.IDLE),
            started=self._started,
            recycled=self._ended,
            killed=self._killed,
            died=self._died,
            jobs=self._jobs,
        )

    async def ask(
        self,
        spec: Spec,
        owner: str,
        request: bytes,
        descriptor: int | None = None,
        hear: Callable[[Log | Progress], None] = lambda _said: None,
    ) -> Ending | Died:
        """Run one job in a process of `spec`, which is shared or belongs to the converter `owner`.

        `descriptor` stays the caller's. What the converter logs goes to `hear` at once. The answer
        names the process. Waits while the pool does not run. Cancellation kills the process at
        once.

        Raises:
            WorkerStartError: no process could be started.
            PoolStopped: the pool ended meanwhile.
        """
        shared = spec.origin is Origin.STANDARD
        group = SHARED if shared else f"custom {owner}"
        child, place = await self._child(group, shared=shared)
        try:
            ending = await self._use(child, spec.type, request, descriptor, hear)
            return evolve(ending, worker=child.name)
        finally:
            self._give_back(child, place)

    async def _use(
        self,
        child: Child,
        key: str,
        request: bytes,
        descriptor: int | None,
        hear: Callable[[Log | Progress], None],
    ) -> Ending | Died:
        answer = Answer(self._max_bytes, hear)
        finished = False
        try:
            with trio.move_on_after(self._options.timeout_seconds):
                ending = await child.ask(request, descriptor, answer, key)
                finished = True
                self._jobs += 1
                return ending
            return await self._too_slow(child, key)
        except WorkerGone:
            finished = True
            return await self._lost(child, key)
        except FrameError as error:
            finished = True
            return await self._babbling(child, error)
        finally:
            if not finished:
                child.condemn("cancelled")

    async def _too_slow(self, child: Child, key: str) -> Died | Unusable:
        child.condemn("timeout")
        await child.gone.wait()
        how = f"it took longer than {self._options.timeout_seconds:g} s and was stopped"
        if key not in child.loaded:
            return Unusable(f"it cannot be imported: {how}", child.output)
        return Died("timeout", how, child.output)

    async def _babbling(self, child: Child, error: FrameError) -> Died:
        child.condemn("protocol")
        await child.gone.wait()
        return Died("protocol", f"the worker broke the protocol: {error}", child.output)

    async def _lost(self, child: Child, key: str) -> Died | Unusable:
        # A process that ends closes its socket a moment before it can be reaped.
        with trio.move_on_after(ENDING_SECONDS):
            await child.gone.wait()
        if not child.gone.is_set():
            child.condemn(CUT_OFF)
            await child.gone.wait()
        if child.abandoned:
            raise PoolStopped("the workers were stopped in the middle of a conversion")
        how = (
            CUT_OFF
            if child.condemned or child.process.returncode == EXIT_BROKEN
            else child.ending()
        )
        if not child.ready:
            raise WorkerStartError(f"a worker process ended at its start: {how}; {child.output}")
        if key not in child.loaded:
            return Unusable(f"it cannot be imported: its process ended, {how}", child.output)
        self._died += 1
        if child.process.returncode == -signal.SIGXCPU:
            return Died("cpu", how, child.output)
        return Died("worker-died", f"the worker process died: {how}", child.output)

    async def _child(self, group: str, *, shared: bool) -> tuple[Child, Place]:
        """A running process of `group`, an idle one or a new one."""
        while True:
            if self._nursery is None:
                await self._running.wait()
            place = await self._roster.take(group)
            if place.child is None:
                return await self._start(place, shared=shared), place
            if place.child.running:
                return place.child, place
            place.child.dismiss()  # It died while it was idle; its task is about to notice.

    async def _start(self, place: Place, *, shared: bool) -> Child:
        nursery = self._nursery
        if nursery is None:
            self._roster.leave(place)
            raise PoolStopped("the workers are being stopped")
        try:
            child: Child = await nursery.start(self._tend, place, shared)
        except BaseException:
            if place.child is None:
                self._roster.leave(place)
            raise
        return child

    async def _tend(
        self,
        place: Place,
        shared: bool,
        *,
        task_status: trio.TaskStatus[Child],
    ) -> None:
        """Start a process and stay with it to its end."""
        child = await Child.start(
            place.group,
            shared=shared,
            limits=self._limits,
            max_body=self._max_bytes,
            root=self._root,
        )
        place.child = child
        self._started += 1
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child.read_output)
                nursery.start_soon(_dismiss_at_end, child)
                task_status.started(child)
                faultpoint.hit("pool.started")
                await child.dismissal.wait()
                nursery.cancel_scope.cancel()
        except Exception:
            self._close()  # the pool ends by it
            raise
        finally:
            await self._bury(child, place)

    async def _bury(self, child: Child, place: Place) -> None:
        if self._nursery is not None and self._nursery.cancel_scope.cancel_called:
            self._close()
        polite = place.standing is not Standing.BUSY
        self._restarts.labels(_why_ended(child)).inc()
        place.standing = Standing.ENDING
        try:
            with trio.move_on_after(CLEAN_UP, shield=True):
                await child.end(polite=polite)
        finally:
            self._ended += 1
            self._killed += bool(child.condemned)
            self._roster.leave(place)
            with trio.move_on_after(CLEAN_UP, shield=True):
                await child.clear()

    def _give_back(self, child: Child, place: Place) -> None:
        if child.doubt:
            log.warning("worker replaced", group=child.group, why=child.doubt)
            child.condemn(child.doubt)
        if child.condemned or child.dismissal.is_set():
            place.standing = Standing.ENDING
        elif child.jobs >= self._options.recycle_after_jobs:
            place.standing = Standing.ENDING
            child.dismiss()
        else:
            self._roster.rest(place)


def _why_ended(child: Child) -> str:
    """A constant word for the metric."""
    if child.condemned:
        known = {"timeout", "protocol", "cancelled"}
        return child.condemned if child.condemned in known else "doubt"
    return "recycled" if child.dismissal.is_set() and child.running else "died"


async def _dismiss_at_end(child: Child) -> None:
    await child.process.wait()
    child.dismiss()


def _limits(options: WorkerOptions) -> Limits:
    return Limits(memory_bytes=options.memory_mb * MIB, cpu_seconds=options.cpu_seconds)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


def _make_empty(folder: Path) -> None:
    _remove(folder)
    folder.mkdir(parents=True, exist_ok=True)

"""The worker processes: warm, few, and none of them trusted.

A job runs in the caller's task: it takes a slot, then a process of its converter's group (an idle
one, else a new one), asks, and gives both back. The pool's nursery holds one task a process, which
reads its output, notices its end and cleans up after it.
"""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog
import trio
from attrs import evolve, frozen

from pywats_trio import faultpoint
from pywats_trio.config.options import MIB, worker_count
from pywats_trio.convert import pressure
from pywats_trio.convert.answer import TOTAL, Answer
from pywats_trio.convert.child import CLEAN_UP, Child, WorkerGone
from pywats_trio.convert.forkserver import WorkerStartError
from pywats_trio.convert.governor import Governor
from pywats_trio.convert.launch import Launcher
from pywats_trio.convert.limit import RESERVE, Limit
from pywats_trio.convert.roster import Place, Roster, Standing
from pywats_trio.convert.said import Died, Ending, Unusable
from pywats_trio.convert.scratch import DEEPEST
from pywats_trio.convert.spill import Spill
from pywats_trio.convert.watch import HIDDEN, MAX_THREADS, TOO_MANY, TOO_MUCH, Watch
from pywats_trio.converters.registry import Origin
from pywats_trio.errors import FrameError, PywatsTrioError
from pywats_trio.nursery import open_plain_nursery
from pywats_trio.observe.board import Board
from pywats_trio.sandbox.levels import KERNEL_LEVELS, Level, probe, reach
from pywats_trio.worker import EXIT_BROKEN
from pywats_trio.worker.limits import Limits, times
from pywats_trio.worker.tidy import remove

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path

    from pywats_trio.config.options import WorkerOptions
    from pywats_trio.convert.said import Log, Progress
    from pywats_trio.converters.registry import Spec

    Begin = Callable[[trio.CancelScope, bool], None]

log = structlog.get_logger("pywats_trio.convert")

ENDING_SECONDS: Final = 0.5
"""How long a process that closed its socket may take to end by itself."""
CUT_OFF: Final = "it closed its connection with the service"
SHARED: Final = "standard"
"""The group of the standard converters."""


class CutShort(PywatsTrioError):
    """Others waited while the job took long; no file is to blame, and it may be done again."""


class PoolStopped(PywatsTrioError):
    """The pool ended in the middle of a job; no file is to blame."""


@frozen
class PoolStatistics:
    """A snapshot. Always `started == alive + recycled`."""

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

    def __init__(
        self,
        options: WorkerOptions,
        root: Path,
        board: Board | None = None,
        *,
        secrets: Iterable[str | os.PathLike[str]] = (),
        prints: bool = False,
        spare: int = 0,
    ) -> None:
        """`secrets`: files and folders that no worker may read, whatever lies above them. `prints`:
        answers have what was printed meanwhile. `spare`: bytes that reports which wait for the last
        one of their file leave free on the disk of `root`.

        Raises:
            SandboxUnavailable: the kernel does not offer the sandbox that is configured.
        """
        self._options = options
        self._prints = prints
        self._spare = spare
        self._root = root
        self._size = worker_count(options)
        self.sandbox = reach(Level(options.sandbox), probe(), fallback=options.sandbox_fallback)
        self._launcher = Launcher(
            None if self.sandbox.level is Level.OFF else _limits(options),
            boxed=self.sandbox.level in KERNEL_LEVELS,
            max_body=options.max_input_mb * MIB,
            secrets=secrets,
            nice=options.nice,
        )
        strict = self.sandbox.level is Level.STRICT
        self._jobs_each = 1 if strict else options.recycle_after_jobs
        self._roster = Roster(self._size)
        self._excesses = _excesses(options)
        self._watch = Watch(options.scratch_mb * MIB, self._at_work, self._at_rest)
        self._running = trio.Event()
        self._nursery: trio.Nursery | None = None
        self._started = self._ended = self._killed = self._died = self._jobs = 0
        board = board or Board()
        self._restarts = board.metrics.worker_restarts
        limit = Limit(
            self._size, worker_bytes=options.memory_mb * MIB, reserve=pressure.reserve(RESERVE)
        )
        self._governor = Governor(limit, board, resize=self._roster.resize)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Hold the processes until cancelled; then kill those that work and end the idle ones."""
        await trio.to_thread.run_sync(_make_empty, self._root)
        fork_server = self._launcher.fork_server
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._running.set()
                nursery.start_soon(self._watch.run)
                if self._options.adaptive:
                    await nursery.start(self._governor.run)
                if fork_server is not None:
                    seconds = self._options.idle_seconds
                    nursery.start_soon(fork_server.retire, seconds, self._roster.count)
                task_status.started()
                await self._roster.dismiss_idle(self._options.idle_seconds)
        finally:
            self._close()
            with trio.move_on_after(CLEAN_UP, shield=True):
                if fork_server is not None:
                    await fork_server.end()
                root = os.fspath(self._root)
                await trio.to_thread.run_sync(remove, root, abandon_on_cancel=True)

    def _close(self) -> None:
        """It ends: whoever wants a process from now on waits until it runs again."""
        if self._nursery is not None:
            self._nursery = None
            self._running = trio.Event()

    def _at_work(self) -> list[Child]:
        return self._roster.children(Standing.BUSY)

    def _at_rest(self) -> list[Child]:
        return self._roster.children(Standing.IDLE)

    def pids(self) -> list[int]:
        """The worker processes that exist now."""
        return self._roster.pids()

    @property
    def size(self) -> int:
        """Most processes that there can ever be at once."""
        return self._size

    @property
    def places(self) -> int:
        """Most processes now; while it falls, there may be more alive."""
        return self._governor.limit

    def limit(self) -> dict[str, Any]:
        """How many there may be now and why; see `Governor.facts`."""
        return self._governor.facts()

    def replace(self, old: Spec, new: Spec, owner: str) -> None:
        """`owner` runs `new` from now on: the processes of `old` end as soon as they are idle."""
        if (before := _group(old, owner)) != (after := _group(new, owner)):
            self._roster.replace(before, after)

    def keep(self, spec: Spec, owner: str) -> None:
        """No new process of `spec` could work, so those that there are live on; see `Roster.keep`.

        Where each job has a process of its own, none is kept.
        """
        self._roster.keep(_group(spec, owner))

    def statistics(self) -> PoolStatistics:
        """What the pool has and did."""
        return PoolStatistics(
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
        request: Mapping[str, Any],
        descriptor: int | None = None,
        hear: Callable[[Log | Progress], None] = lambda _said: None,
        *,
        begin: Begin = lambda _deadline, _cold: None,
    ) -> Ending | Died:
        """Run one job in a process of `spec`, which is shared or belongs to the converter `owner`.

        `descriptor` stays the caller's. What the converter logs goes to `hear` at once. `begin` is
        told when a process has it, by what scope it ends, and whether its converter has to be
        imported first. The answer names the process. Waits while the pool does not run.
        Cancellation kills the process at once.

        Raises:
            CutShort: the scope was made to end before the deadline.
            WorkerStartError: no process could be started.
            PoolStopped: the pool ended meanwhile.
            Unwritten: the reports are too many for memory, and the disk is full.
        """
        with self._governor.job():
            child, place = await self._child(spec, _group(spec, owner))
            try:
                ending = await self._use(child, spec, request, descriptor, hear, begin=begin)
                version = child.loaded.get(spec, "")
                printed = child.output_now() if self._prints else ""
                return evolve(ending, worker=child.name, version=version, printed=printed)
            finally:
                self._give_back(child, place)

    async def _use(
        self,
        child: Child,
        spec: Spec,
        request: Mapping[str, Any],
        descriptor: int | None,
        hear: Callable[[Log | Progress], None],
        *,
        begin: Begin,
    ) -> Ending | Died:
        self._watch.wake()
        answer = Answer(
            TOTAL * self._launcher.max_body, hear, Spill(os.fspath(self._root), self._spare)
        )
        finished = False
        try:
            seconds = self._options.timeout_seconds * times(request.get("size", 0))
            with trio.move_on_after(seconds) as scope:
                deadline = scope.deadline
                begin(scope, spec not in child.loaded)
                ending = await child.ask(spec, request, descriptor, answer)
                if isinstance(ending, Unusable):
                    ending = evolve(ending, why=self._launcher.why_unusable(spec, ending.why))
                finished = True
                self._jobs += 1
                return ending
            if trio.current_time() < deadline:
                child.condemn("cut-short")
                raise CutShort("others waited for its place")
            return await self._too_slow(child, spec, seconds)
        except WorkerGone:
            finished = True
            return await self._lost(child, spec)
        except FrameError as error:
            finished = True
            return await self._babbling(child, error)
        finally:
            if not finished:
                child.condemn("cancelled")

    async def _too_slow(self, child: Child, spec: Spec, seconds: float) -> Died | Unusable:
        child.condemn("timeout")
        await child.gone.wait()
        how = f"it took longer than {seconds:g} s and was stopped"
        if spec not in child.loaded:
            return Unusable(f"it cannot be imported: {how}", child.output)
        return Died("timeout", how, child.output)

    async def _babbling(self, child: Child, error: FrameError) -> Died:
        child.condemn("protocol")
        await child.gone.wait()
        return Died("protocol", f"the worker broke the protocol: {error}", child.output)

    async def _lost(self, child: Child, spec: Spec) -> Died | Unusable:
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
        if child.condemned in self._excesses:
            kind, excess = self._excesses[child.condemned]
            return Died(kind, excess, child.output)
        if not child.ready:
            raise WorkerStartError(f"a worker process ended at its start: {how}; {child.output}")
        if spec not in child.loaded:
            return Unusable(f"it cannot be imported: its process ended, {how}", child.output)
        self._died += 1
        if child.process.returncode == -signal.SIGXCPU:
            return Died("cpu", how, child.output)
        if "MemoryError" in child.output:  # so short of it that it could not even say so
            return Died("memory", "it needs more memory than it may have", child.output)
        return Died("worker-died", f"the worker process died: {how}", child.output)

    async def _child(self, spec: Spec, group: str) -> tuple[Child, Place]:
        """A running process of `group`, an idle one or a new one."""
        while True:
            if self._nursery is None:
                await self._running.wait()
            place = await self._roster.take(group)
            if place.child is None:
                return await self._start(place, spec), place
            if place.child.running:
                return place.child, place
            place.child.dismiss()  # It died while it was idle; its task is about to notice.

    async def _start(self, place: Place, spec: Spec) -> Child:
        nursery = self._nursery
        if nursery is None:
            self._roster.leave(place)
            raise PoolStopped("the workers are being stopped")
        try:
            child: Child = await nursery.start(self._tend, place, spec)
        except BaseException:
            if place.child is None:
                self._roster.leave(place)
            raise
        return child

    async def _tend(self, place: Place, spec: Spec, *, task_status: trio.TaskStatus[Child]) -> None:
        """Start a process and stay with it to its end."""
        child = await Child.start(spec, place.group, self._launcher, self._root)
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
        elif child.jobs >= self._jobs_each and not self._is_spared(child):
            place.standing = Standing.ENDING
            child.dismiss()
        else:
            self._roster.rest(place)

    def _is_spared(self, child: Child) -> bool:
        return self._jobs_each > 1 and self._roster.keeps(child.group)


@asynccontextmanager
async def open_pool(
    options: WorkerOptions,
    root: Path,
    *,
    secrets: Iterable[str | os.PathLike[str]] = (),
    prints: bool = False,
) -> AsyncIterator[Pool]:
    """A pool (see there) for the length of the block; `root` and processes are gone after it."""
    pool = Pool(options, root, secrets=secrets, prints=prints)
    async with open_plain_nursery() as nursery:
        await nursery.start(pool.run)
        yield pool
        nursery.cancel_scope.cancel()


def _why_ended(child: Child) -> str:
    """A constant word for the metric."""
    if child.condemned:
        known = {"timeout", "protocol", "cancelled", "cut-short", TOO_MUCH, HIDDEN, TOO_MANY}
        return child.condemned if child.condemned in known else "doubt"
    return "recycled" if child.dismissal.is_set() and child.running else "died"


async def _dismiss_at_end(child: Child) -> None:
    await child.process.ended()
    child.dismiss()


def _group(spec: Spec, owner: str) -> str:
    """Who shares processes: the standard converters; of others, each state of the code of one."""
    if spec.origin is Origin.STANDARD:
        return SHARED
    return f"custom {owner} {spec.revision}".rstrip()


def _excesses(options: WorkerOptions) -> dict[str, tuple[str, str]]:
    """For what the watch condemns: the kind of failure, and how the user reads it."""
    return {
        TOO_MUCH: ("scratch", f"it wrote more than {options.scratch_mb} MiB of files"),
        HIDDEN: (
            "scratch",
            f"it hid its files, in folders that nobody may list or more than {DEEPEST} deep",
        ),
        TOO_MANY: ("threads", f"it started more than {MAX_THREADS} threads"),
    }


def _limits(options: WorkerOptions) -> Limits:
    return Limits(memory_bytes=options.memory_mb * MIB, cpu_seconds=options.cpu_seconds)


def _make_empty(folder: Path) -> None:
    remove(os.fspath(folder))
    folder.mkdir(parents=True, exist_ok=True)

"""Worker processes, from the command line to the last of what they leave: forked or spawned.

Where the system has pidfds (Linux) workers are forks of a fork server, which takes a few
milliseconds instead of a tenth of a second. Elsewhere, and where coverage.py counts, each is an
interpreter of its own.
"""

from __future__ import annotations

import os
import secrets
import subprocess
from typing import TYPE_CHECKING, Final, Protocol

import structlog
import trio
from attrs import define, field

from pywats_trio.convert import command
from pywats_trio.convert.command import Boot
from pywats_trio.convert.forkserver import ForkServer, can_fork
from pywats_trio.converters.registry import Origin
from pywats_trio.worker import processes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.converters.registry import Spec
    from pywats_trio.worker.limits import Limits


log = structlog.get_logger("pywats_trio.convert")

_ADAPTERS: Final = {
    "pywats": ("pywats_trio.converters.pywats", "pywats_trio.converters.pywats.shims.client")
}
"""What a worker needs before it imports a class that was written for something else; loading it
would be two thirds of a strict job (46 ms, 16 without) whose class needs no more than that."""

_HOLDS: Final = "holds the configuration, a token, the queue or a watch folder"
_OWN: Final = "keep modules of converters in a folder of their own"


class Launched(Protocol):
    """A worker process."""

    pid: int

    @property
    def returncode(self) -> int | None:
        """After `reap`: exit code, or minus the signal; None if nobody knows how it ended."""
        ...

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        ...

    async def ended(self) -> None:
        """Until it has ended."""
        ...

    async def reap(self, *, expected: bool) -> None:
        """Until it has ended and nothing is left of it.

        `expected`: it was killed with all that it had started, so nothing has to be looked for.
        """
        ...


@define(eq=False)
class Spawned:
    """A child of this process."""

    process: trio.Process
    cookie: str
    pid: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.pid = self.process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, or minus the signal."""
        return self.process.returncode

    @property
    def running(self) -> bool:
        """Whether it has not ended; one that has is reaped by asking."""
        return self.process.poll() is None

    async def ended(self) -> None:
        """Until it has ended."""
        await self.process.wait()

    async def reap(self, *, expected: bool) -> None:
        """See `Launched`."""
        await self.process.wait()
        # Whoever is left in its group keeps the number from being given to anybody else.
        processes.kill_group(self.pid)
        if not expected:
            await trio.to_thread.run_sync(processes.kill_marked, self.cookie)


class Launcher:
    """Starts workers as the configuration wants them.

    `limits` None: nothing bounds them. `boxed`: the kernel shuts them in, so that they read nothing
    of `secrets`. `nice`: how far they stand back behind other programs.
    """

    def __init__(
        self,
        limits: Limits | None,
        *,
        boxed: bool,
        max_body: int,
        secrets: Iterable[str | os.PathLike[str]] = (),
        nice: int = 0,
    ) -> None:
        self._limits = limits
        self.boxed = boxed
        self._nice = nice
        self._secrets = tuple(os.fspath(path) for path in secrets)
        self._readable: dict[bool, list[str]] = {}
        self._withheld: dict[str, str] = {}
        """By the module of a converter, its folder where no worker may read that."""
        self.max_body = max_body
        """Bytes of all reports of a file."""
        self.fork_server = ForkServer() if can_fork() else None

    async def launch(self, spec: Spec, scratch: str, descriptors: tuple[int, int, int]) -> Launched:
        """A worker for converters like `spec`; its job socket, lifeline and output are given.

        Raises:
            WorkerStartError: there is none to be had.
            OSError: there is none to be had.
        """
        boot = await trio.to_thread.run_sync(self._boot, spec, scratch)
        if self.fork_server is not None:
            return await self.fork_server.fork(boot, descriptors)
        job, lifeline, output = descriptors
        cookie = secrets.token_hex(16)
        process = await trio.lowlevel.open_process(
            command.worker(boot, job, lifeline),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(job, lifeline),
            cwd=scratch,
            env=command.environment(scratch, cookie),
            start_new_session=True,
        )
        return Spawned(process, cookie)

    def _boot(self, spec: Spec, scratch: str) -> Boot:
        shared = spec.origin is Origin.STANDARD
        return Boot(
            limits=self._limits,
            boxed=self.boxed,
            max_body=self.max_body,
            scratch=scratch,
            path=command.module_path(shared=shared),
            readable=self._may_read(spec) if self.boxed else [],
            writable=command.writable(scratch),
            nice=self._nice,
            preload=_preload(spec),
        )

    def _may_read(self, spec: Spec) -> list[str]:
        shared = spec.origin is Origin.STANDARD
        if shared not in self._readable:
            self._readable[shared] = command.readable(shared=shared, secrets=self._secrets)
        found = self._readable[shared]
        if spec.origin is not Origin.MODULE:
            return found
        folder = self._withheld[spec.module] = command.withheld(spec.module, found)
        if folder:
            log.warning(
                "a worker may not import the module of a converter",
                converter_type=spec.type,
                folder=folder,
                hint=f"The folder {_HOLDS}; {_OWN}.",
            )
        return found

    def why_unusable(self, spec: Spec, why: str) -> str:
        """What a worker said of it, and what it cannot know: that its folder is kept from it."""
        folder = self._withheld.get(spec.module)
        return f"{why}; no worker may read {folder}, for it {_HOLDS}: {_OWN}" if folder else why


def _preload(spec: Spec) -> list[str]:
    """Modules of ours alone: the fork server is no place for anybody else's code."""
    if spec.origin is Origin.STANDARD:
        return [spec.module]
    return list(_ADAPTERS.get(spec.adapter, ()))

"""Our own contestant: the pool that the service has, with a converter that is a file."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from benchmarks.workers import work
from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert.answer import Done, reason
from pywats_trio.convert.pool import Pool
from pywats_trio.convert.request import Requests
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable


@asynccontextmanager
async def running(file: Path, sandbox: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A job that opens `file`, has it converted and looks at the answer."""
    spec = pinned(parse(f"{Path(work.__file__)}:Parses"))
    requests = Requests.of(
        spec, converter="bench", arguments={}, station=Station("S"), instance="bench"
    )
    options = WorkerOptions(max=2, sandbox=sandbox, recycle_after_jobs=1_000_000)
    pool = Pool(options, file.parent / "scratch")

    async def job() -> None:
        descriptor = os.open(file, os.O_RDONLY)
        try:
            status = os.fstat(descriptor)
            identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            request = requests.convert(str(file), identity)
            answer = await pool.ask(spec, "bench", request, descriptor)
        finally:
            os.close(descriptor)
        if not isinstance(answer, Done):
            raise RuntimeError(reason(answer))  # noqa: TRY004 - no wrong type, a failed run

    async with trio.open_nursery() as nursery:
        await nursery.start(pool.run)
        yield job
        nursery.cancel_scope.cancel()

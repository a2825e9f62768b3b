"""Our own contestant: the pool that the service has, with a converter that is a file."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from benchmarks.workers import work
from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert.pool import open_pool
from pywats_trio.convert.request import Requests
from pywats_trio.convert.said import Done, reason
from pywats_trio.converters.api import Station
from pywats_trio.converters.registry import parse, pinned
from pywats_trio.model import Identity

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from pywats_trio.convert.said import Died, Ending

NAME = "bench"
OPTIONS = {"max": 2, "recycle_after_jobs": 1_000_000}


class Ask(Protocol):
    """Opens a file and has it converted; `more` goes to `Pool.ask`."""

    async def __call__(self, path: Path, **more: Any) -> Ending | Died: ...  # noqa: ANN401


@asynccontextmanager
async def asking(type_: str, scratch: Path, **options: Any) -> AsyncIterator[Ask]:  # noqa: ANN401
    """A pool of two with the converter `type_`."""
    spec = pinned(parse(type_))
    requests = Requests.of(
        spec, converter=NAME, arguments={}, station=Station("S"), instance="bench"
    )

    async def ask(path: Path, **more: Any) -> Ending | Died:  # noqa: ANN401
        descriptor = os.open(path, os.O_RDONLY)
        try:
            status = os.fstat(descriptor)
            identity = Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
            request = requests.convert(str(path), identity)
            return await pool.ask(spec, NAME, request, descriptor, **more)
        finally:
            os.close(descriptor)

    async with open_pool(WorkerOptions(**(OPTIONS | options)), scratch) as pool:
        yield ask


@asynccontextmanager
async def running(
    file: Path,
    **options: Any,  # noqa: ANN401
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """A job that has `file` converted and looks at the answer."""
    type_ = f"{Path(work.__file__)}:Parses"
    async with asking(type_, file.parent / "scratch", **options) as ask:

        async def job() -> None:
            answer = await ask(file)
            if not isinstance(answer, Done):
                raise RuntimeError(reason(answer))  # noqa: TRY004 - no wrong type, a failed run

        yield job

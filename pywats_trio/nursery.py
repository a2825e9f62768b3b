"""Tasks around a block of somebody else's."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def open_plain_nursery() -> AsyncIterator[trio.Nursery]:
    """A nursery that wraps nothing: an error that comes alone comes out as it was raised.

    For context managers whose user need not know that there are tasks inside. With several errors
    it is a nursery like any other: they come out as an `ExceptionGroup`.
    """
    try:
        async with trio.open_nursery() as nursery:
            yield nursery
    except BaseExceptionGroup as group:
        if len(group.exceptions) > 1:
            raise
        [error] = group.exceptions
    else:
        return
    # Here, where nothing is being handled: it keeps the cause and the context that it has.
    raise error


def is_cancellation(error: BaseException) -> bool:
    """Whether `error` is a cancellation, or a group of nothing else."""
    if isinstance(error, BaseExceptionGroup):
        return error.split(trio.Cancelled)[1] is None
    return isinstance(error, trio.Cancelled)

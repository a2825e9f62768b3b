"""A service for the length of a block."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from pywats_trio.nursery import open_plain_nursery
from pywats_trio.service.service import Service

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.config.options import Config


@asynccontextmanager
async def open_service(config: Config) -> AsyncIterator[Service]:
    """Run a service around the block: ready when the block begins, over when it is left.

    - Leaving the block drains: what is in hand is finished, for `shutdown.grace_seconds` at most.
    - An exception in the block, or a cancellation around it, stops the service at once, within a
      second. Nothing is lost: the next start goes on where this one ended. An exception comes out
      as it was raised, in no group.
    - A service that fails cancels the block and raises its error here, in no group either. Only if
      the block raises something of its own as well do both come out, as an `ExceptionGroup`.
    - A service that is stopped meanwhile (`service.stop()`, local control) lets the block go on:
      its events end, and what is asked of it raises `NotReady`; see `Service.wait_stopped`.

    Enter and leave it in the same task, as every block with tasks in it.

    Raises:
        ConfigError, InvalidInputError: what the configuration names cannot be used.
        StartError: another service holds the data folder, an address is taken, or the queue cannot
            be opened or written.
        PartKeepsFailing: a part failed again and again.
    """
    service = Service(config)
    async with open_plain_nursery() as nursery:
        await nursery.start(service.run)
        yield service
        service.stop("the block around it was left")

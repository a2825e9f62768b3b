"""`pywats-trio run`: the daemon in the foreground."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING, Final

import click

from pywats_trio.errors import ForcedStop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pywats_trio.cli.main import Globals
    from pywats_trio.observe.log import Log
    from pywats_trio.service.service import Service

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@click.command()
@click.pass_obj
def run(options: Globals) -> None:
    """Run the service in the foreground until SIGTERM or Ctrl-C.

    A second signal gives everything one second, a third ends at once; nothing is lost by either.
    SIGHUP, and a change of the file, put the configuration into effect.
    """
    import trio  # noqa: PLC0415 - `--help` must be quick

    from pywats_trio.config.secrets import secret_values  # noqa: PLC0415
    from pywats_trio.observe.log import configure  # noqa: PLC0415

    loaded = options.load_with_places()
    config = loaded.config
    log = configure(
        config.log,
        instance=config.instance,
        data_dir=config.data_dir,
        terminal=sys.stderr.isatty(),
        secrets=secret_values(config),
    )
    with log:
        service = trio.run(_run, options, log)
    if service.forced:
        raise ForcedStop(
            "the stop ran out of time and cut off what was in hand; nothing is lost, the next start "
            "goes on with it (shutdown.grace_seconds gives it longer)"
        )


async def _run(options: Globals, log: Log) -> Service:
    """The service of the configuration that `options` name, until it is stopped."""
    from pywats_trio.service.reload import Source  # noqa: PLC0415
    from pywats_trio.service.service import Service  # noqa: PLC0415

    loaded = options.load_with_places()
    source = Source(loaded.file, options.load, lambda config: log.set_level(config.log.level))
    service = Service(loaded.config, source=source)
    await until_signal(service)
    return service


async def until_signal(service: Service) -> None:
    """Run `service` until SIGTERM or SIGINT asks it to stop, and has stopped."""
    import trio  # noqa: PLC0415

    with trio.open_signal_receiver(*SIGNALS) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(_obey, service, signals))
            await service.run()
            nursery.cancel_scope.cancel()


async def _obey(service: Service, signals: AsyncIterator[int]) -> None:
    asked = 0
    async for number in signals:
        name = signal.Signals(number).name
        if number == signal.SIGHUP:
            await _reload(service)
            continue
        asked += 1
        if asked == 1:
            service.stop(name)
        elif asked == 2:  # noqa: PLR2004
            service.hurry()
        else:
            # Safety is the store's: whatever was in hand is found at the next start.
            os._exit(ForcedStop.exit_code)


async def _reload(service: Service) -> None:
    """A reload that is refused has been logged; the running configuration goes on."""
    import contextlib  # noqa: PLC0415

    from pywats_trio.errors import PywatsTrioError  # noqa: PLC0415

    with contextlib.suppress(PywatsTrioError):
        await service.reload()

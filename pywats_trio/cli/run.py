"""`pywats-trio run`: the daemon in the foreground."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pywats_trio.cli.main import Globals
    from pywats_trio.service.service import Service


@click.command()
@click.pass_obj
def run(options: Globals) -> None:
    """Run the service in the foreground until SIGTERM or Ctrl-C."""
    import trio  # noqa: PLC0415 - `--help` must be quick

    from pywats_trio.config.secrets import secret_values  # noqa: PLC0415
    from pywats_trio.observe.log import configure  # noqa: PLC0415
    from pywats_trio.service.service import Service  # noqa: PLC0415

    config = options.load()
    log = configure(
        config.log,
        instance=config.instance,
        data_dir=config.data_dir,
        terminal=sys.stderr.isatty(),
        secrets=secret_values(config),
    )
    with log:
        trio.run(until_signal, Service(config))


async def until_signal(service: Service) -> None:
    """Run `service` until SIGTERM or SIGINT asks it to stop, and has stopped."""
    import trio  # noqa: PLC0415

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:

            async def stop_on_signal() -> None:
                async for _number in signals:
                    service.stop()

            nursery.start_soon(stop_on_signal)
            await service.run()
            nursery.cancel_scope.cancel()

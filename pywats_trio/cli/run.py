"""`pywats-trio run`: the daemon in the foreground."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

import click

from pywats_trio.errors import ForcedStop

if TYPE_CHECKING:
    from pywats_trio.cli.main import Globals
    from pywats_trio.cli.signals import Signals
    from pywats_trio.config.load import Loaded
    from pywats_trio.config.options import Config
    from pywats_trio.observe.log import Log
    from pywats_trio.service.reload import Source
    from pywats_trio.service.service import Service

FORCED: Final = (
    "the stop ran out of time and cut off what was in hand; nothing is lost, the next start goes "
    "on with it (shutdown.grace_seconds gives it longer)"
)


@click.command()
@click.pass_obj
def run(options: Globals) -> None:
    """Run the service in the foreground until SIGTERM or Ctrl-C.

    A second signal gives everything one second, a third ends at once; nothing is lost by either.
    SIGHUP, and a change of the file, put the configuration into effect.
    """
    # What it asks for is about to be done: the configuration is read.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    import trio  # noqa: PLC0415 - `--help` must be quick

    import pywats_trio.observe  # noqa: PLC0415, F401 - before structlog is loaded: see there
    from pywats_trio.cli.signals import Signals  # noqa: PLC0415
    from pywats_trio.config.secrets import secret_values  # noqa: PLC0415
    from pywats_trio.observe.log import configure  # noqa: PLC0415
    from pywats_trio.priority import stand_back  # noqa: PLC0415

    loaded = options.load_with_places()
    config = loaded.config
    with configure(
        config.log,
        instance=config.instance,
        data_dir=config.data_dir,
        terminal=sys.stderr.isatty(),
        secrets=secret_values(config),
    ) as log:
        stand_back(config.workers.nice // 2)
        faulthandler.enable()  # a watchdog ends a process that hangs by SIGABRT: say where it hung
        signals = Signals(log)
        try:
            service = trio.run(_run, config, _source(options, loaded, log), signals)
        finally:
            signals.ignore()
    # The interpreter's end would walk through all objects several times: 0.2 s of each stop.
    gc.freeze()
    if service.forced:
        raise ForcedStop(FORCED)


def _source(options: Globals, loaded: Loaded, log: Log) -> Source:
    """Where the configuration came from, for the service to read it again."""
    from pywats_trio.config.secrets import secret_values  # noqa: PLC0415
    from pywats_trio.service.filewatch import digest  # noqa: PLC0415
    from pywats_trio.service.reload import Source  # noqa: PLC0415

    def load() -> Config:
        config = options.load()
        log.mask(secret_values(config))  # whatever becomes of it, it may be told of
        return config

    def applied(config: Config) -> None:
        log.set_level(config.log.level)

    return Source(loaded.file, load, applied, digest(loaded.file))


async def _run(config: Config, source: Source, signals: Signals) -> Service:
    """The service of `config`, until it is stopped."""
    import trio  # noqa: PLC0415

    from pywats_trio.service.service import Service  # noqa: PLC0415
    from pywats_trio.service.systemd import Systemd  # noqa: PLC0415

    service = Service(config, source=source, systemd=Systemd.take(os.environ))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(signals.obey, service)
        nursery.start_soon(_settle, service)
        await service.run()
        nursery.cancel_scope.cancel()
    return service


async def _settle(service: Service) -> None:
    """Once it is up, set aside what was loaded: modules live as long as the process.

    The garbage collector would walk through them again and again, for 30 to 50 ms at a time, while
    the event loop stands.
    """
    from pywats_trio.control import BEFORE_WORK  # noqa: PLC0415

    while service.state in BEFORE_WORK:
        await service.lifecycle.changes.ticket().wait()  # nothing can change in between
    gc.freeze()

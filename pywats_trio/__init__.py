"""pywats-trio: watch folder, sandboxed converter, crash-safe queue, upload to a WATS server.

The public names are here, each loaded when it is first asked for: worker processes and `status`
import this package and must not pay for the service.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pywats_trio.commands.host import Finished
    from pywats_trio.config.options import (
        Config,
        ConverterOptions,
        HealthOptions,
        IpcOptions,
        LogOptions,
        QueueOptions,
        RetryOptions,
        ServerOptions,
        ShutdownOptions,
        StationOptions,
        SupervisionOptions,
        WorkerOptions,
    )
    from pywats_trio.control import Role, ServiceState, Who
    from pywats_trio.errors import (
        ConfigError,
        InvalidInputError,
        NotFoundError,
        NotReady,
        PartKeepsFailing,
        PywatsTrioError,
        QueueFull,
        StartError,
        StoreError,
    )
    from pywats_trio.model import Counts, Event, Item, Kind, Reason, State
    from pywats_trio.reports.report import InvalidReport, Report
    from pywats_trio.service.embed import open_service
    from pywats_trio.service.events import Events
    from pywats_trio.service.parts import ReloadFailed
    from pywats_trio.service.service import Service

__version__ = "0.1.0"

__all__ = [
    "Config",
    "ConfigError",
    "ConverterOptions",
    "Counts",
    "Event",
    "Events",
    "Finished",
    "HealthOptions",
    "InvalidInputError",
    "InvalidReport",
    "IpcOptions",
    "Item",
    "Kind",
    "LogOptions",
    "NotFoundError",
    "NotReady",
    "PartKeepsFailing",
    "PywatsTrioError",
    "QueueFull",
    "QueueOptions",
    "Reason",
    "ReloadFailed",
    "Report",
    "RetryOptions",
    "Role",
    "ServerOptions",
    "Service",
    "ServiceState",
    "ShutdownOptions",
    "StartError",
    "State",
    "StationOptions",
    "StoreError",
    "SupervisionOptions",
    "Who",
    "WorkerOptions",
    "open_service",
]

_HOMES = {
    "commands.host": "Finished",
    "config.options": "Config ConverterOptions HealthOptions IpcOptions LogOptions QueueOptions"
    " RetryOptions ServerOptions ShutdownOptions StationOptions SupervisionOptions WorkerOptions",
    "control": "Role ServiceState Who",
    "errors": "ConfigError InvalidInputError NotFoundError NotReady PartKeepsFailing"
    " PywatsTrioError QueueFull StartError StoreError",
    "model": "Counts Event Item Kind Reason State",
    "reports.report": "InvalidReport Report",
    "service.embed": "open_service",
    "service.events": "Events",
    "service.parts": "ReloadFailed",
    "service.service": "Service",
}
"""Each module, and the public names that live there."""

if not TYPE_CHECKING:  # a type checker must not believe that every name exists

    def __getattr__(name: str) -> object:
        """A public name, from where it lives; remembered."""
        from importlib import import_module  # noqa: PLC0415 - a worker needs none of this

        for module, names in _HOMES.items():
            if name in names.split():
                found = getattr(import_module(f"{__name__}.{module}"), name)
                globals()[name] = found
                return found
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

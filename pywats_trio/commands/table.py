"""Every command by its name, and where it is: a file is loaded when one of its commands is used.

Most of what can be asked of a queue is asked rarely, and a start need not wait for it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from importlib import import_module
from typing import Final

from pywats_trio.commands.command import Command

PLACES: Final[Mapping[str, tuple[str, ...]]] = {
    "life": ("ping", "get_status", "sync_now", "pause", "resume", "reload_config", "stop"),
    "submit": ("submit_file", "submit_report"),
    "converters": (
        "get_converters",
        "enable_converter",
        "disable_converter",
        "reload_converters",
    ),
    "queue.look": ("get_queue", "get_item"),
    "queue.change": (
        "retry_items",
        "hold_items",
        "release_items",
        "set_priority",
        "remove_items",
        "clear_queue",
    ),
    "queue.why": ("why",),
    "queue.keep": ("compact_queue",),
    "queue.backup": ("backup_queue",),
    "queue.carry.export": ("export_items",),
    "queue.carry.imports": ("import_items",),
    "queue.carry.receipts": ("export_receipts",),
    "queue.pywats": ("import_pywats",),
    "queue.verify": ("verify_queue",),
}
"""The files below `commands/`, and the names of the commands in each, in their order there."""


class Table(Mapping[str, Command]):
    """The entries of `PLACES`, loaded on use."""

    def __init__(self, places: Mapping[str, tuple[str, ...]]) -> None:
        self._places = {name: place for place, names in places.items() for name in names}

    def __getitem__(self, name: str) -> Command:
        module = import_module(f"pywats_trio.commands.{self._places[name]}")
        commands: tuple[Command, ...] = module.COMMANDS
        return next(command for command in commands if command.name == name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


TABLE: Final = Table(PLACES)
"""Every command by its name."""


class Unbounded(Container[str]):
    """The names of commands that may take as long as they say themselves."""

    def __contains__(self, name: object) -> bool:
        entry = TABLE.get(name) if isinstance(name, str) else None
        return entry is not None and not entry.bounded

"""A configuration that is read again while the service runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import attrs
from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pywats_trio.config.options import Config

FIXED: Final = (
    "instance",
    "data_dir",
    "queue.synchronous",
    "queue.history_per_item",
    "queue.aging_minutes",
    "ipc.enabled",
    "ipc.socket",
    "ipc.requests_per_minute",
    "ipc.burst",
    "ipc.max_connections",
    "health.host",
    "health.port",
    "health.max_connections",
    "log.format",
    "log.file",
    "log.max_bytes",
    "log.backups",
)
"""Keys that need a restart: a socket that is bound, a file that is open, what ids are made from."""


@frozen
class Source:
    """Where a configuration came from, and how to read it again."""

    file: Path
    """Its changes are noticed."""
    load: Callable[[], Config]
    """Blocks. Raises ConfigError or NotFoundError."""
    applied: Callable[[Config], None] = lambda _config: None
    """Told of each configuration that came into effect."""
    content: bytes = b""
    """`filewatch.digest` of the file at the first reading; empty: what it holds at the start."""


def changed(before: Config, after: Config) -> list[str]:
    """The keys that differ, as people write them; a converter by its name."""
    return sorted(_differences(before, after))


def _differences(before: Config, after: Config) -> Iterator[str]:
    for field in attrs.fields(type(before)):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if old == new or not field.eq:
            continue
        if field.name == "converters":
            olds = {options.name: options for options in old}
            news = {options.name: options for options in new}
            names = {n for n in olds.keys() | news.keys() if olds.get(n) != news.get(n)}
            yield from (f"converters.{name}" for name in names or ["(order)"])
        elif attrs.has(type(old)):
            table = attrs.fields(type(old))
            keys = (f.name for f in table if getattr(old, f.name) != getattr(new, f.name))
            yield from (f"{field.name}.{key}" for key in keys)
        else:
            yield field.name


def kept_fixed(before: Config, after: Config) -> Config:
    """`after`, but with what cannot change while running as it was `before`."""
    for key in FIXED:
        table, _, name = key.rpartition(".")
        if table:
            old = getattr(before, table)
            new = evolve(getattr(after, table), **{name: getattr(old, name)})
            after = evolve(after, **{table: new})
        else:
            after = evolve(after, **{name: getattr(before, name)})
    return after

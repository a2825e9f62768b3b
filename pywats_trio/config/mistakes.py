"""What is wrong with a configuration, in the words the user reads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Keys and list indices (from 0) from the top of the document down."""


class BadValue(ValueError):
    """A value that cannot be used, in words that fit behind its key: what is wrong, what to do."""


@frozen
class Mistake:
    """What is wrong with one key; `others` are keys that it was compared with."""

    path: KeyPath
    message: str
    others: tuple[KeyPath, ...] = ()


@frozen
class Located:
    """A mistake as it is told: `station.toml:12`, `server.max_connections`, what is wrong."""

    place: str
    key: str
    message: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.place, self.key, self.message)))


class InvalidConfig(ConfigError):
    """Every problem of a configuration, one a line."""

    def __init__(self, file: Path, problems: Sequence[Located]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.file = file
        self.problems = tuple(problems)


def dotted(path: KeyPath) -> str:
    """A key as people write it: `converters[0].watch`."""
    text = "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return text.removeprefix(".")

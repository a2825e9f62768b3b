"""The file of the configuration: which one, what it holds, on which line."""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING, Any

from attrs import frozen

from pywats_trio.config.locate import json_lines, toml_lines
from pywats_trio.config.options import SCHEMA_VERSION
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.config.mistakes import KeyPath


@frozen
class Document:
    """The values as they were written, and where."""

    file: Path
    values: dict[str, Any]
    places: dict[KeyPath, str]
    """`station.toml:12`, `$PYWATS_TRIO__SERVER__TOKEN` or `--instance`."""

    def put(self, path: KeyPath, value: object, place: str) -> None:
        """Set a value over what the file says; tables that are missing are made."""
        *parents, last = path
        node: Any = self.values
        for key in parents:
            node = node[key] if isinstance(key, int) else node.setdefault(key, {})
        node[last] = value
        self.places[path] = place

    def place(self, path: KeyPath) -> str:
        """Where `path` stands, or else the nearest table around it, or else the file."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.places:
                return self.places[path[:end]]
        return str(self.file)


def read(file: Path) -> Document:
    """The values of `file`, TOML or JSON, with the line of each.

    Raises ConfigError for a file that cannot be read or parsed, or is of a newer program.
    """
    text = _text(file)
    is_json = file.suffix.lower() == ".json" or text.lstrip().startswith("{")
    try:
        values: object = _parse_json(text) if is_json else tomllib.loads(text)
    except ValueError as error:
        raise ConfigError(_syntax(file, text, error)) from error
    except RecursionError as error:
        raise ConfigError(f"{file}: lists or tables are nested too deep") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{file}: the file must hold one table of settings")
    lines = json_lines(text) if is_json else toml_lines(text)
    document = Document(file, values, {path: f"{file}:{line}" for path, line in lines.items()})
    _check_version(document)
    return document


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    try:
        return data.decode("utf-8-sig")  # Windows editors write a BOM
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{file}:{line}: this is not UTF-8; save the file as UTF-8") from error


def _parse_json(text: str) -> object:
    return json.loads(text, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _value in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one table")
    return values


def _refuse_constant(word: str) -> object:
    raise ValueError(f"{word} is no JSON")


def _syntax(file: Path, text: str, error: ValueError) -> str:
    """`station.toml:3:7: …`. Before Python 3.14, tomllib says where only in its message."""
    if isinstance(error, json.JSONDecodeError):
        return f"{file}:{error.lineno}:{error.colno}: this is not valid JSON: {error.msg}"
    message = str(error)
    if match := re.search(r" \(at line (\d+), column (\d+)\)$", message):
        return f"{file}:{match[1]}:{match[2]}: this is not valid TOML: {message[: match.start()]}"
    if message.endswith(" (at end of document)"):
        line = text.count("\n") + 1
        message = message.removesuffix(" (at end of document)")
        return f"{file}:{line}: this is not valid TOML: {message} at the end of the file"
    return f"{file}: {message}"


def _check_version(document: Document) -> None:
    """A newer file is refused before anything else: what it says may mean something else here."""
    version = document.values.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise ConfigError(
            f"{document.place(('schema_version',))}: schema_version: {version} is newer than what "
            f"this program reads ({SCHEMA_VERSION}); update pywats-trio"
        )

"""A configuration that a program made itself, held to the rules that one from a file is held to."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from pywats_trio.config.check import check
from pywats_trio.config.load import completed, with_token
from pywats_trio.config.mistakes import dotted
from pywats_trio.config.options import Config
from pywats_trio.config.tables import TableReader, options
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping


def checked(config: Config, environ: Mapping[str, str] = os.environ) -> Config:
    """`config` with every value in its normal form, no relative path, and its token.

    As if it had been read from a file in the current folder; one that was is given back as it is,
    but for a token that has changed in its file meanwhile. Blocks.

    Raises:
        ConfigError: its text has every problem, one a line: `workers.max: -1 is too small; …`.
    """
    folder = Path.cwd()
    reader = TableReader(folder)
    read = reader.read(Config, _raw(config))
    if not config.server.url:
        # A file must say where reports go; a program may not know yet, and its reports wait.
        reader.mistakes = [m for m in reader.mistakes if m.path != ("server", "url")]
    if not reader.mistakes:
        reader.mistakes += check(read)
    read = attrs.evolve(read, server=with_token(read.server, reader, environ), file=config.file)
    if reader.mistakes:
        raise ConfigError("\n".join(f"{dotted(m.path)}: {m.message}" for m in reader.mistakes))
    return completed(read, folder)


def _raw(table: Any) -> dict[str, Any]:  # noqa: ANN401 - a class of options
    """What a file would say: everything that is not its default."""
    raw = {
        key: _plain(value)
        for key, attribute in options(type(table)).items()
        if (value := getattr(table, key)) != _default(attribute) and value is not None
    }
    if raw.keys() & {"token_file", "token_env"}:
        raw.pop("token", None)  # it came from there
    return raw


def _default(attribute: attrs.Attribute[Any]) -> object:
    default: Any = attribute.default
    return default.factory() if isinstance(default, attrs.Factory) else default  # type: ignore[arg-type] # mypy takes it for a function


def _plain(value: Any) -> Any:  # noqa: ANN401 - whatever a configuration can hold
    if attrs.has(type(value)):
        return _raw(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value

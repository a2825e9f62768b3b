"""From a file and the environment to a `Config`, or all that is wrong with them at once."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from pywats_trio.config import environment, places, source, texts
from pywats_trio.config.check import check
from pywats_trio.config.mistakes import BadValue, InvalidConfig, KeyPath, Located, dotted
from pywats_trio.config.options import (
    Config,
    default_data_dir,
    default_log_file,
)
from pywats_trio.config.tables import TableReader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.config.options import ServerOptions


@frozen
class Loaded:
    """A configuration and where each value that is no default came from."""

    config: Config
    file: Path
    places: Mapping[KeyPath, str]
    """`station.toml:12`, `$PYWATS_TRIO__SERVER__TOKEN` or `--instance`."""


def load(
    path: Path | None = None,
    *,
    instance: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Config:
    """The configuration from `path` or where it is looked up (contract section 4).

    Raises NotFoundError if there is no file, ConfigError with every problem, one a line:
    `station.toml:12: server.max_connections: 0 is too small; use 1 to 64`.
    """
    return load_with_places(path, instance=instance, environ=environ).config


def load_with_places(
    path: Path | None = None,
    *,
    instance: str | None = None,
    log_level: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Loaded:
    """As `load`, with the place of every value; the two options go before file and environment."""
    document = source.read(places.find(path, environ))
    reader = TableReader(Path(os.path.abspath(document.file)).parent)  # noqa: PTH100 - keep links
    reader.mistakes += environment.override(document, environ)
    if instance is not None:
        document.put(("instance",), instance, "--instance")
    if log_level is not None and isinstance(document.values.get("log", {}), dict):
        document.put(("log", "level"), log_level, "--log-level")
    config = reader.read(Config, document.values)
    _check(config, reader)
    config = evolve(config, server=with_token(config.server, reader, environ))
    if reader.mistakes:
        raise InvalidConfig(document.file, _located(document, reader))
    config = evolve(completed(config, reader.folder), file=reader.folder / document.file.name)
    return Loaded(config, document.file, document.places)


def _check(config: Config, reader: TableReader) -> None:
    """Contradictions, except with what is wrong already: there only the default stands."""
    wrong = {mistake.path for mistake in reader.mistakes}
    reader.mistakes += [
        mistake for mistake in check(config) if wrong.isdisjoint({mistake.path, *mistake.others})
    ]


def with_token(
    server: ServerOptions, reader: TableReader, environ: Mapping[str, str]
) -> ServerOptions:
    """The token from where the file says it is; unchanged where it is not there."""
    key = "token_file" if server.token_file else "token_env"
    try:
        if server.token_file:
            return evolve(server, token=_token_in_file(server.token_file))
        if server.token_env:
            return evolve(server, token=_token_in_variable(server.token_env, environ))
    except BadValue as error:
        reader.wrong(("server", key), str(error))
    return server


def _token_in_file(file: Path) -> str:
    try:
        text = file.read_text("utf-8-sig").strip()
    except OSError as error:
        raise BadValue(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadValue(f"{file} holds no text") from error
    if not text:
        raise BadValue(f"{file} is empty; write the token into it")
    return texts.token(text)


def _token_in_variable(name: str, environ: Mapping[str, str]) -> str:
    text = environ.get(name, "").strip()
    if not text:
        raise BadValue(f"the environment variable {name} is not set; set it to the token")
    return texts.token(text)


def _located(document: source.Document, reader: TableReader) -> list[Located]:
    """In the order of the file, what is missing altogether first, the environment last."""
    order = {place: n for n, place in enumerate(dict.fromkeys(document.places.values()))}
    problems = [
        Located(document.place(mistake.path), dotted(mistake.path), mistake.message)
        for mistake in reader.mistakes
    ]
    return sorted(problems, key=lambda problem: order.get(problem.place, -1))


def completed(config: Config, folder: Path) -> Config:
    """With the defaults that depend on other values or on the machine, and no relative path."""
    data_dir = (
        config.data_dir if config.data_dir.is_absolute() else default_data_dir(config.instance)
    )
    return evolve(
        config,
        data_dir=data_dir,
        station=evolve(config.station, name=config.station.name or socket.gethostname()),
        ipc=evolve(config.ipc, socket=config.socket),
        log=evolve(config.log, file=config.log.file or default_log_file(data_dir)),
        converters=tuple(
            evolve(converter, type=_absolute_type(converter.type, folder))
            for converter in config.converters
        ),
    )


def _absolute_type(text: str, folder: Path) -> str:
    """The file of a converter is looked for where the other paths start, too."""
    if found := texts.converter_file(text):
        file, name = found
        adapter = texts.converter_class(text)[0]
        where = f"{folder / Path(file).expanduser()}:{name}"
        return f"{adapter}:{where}" if adapter else where
    return text

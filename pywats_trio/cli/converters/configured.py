"""Which converter is meant: one of the configuration by its name, or a type."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from pywats_trio.errors import ConfigError, NotFoundError

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config, ConverterOptions, WorkerOptions


def configuration(options: Globals) -> Config | None:
    """The configuration, or None where none was named and none lies in the usual places."""
    try:
        return options.load()
    except NotFoundError:
        if options.config_path is not None:
            raise
        return None


def line_of(config: Config | None, converter: str | None) -> ConverterOptions | None:
    """The configured converter of this name; None: it is a type, or none was named.

    Raises:
        NotFoundError: it is neither; names the nearest.
    """
    from pywats_trio.converters.registry import parse  # noqa: PLC0415 - `--help` must be quick

    configured = {options.name: options for options in config.converters} if config else {}
    if converter is None or converter in configured:
        return configured.get(converter or "")
    try:
        parse(converter)
    except ConfigError as error:
        near = get_close_matches(converter, configured, n=1)
        hint = f"there is no converter {converter!r}; did you mean {near[0]!r}?" if near else error
        raise NotFoundError(str(hint)) from error
    return None


def sandbox_of(config: Config | None) -> tuple[WorkerOptions, tuple[Path, ...]]:
    """How workers are shut in, and what they may not read; without a configuration the default."""
    from pywats_trio.config.options import WorkerOptions  # noqa: PLC0415 - `--help` must be quick

    return (config.workers, config.withheld) if config else (WorkerOptions(), ())

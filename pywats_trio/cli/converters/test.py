"""`pywats-trio converters test FILE`: what a converter makes of a file; nothing is sent."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pywats_trio.cli.converters.configured import configuration, line_of, sandbox_of
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.errors import InvalidInputError, UsageError

if TYPE_CHECKING:
    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config
    from pywats_trio.convert.trial import Attempt


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--converter", metavar="NAME or TYPE", help="Default: the one that is surest.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="An argument for it.")
@click.option("--strict", is_flag=True, help="Refuse what a WATS server would refuse.")
@click.option("--watch", is_flag=True, help="Again at every save of FILE or of the converter.")
@json_option
@click.pass_obj
def test(
    options: Globals,
    file: Path,
    *,
    converter: str | None,
    settings: tuple[str, ...],
    strict: bool,
    watch: bool,
    as_json: bool,
) -> None:
    """Convert FILE as the service would, and print the reports; nothing is stored or sent.

    With --watch, until Ctrl-C; with --json, too, one document a line.
    """
    import trio  # noqa: PLC0415 - `--help` must be quick

    config = configuration(options)
    attempt = _attempt(
        options,
        config,
        file,
        converter=converter,
        settings=dict(map(_setting, settings)),
        strict=strict,
        as_json=as_json,
    )
    if watch:
        from pywats_trio.cli.converters.watch import keep_trying  # noqa: PLC0415

        trio.run(keep_trying, attempt, config, as_json)
    else:
        _try_once(attempt, config, as_json)


def _attempt(
    options: Globals,
    config: Config | None,
    file: Path,
    *,
    converter: str | None,
    settings: dict[str, Any],
    strict: bool,
    as_json: bool,
) -> Attempt:
    from pywats_trio.cli.converters.present import say  # noqa: PLC0415
    from pywats_trio.config.options import StationOptions  # noqa: PLC0415
    from pywats_trio.convert.trial import Attempt  # noqa: PLC0415
    from pywats_trio.converters.api import Station  # noqa: PLC0415

    line = line_of(config, converter)
    station = config.station if config else StationOptions()
    return Attempt(
        file,
        line.type if line else converter,
        name=line.name if line else "test",
        instance=config.instance if config else "default",
        arguments={**(line.arguments if line else {}), **settings},
        station=Station(station.name, station.location, station.purpose),
        strict=strict or bool(line and line.strict),
        log_level=options.log_level or "info",
        **({} if as_json else {"hear": say}),
    )


def _setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; a value that is JSON (a number, true, a list) is taken as that."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text!r}: write KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _try_once(attempt: Attempt, config: Config | None, as_json: bool) -> None:
    import trio  # noqa: PLC0415

    from pywats_trio.cli.converters import present  # noqa: PLC0415
    from pywats_trio.convert.trial import CannotUse, Refused, try_file  # noqa: PLC0415

    try:
        workers, withheld = sandbox_of(config)
        trial = trio.run(partial(try_file, attempt, workers, withheld=withheld))
    except Refused as refused:
        if as_json:
            print_json(present.refusal(refused))
        else:
            present.show_refusal(refused)
        raise click.exceptions.Exit(InvalidInputError.exit_code) from refused
    except CannotUse as error:
        present.show_traceback(error)
        raise
    if as_json:
        for piece in present.printed(trial):
            click.echo(piece, nl=False)
    else:
        present.show(trial)

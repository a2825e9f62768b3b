"""`pywats-trio converters ls|test`: which converters there are, and what one makes of a file."""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.group import Command, Group
from pywats_trio.cli.output import json_option, print_json, print_listing, print_table
from pywats_trio.errors import ConfigError, InvalidInputError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.trial import Refused, Trial

UNBUILT: Final = ("show", "enable", "disable", "reload")
_NONE: Final[dict[str, Command]] = {}


@click.group(cls=Group, commands=_NONE, unbuilt=UNBUILT)
def converters() -> None:
    """List converters, or try one on a file."""


@converters.command("ls")
@json_option
@click.pass_obj
def ls(options: Globals, as_json: bool) -> None:
    """List the configured converters and the types there are."""
    rows = list(_rows(_config(options)))
    if as_json:
        print_listing(rows)
        return
    heads = ("name", "type", "version", "patterns", "watch", "enabled")
    print_table(heads, [[_text(row[head]) for head in heads] for row in rows])
    for row in rows:
        if row["problem"]:
            click.echo(f"{row['name'] or row['type']}: {row['problem']}", err=True)


def _text(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _rows(config: Config | None) -> Iterator[dict[str, Any]]:
    """A row for each configured converter, then one for each type that could be configured."""
    from pywats_trio.converters.registry import STANDARD, entry_points  # noqa: PLC0415

    for options in config.converters if config else ():
        about = _about(options.type, config)
        patterns = list(options.patterns) or about["patterns"]
        watch = str(options.watch)
        yield about | {
            "name": options.name,
            "patterns": patterns,
            "watch": watch,
            "enabled": options.enabled,
        }
    for type_ in (*STANDARD, *entry_points()):
        yield {"name": "", **_about(type_, config), "watch": "", "enabled": None}


def _about(type_: str, config: Config | None) -> dict[str, Any]:
    """What the converter says of itself; its code runs in a worker."""
    import trio  # noqa: PLC0415

    from pywats_trio.config.options import WorkerOptions  # noqa: PLC0415
    from pywats_trio.convert.trial import describe  # noqa: PLC0415

    workers = config.workers if config else WorkerOptions()
    row: dict[str, Any] = {"type": type_, "id": "", "version": "", "patterns": []}
    try:
        found = trio.run(describe, type_, workers)
    except ConfigError as error:
        return row | {"arguments": {}, "problem": str(error)}
    return row | {
        "id": found.id,
        "version": found.version,
        "patterns": list(found.patterns),
        "arguments": dict(found.arguments),
        "problem": "",
    }


def _config(options: Globals) -> Config | None:
    """The configuration, or None where none was named and none lies in the usual places."""
    try:
        return options.load()
    except NotFoundError:
        if options.config_path is not None:
            raise
        return None


@converters.command("test")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--converter", metavar="NAME or TYPE", help="Default: the one that is surest.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="An argument for it.")
@json_option
@click.pass_obj
def test(
    options: Globals,
    file: Path,
    converter: str | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Convert FILE as the service would, and print the reports; nothing is stored or sent."""
    from pywats_trio.convert.trial import Refused  # noqa: PLC0415

    try:
        trial = _try(_config(options), file, converter, dict(map(_setting, settings)))
    except Refused as refused:
        _print_refusal(refused, as_json)
        raise click.exceptions.Exit(InvalidInputError.exit_code) from refused
    if as_json:
        print_json(_document(trial))
    else:
        _print_trial(trial)


def _try(
    config: Config | None, file: Path, converter: str | None, settings: dict[str, Any]
) -> Trial:
    import trio  # noqa: PLC0415

    from pywats_trio.config.options import StationOptions, WorkerOptions  # noqa: PLC0415
    from pywats_trio.convert.trial import test_file  # noqa: PLC0415
    from pywats_trio.converters.api import Station  # noqa: PLC0415

    line = _configured(config, converter)
    station = config.station if config else StationOptions()
    return trio.run(
        partial(
            test_file,
            file,
            line.type if line else converter,
            config.workers if config else WorkerOptions(),
            name=line.name if line else "test",
            instance=config.instance if config else "default",
            arguments={**(line.arguments if line else {}), **settings},
            station=Station(station.name, station.location, station.purpose),
        )
    )


def _configured(config: Config | None, converter: str | None) -> ConverterOptions | None:
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


def _setting(text: str) -> tuple[str, Any]:
    """`KEY=VALUE`; a value that is JSON (a number, true, a list) is taken as that."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"--set {text!r}: write KEY=VALUE")
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value


def _document(trial: Trial) -> dict[str, Any]:
    """As contract section 3 has it."""
    findings = [
        {
            "path": f"{_at(number, trial)}{finding.path}",
            "message": finding.message,
            "severity": finding.severity,
        }
        for number, report in enumerate(trial.reports)
        for finding in report.findings
    ]
    return {
        "converter": trial.converter,
        "reports": [json.loads(report.body) for report in trial.reports],
        "findings": findings,
        "seconds": trial.seconds,
        "peak_memory_bytes": trial.peak_memory_bytes,
    }


def _at(number: int, trial: Trial) -> str:
    """Which report a finding is about, where there are several."""
    return f"reports[{number}]." if len(trial.reports) > 1 else ""


def _print_trial(trial: Trial) -> None:
    for report in trial.reports:
        # The text as it would be sent: a number keeps its digits only as text.
        click.echo(report.body.decode("utf-8"))
    for finding in _document(trial)["findings"]:
        click.echo(f"{finding['severity']}: {finding['path']}: {finding['message']}", err=True)
    count = len(trial.reports)
    click.echo(
        f"{count} report{'s' * (count != 1)} by {trial.converter} in {trial.seconds:.3f} s, "
        f"{trial.peak_memory_bytes / 2**20:.0f} MiB",
        err=True,
    )


def _print_refusal(refused: Refused, as_json: bool) -> None:
    if as_json:
        print_json({"converter": refused.converter, "refused": True, "why": refused.why})
        return
    click.echo(f"refused by {refused.converter}: {refused.why}", err=True)
    for more in filter(None, (refused.hint, refused.evidence)):
        click.echo(more, err=True)

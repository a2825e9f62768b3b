"""`pywats-trio config init|check|show|schema`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pywats_trio.cli.group import Group
from pywats_trio.cli.output import json_option, print_json, print_table
from pywats_trio.config.mistakes import InvalidConfig
from pywats_trio.config.show import as_document, settings
from pywats_trio.errors import ConfigError, PywatsTrioError, UsageError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.load import Loaded
    from pywats_trio.config.mistakes import Located

UNBUILT: Final = ("migrate", "set")


@click.group("config", cls=Group, commands={}, unbuilt=UNBUILT)
def config() -> None:
    """Begin, check or show the configuration, or print its schema."""


@config.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--stdout", "to_stdout", is_flag=True, help="Print it, and write no file.")
@json_option
@click.pass_obj
def init(options: Globals, file: Path | None, to_stdout: bool, as_json: bool) -> None:
    """Write a commented FILE to begin with; by default in the user's configuration folder.

    Three values have to be filled in. A file that is there already is left alone.
    """
    from pywats_trio.config.places import usual_places  # noqa: PLC0415 - `check` does without
    from pywats_trio.config.starter import starter  # noqa: PLC0415

    text = starter()
    target = file or options.config_path or usual_places()[0]
    if not to_stdout:
        _write_new(target, text)
    if as_json:
        print_json({"file": None if to_stdout else target, "text": text})
    elif to_stdout:
        click.echo(text, nl=False)
    else:
        click.echo(
            f"{printable(str(target))}: written; fill in server.url, server.token and the "
            "converter's watch, then ask `pywats-trio config check`"
        )


def _write_new(file: Path, text: str) -> None:
    """For its owner alone: a token will stand in it.

    Raises:
        UsageError: there is a file already.
        PywatsTrioError: it cannot be written.
    """
    told = printable(str(file))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError as error:
        raise UsageError(
            f"{told} is there already and was left alone; name another file, or remove it first"
        ) from error
    except OSError as error:
        raise PywatsTrioError(
            f"{told} cannot be written: {error.strerror}; name another file"
        ) from error


@config.command()
@json_option
def schema(as_json: bool) -> None:
    """Print the JSON Schema of the configuration (draft 2020-12)."""
    from pywats_trio.config.schema import schema as made  # noqa: PLC0415

    del as_json  # it is one JSON document either way
    print_json(made())


@config.command()
@json_option
@click.pass_context
def check(ctx: click.Context, as_json: bool) -> None:
    """Say whether the configuration is good, or list every problem with file, line and key.

    Its converters are asked and their folders looked at, as before a `run`. A warning may pass by
    itself: a folder that is away can come back.
    """
    from pywats_trio.cli.config_check import check_converters  # noqa: PLC0415 - `show` does without

    options: Globals = ctx.obj
    try:
        loaded = options.load_with_places()
    except InvalidConfig as error:
        if not as_json:
            raise
        _print_check(error.file, error.problems, ())
        ctx.exit(error.exit_code)
    checked = check_converters(loaded)
    if as_json:
        _print_check(loaded.file, checked.problems, checked.warnings)
        ctx.exit(ConfigError.exit_code if checked.problems else 0)
    for warning in checked.warnings:
        click.echo(f"warning: {warning}", err=True)
    if checked.problems:
        raise InvalidConfig(loaded.file, checked.problems)
    _print_findings(loaded)


def _print_check(file: Path, problems: Sequence[Located], warnings: Sequence[Located]) -> None:
    good = not problems
    print_json({"file": file, "ok": good, "problems": problems, "warnings": warnings})


@config.command()
@json_option
@click.pass_obj
def show(options: Globals, as_json: bool) -> None:
    """Print every value that is in effect, secrets masked, and where it came from."""
    loaded = options.load_with_places()
    if as_json:
        print_json(as_document(loaded))
    else:
        rows = [(setting.key, setting.value, setting.origin) for setting in settings(loaded)]
        print_table(("KEY", "VALUE", "FROM"), rows)


def _print_findings(loaded: Loaded) -> None:
    effective = loaded.config
    click.echo(f"{loaded.file}: ok")
    token = "with a token" if effective.server.token else "without a token"
    _print_finding("instance", effective.instance)
    _print_finding("data", effective.data_dir)
    _print_finding("server", f"{effective.server.url}, {token}")
    for converter in effective.converters:
        state = "" if converter.enabled else ", not enabled"
        words = f"{converter.name}: {converter.type} in {converter.watch}{state}"
        _print_finding("converter", words)
    count = len(effective.converters)
    _print_finding("converters", count if count else "none, so no file is taken")


def _print_finding(what: str, words: object) -> None:
    click.echo(f"  {what:<10}  {printable(str(words))}")

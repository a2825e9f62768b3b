"""`pywats-trio converters enable`, `disable` and `reload`: asked of the running service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.converters import words
from pywats_trio.cli.converters.trace import authors_frames
from pywats_trio.cli.link import Link, address
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.cli.main import Globals

PATIENCE: Final = 600.0
"""Seconds; each import may take `workers.timeout_seconds`."""


@click.command()
@click.argument("name")
@json_option
@click.pass_obj
def enable(options: Globals, name: str, as_json: bool) -> None:
    """Watch the folder of a disabled converter again, and let its files go on."""
    done = _ask(options, "enable_converter", {"name": name})
    _tell(done, [f"{name}: enabled" if done.get("changed") else f"{name} was enabled"], as_json)


@click.command()
@click.argument("name")
@json_option
@click.pass_obj
def disable(options: Globals, name: str, as_json: bool) -> None:
    """Leave the folder of a converter alone and let its files wait, also after a restart.

    What is being converted is finished. `enable` lets the others go on.
    """
    done = _ask(options, "disable_converter", {"name": name})
    _tell(done, [f"{name}: disabled" if done.get("changed") else f"{name} was disabled"], as_json)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
@click.pass_obj
def reload(options: Globals, names: tuple[str, ...], as_json: bool) -> None:
    """Take the code of converters as it is now into use, without dropping a job; default: of all.

    Code that cannot be used is refused with its traceback, and what is in use stays.
    """
    with Link(address(options).socket) as link:
        asked = {"names": list(names)}
        done = link.ask_patiently("reload_converters", asked, seconds=PATIENCE)
    _tell(done, _lines(done), as_json)
    if told := words.refused(done):
        raise ConfigError(told)


def _ask(options: Globals, command: str, args: Mapping[str, object]) -> dict[str, Any]:
    with Link(address(options).socket) as link:
        return link.ask_patiently(command, args)


def _lines(done: Mapping[str, Any]) -> Iterator[str]:
    for one in done.get("reloaded", ()):
        yield f"{one.get('name')}: reloaded{_state(one)}"
    for one in done.get("unchanged", ()):
        yield f"{one.get('name')}: as it was{_state(one)}"
    for one in done.get("refused", ()):
        if traceback := authors_frames(str(one.get("traceback") or "")).rstrip():
            yield traceback
        yield f"{one.get('name')}: refused: {one.get('why')}"


def _state(one: Mapping[str, Any]) -> str:
    version = f", version {one['version']}" if one.get("version") else ""
    return version + (f" ({one['revision']})" if one.get("revision") else "")


def _tell(done: Mapping[str, Any], lines: Iterator[str] | list[str], as_json: bool) -> None:
    if as_json:
        print_json(dict(done))
        return
    for line in lines:
        click.echo(line)

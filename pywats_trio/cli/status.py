"""`pywats-trio status [--watch]`: what the running service does. Loads no event loop."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.link import Link, address
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.screen import Screen, styled
from pywats_trio.cli.status_page import page
from pywats_trio.errors import NotRunning, PywatsTrioError, TookTooLong

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pywats_trio.cli.main import Globals

EVERY_SECONDS: Final = 1.0
COUNT_SECONDS: Final = 2.0
"""For what the queue has of each converter: a disk that hangs must not keep the rest from view."""
AWAY: Final = (NotRunning, TookTooLong)
"""It is gone, or there but without time; either way it may come back."""


@click.command()
@click.option("--watch", is_flag=True, help="Show it again every second, until Ctrl-C.")
@json_option
@click.pass_obj
def status(options: Globals, watch: bool, as_json: bool) -> None:
    """Show the state of the service, its queue, its converters and its server.

    With --watch and --json, one document a line. A service that goes away is waited for.
    """
    socket = address(options).socket
    if watch:
        _watch(socket, as_json)
        return
    with Link(socket) as link:
        told = _told(link)
    if as_json:
        print_json(told)
    else:
        _print(page(told, time.time()))


def _told(link: Link) -> dict[str, Any]:
    """What `get_status` answers; of each converter also `counts`, where the queue can be asked."""
    told = link.ask_patiently("get_status", {})
    with suppress(PywatsTrioError):
        listed = link.ask_patiently("get_converters", {}, seconds=COUNT_SECONDS)
        told["converters"] = listed["items"]
    return told


def _print(lines: list[str]) -> None:
    for line in lines:
        click.echo(styled(line))


def _watch(socket: Path, as_json: bool) -> None:
    if as_json:
        for told in _readings(socket):
            if isinstance(told, PywatsTrioError):
                click.echo(_away(told), err=True)
            else:
                click.echo(json.dumps(told))
        return
    with Screen(whole=True) as screen:
        _draw(screen, socket)


def _draw(screen: Screen, socket: Path) -> None:
    before: dict[str, Any] | None = None
    for told in _readings(socket):
        if isinstance(told, PywatsTrioError):
            screen.draw([_away(told)])
            before = None
        else:
            screen.draw(page(told, time.time(), before))
            before = told


def _away(error: PywatsTrioError) -> str:
    at = time.strftime("%H:%M:%S")
    return f"{at}: {error}; waiting for it (Ctrl-C ends this)"


def _readings(socket: Path) -> Iterator[dict[str, Any] | PywatsTrioError]:
    """A reading every second; each time the service goes away, that, once, until it is back.

    Raises:
        NotRunning, TookTooLong: it is not there to begin with.
    """
    link = Link(socket)
    while True:
        try:
            with link:
                while True:
                    yield _told(link)
                    if link.hung_up(EVERY_SECONDS):
                        break
            link = Link(socket)
        except AWAY as error:
            yield error
            link = _patiently(socket)


def _patiently(socket: Path) -> Link:
    while True:
        try:
            return Link(socket)
        except AWAY:
            time.sleep(EVERY_SECONDS)  # noqa: TID251 - no event loop here

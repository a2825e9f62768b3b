"""`pywats-trio submit FILE...`: hand files over to the running service, and wait for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.link import Link, address
from pywats_trio.cli.output import json_option, print_listing
from pywats_trio.errors import (
    InvalidInputError,
    NotReady,
    NotRunning,
    PywatsTrioError,
    QueueFull,
)
from pywats_trio.model import FINISHED
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.cli.main import Globals

    Told = dict[str, Any]

WAIT_SECONDS: Final = 30.0
"""How long one request waits for an item, or for room; then another does."""


@click.command()
@click.argument(
    "files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path)
)
@click.option("--converter", metavar="NAME", default="", help="Default: the one that is surest.")
@click.option(
    "--priority",
    metavar="P",
    type=click.IntRange(1, 10),
    default=5,
    show_default=True,
    help="1 first to 10 last.",
)
@click.option("--wait", is_flag=True, help="Until all are delivered, or cannot be.")
@click.option(
    "--wait-for-room", is_flag=True, help="Where the queue or the disk is full, instead of failing."
)
@json_option
@click.pass_context
def submit(
    ctx: click.Context,
    *,
    files: tuple[Path, ...],
    converter: str,
    priority: int,
    wait: bool,
    wait_for_room: bool,
    as_json: bool,
) -> None:
    """Hand FILEs over without a watch folder; they themselves are not touched.

    A FILE may be a folder, or a header file with its folder, where a converter takes such.
    A file is accepted when its line is printed: the service has a copy, on disk and in its queue.
    """
    batch = _Batch(converter, priority, wait_for_room=wait_for_room, quiet=as_json)
    with _link(ctx.obj) as link:
        batch.hand_over(link, files)
        if wait:
            batch.wait(link)
    if as_json:
        print_listing(batch.items)
    ctx.exit(batch.exit_code)


def _link(options: Globals) -> Link:
    try:
        return Link(address(options).socket)
    except NotRunning as error:
        raise NotRunning(
            f"{error} (to submit to a service that is stopped is not built yet)"
        ) from error


class _Batch:
    """Files that are handed over together; `exit_code` is that of the first that failed, or 0."""

    def __init__(self, converter: str, priority: int, *, wait_for_room: bool, quiet: bool) -> None:
        self._converter = converter
        self._priority = priority
        self._wait_for_room = wait_for_room
        self._quiet = quiet
        self.items: list[Told] = []
        """As the service shows them, in the order of the files."""
        self.exit_code = 0

    def hand_over(self, link: Link, files: Sequence[Path]) -> None:
        """Each file by itself: whatever is wrong with one is told, and the next may be well."""
        for number, file in enumerate(files):
            try:
                item = self._accepted(link, file)
            except NotRunning as error:
                others = f" and {more} more" if (more := len(files) - number - 1) else ""
                self._fail(f"{_told(file)}{others}: {error}; submit again what is left", error)
                return
            except PywatsTrioError as error:
                self._fail(_naming(file, str(error)), error)
            else:
                self.items.append(item)
                self._say(f"item {item['id']}: {_told(file)} accepted for {item['converter']}")

    def _accepted(self, link: Link, file: Path) -> Told:
        """The item; where there is no room and the user said so, once there is."""
        path = os.path.abspath(file)  # noqa: PTH100 - keep links
        wanted = {"path": path, "converter": self._converter, "priority": self._priority}
        known = ""
        while True:
            try:
                return link.ask_patiently("submit_file", wanted)
            except QueueFull as error:
                if not self._wait_for_room:
                    raise
                if str(error) != known:
                    click.echo(f"{_told(file)}: waiting: {error}", err=True)
                known = str(error)
                wanted["room_seconds"] = WAIT_SECONDS

    def wait(self, link: Link) -> None:
        """Until all that were accepted have come to an end."""
        try:
            for index, item in enumerate(self.items):
                self.items[index] = self._ended(link, item)
        except (NotReady, NotRunning) as error:  # the former where it stops
            self._fail(f"{error}; what it has accepted goes on at its next start", NotRunning)

    def _ended(self, link: Link, item: Told) -> Told:
        """The item at its end, and of what it waits for meanwhile, a word on standard error."""
        question = {"id": item["id"], "wait_seconds": WAIT_SECONDS}
        known = ""
        while waiting := _waiting(found := link.ask_patiently("get_item", question)):
            if waiting != known:
                click.echo(waiting, err=True)
            known = waiting
        if found["delivered"]:
            count = found["report_count"]
            self._say(f"item {found['id']}: delivered, {count} report{'s' * (count != 1)}")
        else:
            why = found["why"] or "nothing came of it"
            self._fail(f"item {found['id']}: not delivered: {why}", InvalidInputError)
        return found

    def _say(self, line: str) -> None:
        if not self._quiet:
            click.echo(line)

    def _fail(self, sentence: str, error: PywatsTrioError | type[PywatsTrioError]) -> None:
        click.echo(sentence, err=True)
        self.exit_code = self.exit_code or error.exit_code


def _waiting(found: Told) -> str:
    """What of an item and its reports has no end yet; empty when all have."""
    for one in (found, *found["reports"]):
        if one["state"] not in FINISHED:
            why = f": {one['last_error']}" if one["last_error"] else ""
            return f"item {found['id']}: waiting, {one['kind']} {one['id']} is {one['state']}{why}"
    return ""


def _naming(file: Path, sentence: str) -> str:
    """The sentence with the file in it, unless it is there already."""
    return sentence if os.path.abspath(file) in sentence else f"{_told(file)}: {sentence}"  # noqa: PTH100


def _told(file: Path) -> str:
    return printable(str(file))

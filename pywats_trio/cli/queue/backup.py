"""`queue backup`, `restore`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.queue.destroy import yes
from pywats_trio.errors import UsageError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywats_trio.cli.main import Globals
    from pywats_trio.service.restore import Restored


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace a file that is there already.")
@json_option
@click.pass_obj
def backup(options: Globals, /, *, file: Path, force: bool, as_json: bool) -> None:
    """Copy the queue as it is now to FILE, while the service goes on.

    With the test files that wait to be converted; verified before FILE gets its name.
    """
    with asking(options) as ask:
        answer = ask("backup_queue", {"path": str(file.absolute()), "force": force})
    if as_json:
        print_json(answer)
        return
    click.echo(f"{answer['file']}: {_size(answer['bytes'])}, {_counted(answer['items'])}")
    click.echo(f"{answer['sources']} files that wait to be converted are in it")
    for one in answer["missing_sources"]:
        click.echo(f"not in it: item {one['item_id']}: {one['why']}", err=True)
    _tell_damaged(answer["damaged"], answer["damaged_count"])


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@yes
@json_option
@click.pass_obj
def restore(options: Globals, /, *, file: Path, yes: bool, as_json: bool) -> None:
    """Make what the backup FILE holds the queue of the service, which must be stopped.

    The present queue is kept beside it under a name with the time.
    """
    from pywats_trio.service import restore as restoring  # noqa: PLC0415 - loads much

    done = restoring.restore(options.load(), file.absolute(), _agreement(yes=yes))
    answer = _answer(file, done)
    if as_json:
        print_json(answer)
        return
    click.echo(f"restored: {_counted(answer['items'])}")
    if answer["sources"]:
        click.echo(f"{answer['sources']} files that wait to be converted were put into the inbox")
    if answer["missing_sources"]:
        click.echo(
            f"{answer['missing_sources']} files that wait to be converted are not in the backup; "
            "those that are not where they lay will fail",
            err=True,
        )
    if answer["kept"]:
        click.echo(f"the former queue is kept as {answer['kept']}")
    _tell_damaged(answer["damaged"], len(answer["damaged"]))
    _tell_other_instance(answer["instance"], options.load().instance)


def _agreement(*, yes: bool) -> Callable[[int], None]:
    """Asks, on a terminal, whether the present queue is to be replaced."""

    def agreed(count: int) -> None:
        if yes:
            return
        what = "which cannot be read" if count < 0 else f"with {count} items"
        told = f"this replaces the present queue, {what}; it is kept under another name"
        if not sys.stdin.isatty():
            raise UsageError(f"{told}; add --yes")
        click.confirm(f"{told[0].upper()}{told[1:]}. Go on?", abort=True, err=True)

    return agreed


def _answer(file: Path, done: Restored) -> dict[str, Any]:
    from pywats_trio.commands.queue.backup import by_kind  # noqa: PLC0415
    from pywats_trio.model import UNFINISHED, Kind  # noqa: PLC0415
    from pywats_trio.observe.status import iso  # noqa: PLC0415

    contents = done.contents
    files = sum(contents.items.get((Kind.FILE, state), 0) for state in UNFINISHED)
    return {
        "file": printable(str(file.absolute())),
        "made_at": None if contents.at is None else iso(contents.at),
        "instance": contents.instance,
        "items": by_kind(contents.items),
        "sources": done.sources,
        "missing_sources": max(0, files - contents.sources),
        "kept": None if done.kept is None else printable(str(done.kept)),
        "damaged": list(contents.damaged),
    }


def _counted(items: Mapping[str, Mapping[str, int]]) -> str:
    """`3 files (2 PENDING, 1 HELD), 5 reports (…)`."""
    told = []
    for kind, states in items.items():
        listed = ", ".join(f"{count} {state}" for state, count in states.items())
        told.append(f"{sum(states.values())} {kind}s ({listed})")
    return ", ".join(told) or "no items"


def _size(count: int) -> str:
    return f"{count / 1024**2:.1f} MiB" if count >= 1024**2 else f"{count} bytes"


def _tell_damaged(items: list[int], count: int) -> None:
    if items:
        listed = ", ".join(map(str, items)) + (" and more" if count > len(items) else "")
        click.echo(
            f"{count} reports were already damaged in the queue and will never be sent: items "
            f"{listed}; drop their source files again",
            err=True,
        )


def _tell_other_instance(there: str, here: str) -> None:
    if there not in ("", here):
        click.echo(
            f"the backup is of the instance {there!r}, this one is {here!r}: reports that are yet "
            "to be converted and have no id of their own will get other ids; to keep them, run "
            f"the service with instance = {there!r}",
            err=True,
        )

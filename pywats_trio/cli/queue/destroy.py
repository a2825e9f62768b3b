"""`queue rm`, `clear`: what destroys asks on a terminal, and needs `--yes` elsewhere."""

from __future__ import annotations

import sys
from typing import Any, Final

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option
from pywats_trio.cli.queue.change import chosen, numbers, show
from pywats_trio.cli.queue.filters import arguments, filtered
from pywats_trio.errors import UsageError

yes = click.option("--yes", is_flag=True, help="Do not ask.")
dry_run = click.option("--dry-run", is_flag=True, help="Only say how many it would remove.")

REMOVES: Final = "for good, with their payload and their history"


@click.command()
@numbers
@filtered
@yes
@dry_run
@json_option
@click.pass_context
def rm(ctx: click.Context, /, *, yes: bool, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401
    """Remove items by ID or filter, for good, with their history.

    Files are left where they lie. What is just being worked on is passed over.
    """
    _destroy(ctx, "remove_items", chosen(wanted), yes=yes, as_json=as_json)


@click.command()
@filtered
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Also what waits or is held: it will never be delivered.",
)
@yes
@dry_run
@json_option
@click.pass_context
def clear(ctx: click.Context, /, *, yes: bool, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401
    """Remove all that is COMPLETED, FAILED or QUARANTINED, or what of it a filter means."""
    _destroy(ctx, "clear_queue", arguments(wanted), yes=yes, as_json=as_json)


def _destroy(
    ctx: click.Context, command: str, asked: dict[str, Any], *, yes: bool, as_json: bool
) -> None:
    dry = "dry_run" in asked
    if not (yes or dry):
        _confirm(ctx, command, asked)
    with asking(ctx.obj) as ask:
        answer = ask(command, asked)
    show(ctx, answer, "would be removed" if dry else "removed", as_json=as_json)


def _confirm(ctx: click.Context, command: str, asked: dict[str, Any]) -> None:
    """Ask whether so many items are to go; not on a connection, for people take their time.

    Raises:
        UsageError: there is nobody to be asked.
        click.Abort: they are not.
    """
    if not sys.stdin.isatty():
        raise UsageError(f"`{ctx.command_path}` removes items {REMOVES}; add --yes")
    with asking(ctx.obj) as ask:
        count = ask(command, {**asked, "dry_run": True})["changed"]
    if count:
        what = "1 item" if count == 1 else f"{count} items"
        click.confirm(f"Remove {what} {REMOVES}?", abort=True, err=True)

"""`queue retry`, `hold`, `release`, `priority`."""

from __future__ import annotations

from typing import Any

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.queue.filters import LARGEST_ID, arguments, filtered
from pywats_trio.errors import NotFoundError, UsageError

numbers = click.argument(
    "ids", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1, max=LARGEST_ID)
)
"""Which items, by their numbers; the argument is `ids: tuple[int, ...]`."""


def chosen(values: dict[str, Any]) -> dict[str, Any]:
    """Numbers and filter as arguments of a command.

    Raises:
        UsageError: nothing was given.
    """
    if not (asked := arguments(values)):
        raise UsageError("say which items: by ID, or by a filter such as --state FAILED")
    return asked


def show(ctx: click.Context, answer: dict[str, Any], done: str, *, as_json: bool) -> None:
    """What was changed, and what was not, as the exit code says, too.

    21 if one that was named does not exist, 1 if one was passed over.
    """
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['changed']} {done}")
        for one in answer["skipped"]:
            click.echo(one["why"], err=True)
        if more := answer["skipped_count"] - len(answer["skipped"]):
            click.echo(f"and {more} more", err=True)
    ctx.exit(NotFoundError.exit_code if answer["missing"] else int(answer["skipped_count"] > 0))


def _changing(name: str, command: str, doc: str, done: str) -> click.Command:
    @click.command(name, help=doc)
    @numbers
    @filtered
    @json_option
    @click.pass_context
    def change(ctx: click.Context, /, *, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401
        asked = chosen(wanted)
        with asking(ctx.obj) as ask:
            answer = ask(command, asked)
        show(ctx, answer, done, as_json=as_json)

    return change


retry = _changing(
    "retry",
    "retry_items",
    "Bring back items that failed, by ID or filter; attempts begin anew, and a file is read from "
    "where it lies now.",
    "retried",
)
hold = _changing("hold", "hold_items", "Keep items back until `release`.", "held")
release = _changing("release", "release_items", "Let go of held items.", "released")


@click.command()
@click.argument("priority", metavar="P", type=click.IntRange(1, 10))
@numbers
@filtered
@json_option
@click.pass_context
def priority(
    ctx: click.Context,
    /,
    *,
    priority: int,
    as_json: bool,
    **wanted: Any,  # noqa: ANN401
) -> None:
    """Give items the priority P, 1 first to 10 last, by ID or filter, from the next claim on."""
    asked = chosen(wanted)
    with asking(ctx.obj) as ask:
        answer = ask("set_priority", {**asked, "priority": priority})
    show(ctx, answer, f"set to priority {priority}", as_json=as_json)

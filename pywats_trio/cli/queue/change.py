"""`queue retry`, `hold`, `release`."""

from __future__ import annotations

from typing import Any

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.queue.filters import arguments, filtered


def _changing(name: str, command: str, doc: str, done: str) -> click.Command:
    @click.command(name, help=doc)
    @click.argument("ids", metavar="[ID]...", nargs=-1, type=click.IntRange(min=1))
    @filtered
    @json_option
    @click.pass_context
    def change(ctx: click.Context, /, *, as_json: bool, **wanted: Any) -> None:  # noqa: ANN401
        wanted["ids"] = list(wanted["ids"])
        with asking(ctx.obj) as ask:
            answer = ask(command, arguments(wanted))
        show(ctx, answer, done, as_json=as_json)

    return change


def show(ctx: click.Context, answer: dict[str, Any], done: str, *, as_json: bool) -> None:
    """What was changed, and what was not; exit code 1 if something that was named was not."""
    if as_json:
        print_json(answer)
    else:
        click.echo(f"{answer['changed']} {done}")
        for one in answer["skipped"]:
            click.echo(one["why"], err=True)
    ctx.exit(1 if answer["skipped_count"] else 0)


retry = _changing(
    "retry",
    "retry_items",
    "Bring back items that failed, by ID or filter; attempts begin anew.",
    "retried",
)
hold = _changing("hold", "hold_items", "Keep items back until `release`.", "held")
release = _changing("release", "release_items", "Let go of held items.", "released")

"""`queue compact`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.status_page import size

if TYPE_CHECKING:
    from typing import Any


@click.command()
@json_option
@click.pass_context
def compact(ctx: click.Context, /, *, as_json: bool) -> None:
    """Remove what is older than its retention, and give free room back to the disk.

    The service does both by itself, little by little. Failed items become files in data_dir/failed
    before they leave.
    """
    with asking(ctx.obj) as ask:
        answer = ask("compact_queue", {})
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    ctx.exit(1 if answer["not_written"] else 0)


def _show(answer: dict[str, Any]) -> None:
    before, after = answer["bytes_before"], answer["bytes_after"]
    click.echo(f"{answer['removed']} removed; {size(before)} before, {size(after)} now")
    if answer["written"]:
        click.echo(f"{answer['written']} of them had failed; they are in {answer['written_to']}")
    if why := answer["not_written"]:
        click.echo(f"failed items stayed, for they cannot be written to files: {why}", err=True)

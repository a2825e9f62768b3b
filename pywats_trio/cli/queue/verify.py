"""`queue verify`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json

if TYPE_CHECKING:
    from typing import Any


@click.command()
@json_option
@click.pass_context
def verify(ctx: click.Context, /, *, as_json: bool) -> None:
    """Look the whole queue through: checksums of pages and reports, tables, totals.

    It goes on beside the work. A damaged report is quarantined; a damaged database is set aside and
    salvaged, by the running service at once, otherwise at the next start. If all is well, the
    warning of an earlier damage ends. Exit code 1: something is wrong.
    """
    with asking(ctx.obj) as ask:
        answer = ask("verify_queue", {})
    if as_json:
        print_json(answer)
    else:
        _show(answer)
    ctx.exit(0 if answer["whole"] else 1)


def _show(answer: dict[str, Any]) -> None:
    looked = f"{answer['pages']} pages of the file, {answer['items']} items"
    verdict = "all is well" if answer["whole"] else "something is wrong"
    click.echo(f"{looked}, {answer['reports']} reports: {verdict}")
    if answer["bad_page_count"]:
        click.echo(f"the checksums of {answer['bad_page_count']} pages differ", err=True)
    for problem in answer["problems"]:
        click.echo(problem, err=True)
    for one in answer["damaged"]:
        click.echo(f"item {one['id']} ({one['state']}): its report is damaged", err=True)
    if answer["quarantined"]:
        click.echo(f"{answer['quarantined']} quarantined", err=True)
    if (before := answer["salvaged"]) and before["folder"]:
        click.echo(
            f"of {before['total']} items {before['salvaged']} were salvaged from a damage at "
            f"{before['at']}, {before['lost']} lost; the old files are in {before['folder']}"
        )

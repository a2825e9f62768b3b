"""`queue ls`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_listing, print_table
from pywats_trio.cli.queue.filters import arguments, filtered

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.cli.main import Globals

    Ask = Callable[[str, dict[str, Any]], dict[str, Any]]

PAGE: Final = 500
"""Items that are asked for at a time."""
HEADS: Final = ("ID", "KIND", "STATE", "PRIO", "CONVERTER", "SERIAL", "AGE", "WHAT")


@click.command()
@filtered
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option("--after", type=click.IntRange(min=0), help="The `next` of the page before.")
@click.option("--oldest", "oldest_first", is_flag=True, help="The oldest first.")
@json_option
@click.pass_obj
def ls(
    options: Globals, /, *, limit: int, after: int | None, as_json: bool, **filters: object
) -> None:
    """List items of the queue, the newest first."""
    with asking(options) as ask:
        items, following = page(ask, arguments(filters), limit, after)
    if as_json:
        print_listing(items, following)
        return
    print_table(HEADS, [_row(item) for item in items])
    if following is not None:
        click.echo(f"there are more: --after {following}", err=True)


def page(
    ask: Ask, wanted: dict[str, Any], limit: int, after: int | None
) -> tuple[list[dict[str, Any]], int | None]:
    """`limit` items, or fewer at the end; and where the next page begins."""
    items: list[dict[str, Any]] = []
    while True:
        paging: dict[str, Any] = {"limit": min(PAGE, limit - len(items))}
        if after is not None:
            paging["after"] = after
        found = ask("get_queue", {**wanted, **paging})
        items += found["items"]
        after = found["next"]
        if after is None or len(items) >= limit:
            return items, after


def _row(item: dict[str, Any]) -> tuple[object, ...]:
    state = f"{item['state']} ({item['reason']})" if item["reason"] else item["state"]
    what = item["last_error"] or item["report_id"] or item["source"]
    return (
        item["id"],
        item["kind"],
        state,
        item["priority"],
        item["converter"],
        item["serial_number"],
        item["created_at"],
        what,
    )

"""`queue ls`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_listing, print_table
from pywats_trio.cli.queue.ages import age
from pywats_trio.cli.queue.filters import LARGEST_ID, arguments, filtered
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.cli.main import Globals

    Ask = Callable[[str, dict[str, Any]], dict[str, Any]]

PAGE: Final = 500
"""Items that are asked for at a time."""
HEADS: Final = ("ID", "KIND", "STATE", "PRIO", "CONVERTER", "SERIAL", "AGE", "WHAT")
WIDTH: Final = 80
"""Characters of an error in the table; `show` has all of it."""


@click.command()
@filtered
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True)
@click.option(
    "--after", type=click.IntRange(min=0, max=LARGEST_ID), help="The `next` of the page before."
)
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
    now = time.time()
    print_table(HEADS, [row(item, now) for item in items])
    if following is not None:
        click.echo(f"there are more: --after {following}", err=True)


def page(
    ask: Ask, wanted: dict[str, Any], limit: int, after: int | None
) -> tuple[list[dict[str, Any]], int | None]:
    """`limit` items, or fewer at the end; and where the next page begins.

    A search through many items ends early on the service's side; it is gone on with here.
    """
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


def row(item: dict[str, Any], now: float) -> tuple[object, ...]:
    """The item as a line of the table; `now` is in seconds since the epoch."""
    what = item["last_error"] or item["report_id"] or item["source"]
    return (
        item["id"],
        item["kind"],
        standing(item),
        item["priority"],
        item["converter"],
        item["serial_number"],
        age(item["created_at"], now),
        shortened(what, WIDTH),
    )


def standing(item: dict[str, Any]) -> str:
    """Its state, and the reason or the progress."""
    if item["state"] == "PROCESSING":
        return f"PROCESSING {item['progress']} %"
    return f"{item['state']} ({item['reason']})" if item["reason"] else str(item["state"])

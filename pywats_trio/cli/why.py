"""`pywats-trio why`: a unit's whole life, and what it waits for."""

from __future__ import annotations

import os
import textwrap
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.cli.screen import styled
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.cli.main import Globals

    Told = dict[str, Any]

WIDTH: Final = 80
_WAYS: Final = {"report_id": "report id", "serial_number": "serial number"}


@click.command()
@click.argument("what", metavar="SERIAL|FILE|REPORT-ID|ITEM")
@click.option(
    "--limit",
    type=click.IntRange(1, 100),
    default=20,
    show_default=True,
    help="Units to tell of, the newest.",
)
@json_option
@click.pass_obj
def why(options: Globals, what: str, limit: int, as_json: bool) -> None:
    """Tell the whole life of a unit: what became of it, what it waits for, and the next try.

    A file is meant by its name or its path, where it was dropped or where it lies now.
    """
    with asking(options) as ask:
        answer = ask("why", {"what": _meant(what), "limit": limit})
    if as_json:
        print_json(answer)
        return
    for line in page(answer):
        click.echo(styled(line))


def _meant(what: str) -> str:
    """A path from here on as a whole path: the service stands elsewhere."""
    from_here = what.startswith(("./", "../")) or (os.sep in what and os.path.lexists(what))
    return os.path.abspath(what) if from_here else what  # noqa: PTH100 - keep links


def page(answer: Told) -> Iterator[str]:
    """The lines for people; those at the margin are heads."""
    units = answer.get("units") or ()
    for number, unit in enumerate(units):
        if number:
            yield ""
        yield from _unit(unit)
    if more := answer.get("more"):
        yield ""
        yield f"and {more} more; --limit shows more of them"


def _unit(unit: Told) -> Iterator[str]:
    yield from _wrapped(unit.get("outcome"), "", "  ")
    if ways := unit.get("found_by"):
        yield f"  found by {', '.join(_WAYS.get(way, way) for way in ways)}"
    items = [*([unit["file"]] if unit.get("file") else []), *(unit.get("reports") or ())]
    for item in items:
        yield from _item(item)
    if (left := (unit.get("report_count") or 0) - len(unit.get("reports") or ())) > 0:
        yield f"  and {left} more report{'s' * (left > 1)}"
    waiting = unit.get("waits_for")
    told = [one for one in items if one.get("waits_for")]
    if waiting and not told:  # no item yet
        yield from _waits(waiting, "waits")
    for one in told:
        yield from _waits(one["waits_for"], f"{one.get('kind')} {one.get('id')} waits")
    if story := unit.get("story"):
        yield "  story"
        for line in story:
            yield from _wrapped(_moment(line), "    ", "      ")


def _item(item: Told) -> Iterator[str]:
    """One line on the item; what is more is in the story, or with --json."""
    reason = f" ({item['reason']})" if item.get("reason") else ""
    about = [item.get("serial_number"), item.get("part_number"), item.get("report_id")]
    facts = [item.get("source")] if item.get("kind") == "file" else about
    told = f"{item.get('kind')} {item.get('id')}: {item.get('state')}{reason}"
    yield from _wrapped(", ".join([told, *filter(None, facts)]), "  ", "    ")
    if repeat := item.get("repeat_of"):
        yield f"    a repeat: the same report was stored before as item {repeat}"


def _waits(waiting: Told, who: str) -> Iterator[str]:
    since = f" since {_moment(waiting['since'])}" if waiting.get("since") else ""
    yield f"  {who} for: {waiting.get('what')}{since}"
    yield from _wrapped(waiting.get("why"), "    ", "    ")
    if waiting.get("next_try"):
        yield f"    next try {_moment(waiting['next_try'])}"
    if waiting.get("hint"):
        yield from _wrapped(f"to do: {waiting['hint']}", "    ", "    ")


def _moment(text: str) -> str:
    """A time, or a line that begins with one, to the second: `2026-01-30 09:00:00Z ...`."""
    at, rest = text[:24], text[24:]
    return f"{at[:10]} {at[11:19]}Z{rest}" if at.endswith("Z") and at[10:11] == "T" else text


def _wrapped(text: object, first: str, later: str) -> list[str]:
    return textwrap.wrap(
        printable(str(text or "")),
        WIDTH,
        initial_indent=first,
        subsequent_indent=later,
        break_long_words=False,
        break_on_hyphens=False,
    )

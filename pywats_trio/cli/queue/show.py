"""`queue show`: one item with its whole life."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.ask import asking
from pywats_trio.cli.output import json_option, print_json, table
from pywats_trio.cli.queue.ages import age
from pywats_trio.cli.queue.filters import LARGEST_ID
from pywats_trio.cli.queue.look import standing
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.cli.main import Globals

    Item = dict[str, Any]

FACTS: Final = {
    "converter": "converter",
    "serial number": "serial_number",
    "part number": "part_number",
    "result": "result",
    "report id": "report_id",
    "of file": "parent_id",
    "source": "source",
    "dropped as": "original",
    "priority": "priority",
    "interruptions": "interruptions",
    "worker": "worker",
    "receipt": "receipt",
    "correlation id": "correlation_id",
    "sha256": "sha256",
}
TIMES: Final = {
    "dropped": "dropped_at",
    "accepted": "created_at",
    "started": "started_at",
    "finished": "finished_at",
}
HISTORY: Final = ("TIME", "EVENT", "STATE", "ATTEMPTS", "WHO", "MESSAGE")
REPORTS: Final = ("REPORT", "STATE", "SERIAL", "REPORT ID", "ERROR")
INDENT: Final = "  "


@click.command()
@click.argument("item_id", metavar="ID", type=click.IntRange(min=1, max=LARGEST_ID))
@json_option
@click.pass_obj
def show(options: Globals, /, *, item_id: int, as_json: bool) -> None:
    """Show item ID: where it stands and why, what to do, its payload and its history."""
    with asking(options) as ask:
        item = ask("get_item", {"id": item_id, "peek": True})
    if as_json:
        print_json(item)
        return
    for line in page(item, time.time()):
        click.echo(line)


def page(item: Item, now: float) -> list[str]:
    """What `get_item` answers, for people; `now` is in seconds since the epoch."""
    lines = [
        *_standing(item, now),
        "",
        *_facts(item, now),
        *_evidence(item),
        *_payload(item),
        *_reports(item),
        *_history(item),
    ]
    return [printable(line) for line in lines]


def _standing(item: Item, now: float) -> Iterator[str]:
    yield f"{item['kind']} {item['id']} is {standing(item)}"
    error_class = f"{item['error_class']}: " if item["error_class"] else ""
    if item["last_error"]:
        yield f"{INDENT}{error_class}{item['last_error']}"
    if item["error_hint"]:
        yield f"{INDENT}what to do: {item['error_hint']}"
    if waits := item.get("waits_for"):
        yield from _waits(waits)
    elif item["due_at"]:
        yield f"{INDENT}tried again at {item['due_at']}"
    if item["state"] in ("FAILED", "QUARANTINED"):
        yield f"{INDENT}to try it again: pywats-trio queue retry {item['id']}"
    if item["state"] == "HELD":
        yield f"{INDENT}to let go of it: pywats-trio queue release {item['id']}"


def _waits(waits: Mapping[str, str | None]) -> Iterator[str]:
    """For what its converter makes all its files wait."""
    yield f"{INDENT}it waits for its converter since {waits['since']}: {waits['why']}"
    if waits["hint"]:
        yield f"{INDENT}what to do: {waits['hint']}"
    if waits["next_try"]:
        yield f"{INDENT}one of its files is tried at {waits['next_try']}"


def _facts(item: Item, now: float) -> Iterator[str]:
    facts: list[tuple[str, object]] = [
        (name, item[key]) for name, key in FACTS.items() if item[key] not in ("", None)
    ]
    if item["original"] == item["source"]:
        facts.remove(("dropped as", item["original"]))
    facts.append(("attempts", f"{item['attempts']} of {item['max_attempts']}"))
    for name, key in TIMES.items():
        if item[key]:
            facts.append((name, f"{item[key]} ({age(item[key], now)} ago)"))
    if item["duration"] is not None:
        facts.append(("duration", f"{item['duration']:.3f} s"))
    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        yield f"{name:{width}}  {value}"


def _evidence(item: Item) -> Iterator[str]:
    if item["evidence"]:
        yield from ("", "evidence")
        yield from (INDENT + line for line in item["evidence"].splitlines())


def _payload(item: Item) -> Iterator[str]:
    payload = item["payload"]
    if payload is None:
        return
    intact = {True: "intact", False: "DAMAGED: its SHA-256 is another one", None: "not checked"}
    cut = ", the beginning" if payload["cut"] else ""
    yield from ("", f"payload: {payload['size']} bytes, {intact[payload['intact']]}{cut}")
    yield from (INDENT + line for line in payload["text"].splitlines())


def _reports(item: Item) -> Iterator[str]:
    if not item["report_count"]:
        return
    shown = len(item["reports"])
    count = item["report_count"]
    yield from ("", f"reports: {count}" + (f", {shown} of them" if shown < count else ""))
    rows = [
        (one["id"], standing(one), one["serial_number"], one["report_id"], one["last_error"])
        for one in item["reports"]
    ]
    yield from (INDENT + line for line in table(REPORTS, rows))


def _history(item: Item) -> Iterator[str]:
    yield from ("", "history, without its beginning" if item["history_cut"] else "history")
    rows = [
        (
            one["at"],
            one["event"],
            f"{one['state']} ({one['reason']})" if one["reason"] else one["state"],
            one["attempts"],
            one["who"],
            f"{one['error_class']}: {one['message']}" if one["error_class"] else one["message"],
        )
        for one in item["history"]
    ]
    yield from (INDENT + line for line in table(HISTORY, rows))

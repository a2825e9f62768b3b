"""`why`: a unit's whole life in one answer, however it is named, and what it waits for."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import frozen

from pywats_trio.commands import shapes
from pywats_trio.commands.command import Answer, BadArguments, Command, When, arg
from pywats_trio.commands.queue.story import outcome, story
from pywats_trio.commands.queue.unknown import unknown
from pywats_trio.commands.queue.waits import Now
from pywats_trio.control import Role
from pywats_trio.errors import NotFoundError
from pywats_trio.intake.scan import ERROR_FILE
from pywats_trio.model import Kind
from pywats_trio.queue.trace import Wanted, Way
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.commands.host import QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import Event
    from pywats_trio.observe.board import Unaccepted
    from pywats_trio.queue.trace import Life, Traced, Unit

LONGEST: Final = 4096
"""Characters of what is asked for: no path is longer."""
UNITS: Final = 20
MOST_UNITS: Final = 100
"""Units of an answer: unless told, and at most."""
ROOM: Final = 900_000
"""Bytes of an answer as JSON, about: with what stands around it, it fits into a frame."""
MESSAGE: Final = 500
"""Characters of a message in a history."""


@frozen
class Why:
    """The arguments of `why`."""

    what: str = arg(
        "a serial number, a report's id, the number of an item, or a file: its name or its path, "
        "where it was dropped or where it lies now"
    )
    limit: int = arg("units that are told of, the newest", default=UNITS, low=1, high=MOST_UNITS)


async def _why(host: QueueHost, args: Why, _who: Who) -> Answer:
    wanted = _wanted(args.what)
    queue = host.queue()
    traced = await queue.desk.trace(wanted, args.limit)
    waiting = host.board.not_accepted(wanted.is_path)
    now = Now.of(host, queue, [life for unit in traced.units for life in unit.lives])
    if not (waiting or traced.units or traced.removed):
        raise NotFoundError(unknown(wanted, traced, now))
    # In a thread: some hundred rows take milliseconds.
    return await trio.to_thread.run_sync(_answer, args, traced, waiting, now)


def _wanted(text: str) -> Wanted:
    if not text or len(text) > LONGEST or "\0" in text:
        raise BadArguments(
            "`what` must be a serial number, a report's id, the number of an item, or a file, "
            f"of 1 to {LONGEST} characters without NUL"
        )
    # `NAME.error.json` stands for the file that it explains; it is never accepted itself.
    meant = text.removesuffix(ERROR_FILE) or text
    return Wanted(meant, former_names(os.path.basename(meant)))  # noqa: PTH119 - any bytes, as str


_NUMBERED: Final = re.compile(r"(?P<stem>.+) \([0-9]+\)(?P<ending>\.[^.]*)?", re.DOTALL)


def former_names(name: str) -> tuple[str, ...]:
    """What a file may have been called when it was accepted, if it is called `name` now.

    It gets a number where its name is taken in the folder it is put into (`intake.names`).
    """
    if (numbered := _NUMBERED.fullmatch(name)) is None:
        return (name,)
    return name, numbered["stem"] + (numbered["ending"] or "")


def _answer(args: Why, traced: Traced, waiting: list[Unaccepted], now: Now) -> Answer:
    told = [_not_accepted(file, now) for file in waiting[: args.limit]]
    told += [_unit(unit, now) for unit in traced.units]
    told += [_removed(event) for event in traced.removed]
    units = list(_fitting(told[: args.limit]))
    ways = [way.value for way in Way if way in traced.found_by or (waiting and way is Way.FILE)]
    known = len(waiting) + len(traced.units) + len(traced.removed) + traced.more
    return {
        "what": printable(args.what),
        "found_by": ways,
        "units": units,
        "more": known - len(units),
    }


def _fitting(units: Iterable[Answer]) -> Iterable[Answer]:
    """The first ones, as far as they fit into one answer; the first in any case."""
    room = ROOM
    for number, unit in enumerate(units):
        room -= len(json.dumps(unit))
        if room < 0 and number:
            return
        yield unit


def _unit(unit: Unit, now: Now) -> Answer:
    file = None if unit.file is None else _life(unit.file, now)
    reports = [_life(report, now) for report in unit.reports]
    lives = [*([file] if file else []), *reports]
    waits = [one["waits_for"] for one in lives if one["waits_for"]]
    return {
        "found_by": [way.value for way in unit.found_by],
        "outcome": outcome(unit),
        "waits_for": waits[0] if waits else None,
        "story": story(unit),
        "file": file,
        "reports": reports,
        "report_count": sum(unit.states.values()),
    }


def _life(life: Life, now: Now) -> Answer:
    """An item with its history; of a long text only what fits."""
    item = life.item
    waits = now.waits_for(life)
    told: dict[str, Any] = {
        **shapes.running(item, now.progress.get(item.id, 0)),
        "error_class": item.error_kind,
        "error_hint": item.error_hint,
        "worker": item.worker,
        "receipt": item.receipt,
        "waits_for": waits.told() if waits else None,
        "history": [_row(row) for row in life.history],
        "history_count": life.history_count,
    }
    if item.kind is Kind.FILE:
        return {**told, "original": item.original, "putaway": item.putaway.value}
    return {**told, "repeat_of": life.repeat_of}


def _row(row: Event) -> Answer:
    told = shapes.event(row)
    return {**told, "message": shortened(told["message"], MESSAGE)}


def _not_accepted(file: Unaccepted, now: Now) -> Answer:
    """A file that lies in a watch folder and is no item yet."""
    path = printable(file.path)
    return {
        "found_by": [Way.FILE.value],
        "outcome": f"{path} was seen and is not accepted yet: {file.why}",
        "waits_for": now.not_accepted(file).told(),
        "story": [],
        "file": None,
        "reports": [],
        "report_count": 0,
    }


def _removed(event: Event) -> Answer:
    """An item that was, with what is known of it."""
    told = shapes.event(event)
    detail = told["detail"]
    which = f"item {detail.get('id')} ({detail.get('kind')}, {detail.get('state')})"
    who = f" by {event.who}" if event.who else ""
    line = f"{which} was removed from the queue{who}"
    return {
        "found_by": [],
        "outcome": f"{line} at {told['at']}",
        "waits_for": None,
        "story": [f"{told['at']} {line}"],
        "file": None,
        "reports": [],
        "report_count": 0,
        "removed": detail,
    }


COMMANDS: Final = (
    Command(
        "why",
        Role.VIEWER,
        When.WITH_STORE,
        changes=False,
        doc="A unit's whole life in one answer: what became of it, and what it waits for.",
        result="`found_by`: by what it was found, of `item`, `report_id`, `serial_number`, `file`; "
        "`units`, the newest first: files that are not accepted yet, files with their reports, "
        "reports that came without a file; `more`: how many there are beside. Of a unit: "
        "`outcome`, one sentence; `waits_for`, null or `what`, `why`, `hint`, `since`, `next_try`; "
        "`story`, a line for each thing that happened; `file` and `reports` (of `report_count`), "
        "as `get_item` shows them, each with its own `waits_for`; `repeat_of`, the item that the "
        "same report was stored as before. What was removed is told where nothing else is found.",
        args=Why,
        run=_why,
        offline=True,
    ),
)

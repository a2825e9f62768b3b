"""Commands that hand something over, and follow what becomes of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import frozen

from pywats_trio.commands import shapes
from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.control import Role
from pywats_trio.errors import InvalidInputError
from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST

if TYPE_CHECKING:
    from pywats_trio.commands.host import Host
    from pywats_trio.control import Who

LONGEST_WAIT: Final = 3600
"""Seconds that one request may wait for an item; whoever wants to wait longer asks again."""
LARGEST_ID: Final = 2**63 - 1
"""What the queue's numbers fit into."""


@frozen
class SubmitFile:
    """The arguments of `submit_file`."""

    path: str = arg("absolute, as the service sees it")
    converter: str = arg(
        "its name in the configuration; by default the one that is surest", default=""
    )
    priority: int = arg("1 is first, 10 is last", default=5, low=PRIORITY_FIRST, high=PRIORITY_LAST)


@frozen
class SubmitReport:
    """The arguments of `submit_report`: either `text` or `report`."""

    text: str = arg("a WSJF report; if it is sound, its bytes are sent unchanged", default="")
    report: dict[str, Any] | None = arg(  # noqa: RUF009 - it makes an attrs field
        "the same as an object", default=None
    )
    priority: int = arg("1 is first, 10 is last", default=5, low=PRIORITY_FIRST, high=PRIORITY_LAST)


@frozen
class GetItem:
    """The arguments of `get_item`."""

    id: int = arg("its number", low=1, high=LARGEST_ID)
    wait_seconds: float = arg(
        "how long to wait for its end; hanging up ends the wait",
        default=0.0,
        low=0,
        high=LONGEST_WAIT,
    )


async def _submit_file(host: Host, args: SubmitFile, _who: Who) -> Answer:
    path = _absolute(args.path)
    item = await host.submit_file(path, converter=args.converter, priority=args.priority)
    return shapes.item(item)


def _absolute(path: str) -> Path:
    try:
        possible = b"\0" not in os.fsencode(path)
    except ValueError:  # a character that no file name has
        possible = False
    if not possible:
        raise InvalidInputError(f"{path!r} cannot be the path of a file")
    if not Path(path).is_absolute():
        raise InvalidInputError(f"{path!r} is not absolute; give the whole path of the file")
    return Path(path)


async def _submit_report(host: Host, args: SubmitReport, _who: Who) -> Answer:
    if bool(args.text) == (args.report is not None):
        raise InvalidInputError("give either 'text' or 'report'")
    return shapes.item(await host.submit_text(_text(args), priority=args.priority))


def _text(args: SubmitReport) -> str:
    try:
        text = args.text or json.dumps(args.report, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the report cannot be written as JSON: {error}") from error
    return text


async def _get_item(host: Host, args: GetItem, _who: Who) -> Answer:
    with trio.move_on_after(args.wait_seconds):
        if args.wait_seconds:
            return shapes.finished(await host.wait(args.id))
    return shapes.finished(await host.item(args.id))


COMMANDS: Final = (
    Command(
        "submit_file",
        Role.OPERATOR,
        When.AT_WORK,
        changes=True,
        doc="Accept a copy of a file that lies in no watch folder, synced before the answer.",
        result="The item, as `get_item` shows it.",
        args=SubmitFile,
        run=_submit_file,
    ),
    Command(
        "submit_report",
        Role.OPERATOR,
        When.AT_WORK,
        changes=True,
        doc="Accept a WSJF report, synced before the answer.",
        result="The item, as `get_item` shows it.",
        args=SubmitReport,
        run=_submit_report,
    ),
    Command(
        "get_item",
        Role.VIEWER,
        When.WITH_STORE,
        changes=False,
        doc="An item with its reports, at its end if it comes within `wait_seconds`.",
        result="The fields of the item; `reports`, those that came of it, at most "
        f"{shapes.MOST_REPORTS} of `report_count`; `delivered`, whether all arrived; `why`, what "
        "went wrong first.",
        args=GetItem,
        run=_get_item,
        bounded=False,
    ),
)

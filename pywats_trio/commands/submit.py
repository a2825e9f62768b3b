"""Commands that hand something over, and follow what becomes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import field, frozen, validators

from pywats_trio.commands import shapes
from pywats_trio.commands.command import Answer, Command, When
from pywats_trio.control import Role
from pywats_trio.errors import InvalidInputError
from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST

if TYPE_CHECKING:
    from pywats_trio.commands.host import Host
    from pywats_trio.control import Who

LONGEST_WAIT: Final = 3600.0
"""Seconds that one request may wait for an item; whoever wants to wait longer asks again."""


def _in_range(low: float, high: float) -> Any:  # noqa: ANN401 - an attrs validator
    return validators.and_(validators.ge(low), validators.le(high))


_PRIORITY: Final = _in_range(PRIORITY_FIRST, PRIORITY_LAST)


@frozen
class SubmitFile:
    """`converter`: its name in the configuration; by default the one that is surest."""

    path: str
    """Absolute, as the service sees it."""
    converter: str = ""
    priority: int = field(default=5, validator=_PRIORITY)


@frozen
class SubmitReport:
    """Give `text`, whose bytes are sent unchanged if they are sound, or `report`, an object."""

    text: str = ""
    report: dict[str, Any] | None = None
    priority: int = field(default=5, validator=_PRIORITY)


@frozen
class GetItem:
    """`wait_seconds`: how long to wait for its end, 0 to 3600."""

    id: int
    wait_seconds: float = field(default=0.0, validator=_in_range(0, LONGEST_WAIT))


async def _submit_file(host: Host, args: SubmitFile, _who: Who) -> Answer:
    path = Path(args.path)
    if not path.is_absolute():
        raise InvalidInputError(f"{args.path!r} is not absolute; give the whole path of the file")
    item = await host.submit_file(path, converter=args.converter, priority=args.priority)
    return shapes.item(item)


async def _submit_report(host: Host, args: SubmitReport, _who: Who) -> Answer:
    if bool(args.text) == (args.report is not None):
        raise InvalidInputError("give either 'text' or 'report'")
    text = args.text or json.dumps(args.report)
    return shapes.item(await host.submit_text(text, priority=args.priority))


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
        doc="Accept a copy of a file that lies in no watch folder.",
        args=SubmitFile,
        run=_submit_file,
    ),
    Command(
        "submit_report",
        Role.OPERATOR,
        When.AT_WORK,
        changes=True,
        doc="Accept a WSJF report.",
        args=SubmitReport,
        run=_submit_report,
    ),
    Command(
        "get_item",
        Role.VIEWER,
        When.WITH_STORE,
        changes=False,
        doc="An item with its reports, at its end if it comes within `wait_seconds`.",
        args=GetItem,
        run=_get_item,
        bounded=False,
    ),
)

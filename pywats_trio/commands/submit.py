"""Commands that hand something over."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import trio
from attrs import frozen

from pywats_trio.commands import shapes
from pywats_trio.commands.command import Answer, Command, When, arg
from pywats_trio.commands.paths import absolute
from pywats_trio.control import Role
from pywats_trio.errors import InvalidInputError
from pywats_trio.model import PRIORITY_FIRST, PRIORITY_LAST

if TYPE_CHECKING:
    from pywats_trio.commands.host import Host
    from pywats_trio.control import Who

LONGEST_FOR_ROOM: Final = 30
"""Seconds that one request may wait for room; whoever wants to wait longer asks again."""


@frozen
class SubmitFile:
    """The arguments of `submit_file`."""

    path: str = arg("absolute, as the service sees it; of a header with its folder, the header's")
    converter: str = arg(
        "its name in the configuration; by default the one that is surest", default=""
    )
    priority: int = arg("1 is first, 10 is last", default=5, low=PRIORITY_FIRST, high=PRIORITY_LAST)
    room_seconds: float = arg(
        "how long to wait for room where there is none; then it is refused with `queue_full`",
        default=0.0,
        low=0,
        high=LONGEST_FOR_ROOM,
    )


@frozen
class SubmitReport:
    """The arguments of `submit_report`: either `text` or `report`."""

    text: str = arg("a WSJF report; if it is sound, its bytes are sent unchanged", default="")
    report: dict[str, Any] | None = arg(  # noqa: RUF009 - it makes an attrs field
        "the same as an object", default=None
    )
    priority: int = arg("1 is first, 10 is last", default=5, low=PRIORITY_FIRST, high=PRIORITY_LAST)
    room_seconds: float = arg(
        "how long to wait for room where there is none; then it is refused with `queue_full`",
        default=0.0,
        low=0,
        high=LONGEST_FOR_ROOM,
    )


async def _submit_file(host: Host, args: SubmitFile, _who: Who) -> Answer:
    path = absolute(args.path)
    await _wait_for_room(host, args.room_seconds)
    item = await host.submit_file(path, converter=args.converter, priority=args.priority)
    return shapes.item(item)


async def _submit_report(host: Host, args: SubmitReport, _who: Who) -> Answer:
    if bool(args.text) == (args.report is not None):
        raise InvalidInputError("give either 'text' or 'report'")
    text = _text(args)
    await _wait_for_room(host, args.room_seconds)
    return shapes.item(await host.submit_text(text, priority=args.priority))


async def _wait_for_room(host: Host, seconds: float) -> None:
    """Apart from the submit itself, which would leave it in doubt if it were cut off."""
    if seconds:
        with trio.move_on_after(seconds):
            await host.wait_for_room()


def _text(args: SubmitReport) -> str:
    try:
        text = args.text or json.dumps(args.report, allow_nan=False)
        text.encode()
    except (ValueError, RecursionError) as error:
        raise InvalidInputError(f"the report cannot be written as JSON: {error}") from error
    return text


COMMANDS: Final = (
    Command(
        "submit_file",
        Role.OPERATOR,
        When.AT_WORK,
        changes=True,
        doc="Accept a copy of a file that lies in no watch folder, synced before the answer; or of "
        "a folder, or of a header file with its folder, where a converter takes such.",
        result="The fields of the item (contract section 6).",
        args=SubmitFile,
        run=_submit_file,
    ),
    Command(
        "submit_report",
        Role.OPERATOR,
        When.AT_WORK,
        changes=True,
        doc="Accept a WSJF report, synced before the answer.",
        result="The fields of the item (contract section 6).",
        args=SubmitReport,
        run=_submit_report,
    ),
)

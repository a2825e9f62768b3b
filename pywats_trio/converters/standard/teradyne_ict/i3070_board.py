"""An i3070 board: what @BTEST and @BATCH say of it, and its steps."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import local_times, unit
from pywats_trio.converters.standard.teradyne_ict import i3070_steps
from pywats_trio.converters.standard.teradyne_ict.records import Record
from pywats_trio.reports.limits import UNIT_LENGTHS
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.api import Context
    from pywats_trio.reports.builder import ReportBuilder, Result

PART_NUMBER_FIELDS: Final = (1, 14)
_INSTANTS: Final = {3: "start", 10: "end"}
_TIME: Final = re.compile(r"\d{12}", re.ASCII)
_SOCKET: Final = re.compile(r"\d{1,4}", re.ASCII)
_COMMENT: Final = UNIT_LENGTHS["comment"]
_ON: Final = frozenset({"y", "1"})
_ENDINGS: Final[dict[int, Result]] = {0: "P", 80: "E", 81: "T", 82: "T"}
_FAILED: Final = range(1, 80)
_MEANINGS: Final = {
    2: "the pin test failed",
    3: "learning failed",
    4: "the shorts test failed",
    6: "an analog test failed",
    7: "the power supplies failed",
    8: "a digital or boundary-scan test failed",
    9: "a functional test failed",
    10: "the test before shorts failed",
    11: "the board handler failed",
    12: "the bar code failed",
    13: "the board is marked as bad (X)",
    14: "TestJet or VTEP failed",
    15: "the polarity check failed",
    16: "the connection check failed",
    17: "an analog cluster failed",
    80: "run-time error",
    81: "stopped",
    82: "stopped by a break",
}
_BATCH_INFOS: Final = {
    4: "Test head",
    5: "Test head type",
    6: "Process step",
    12: "Panel type",
    13: "Panel revision",
    14: "Version label",
}
_BOARD_INFOS: Final = {11: "Status qualifier", 13: "Panel serial number"}
_BOARD_MARKS: Final = {5: "Multiple test", 8: "Learning", 9: "Known good"}


def begin(board: Record, batch: Record | None, context: Context) -> ReportBuilder:
    """The report of one board, whole but for what stands behind it in the file.

    Raises:
        Reject: it has no serial number or no start, or a value, time or status is none.
    """
    batch = batch or Record(board.line, None)
    for record in (batch, board):
        record.refuse_text_behind()
    clock = local_times.Clock("%y%m%d%H%M%S", local_times.zone(context.arguments["timezone"]))
    start, end = (_instant(board, number, clock) for number in _INSTANTS)
    code = board.code(2)
    comment = i3070_steps.comment(board)
    builder = unit.begin(
        context,
        f"the board of line {board.line}",
        serial_number=board.get(1),
        part_number=_part_number(batch, context),
        revision=batch.get(2),
        fixture=batch.get(3),
        batch=batch.get(7),
        operator=batch.get(8),
        station=batch.get(9),
        sequence=batch.get(10),
        version=batch.get(11),
        start=start,
        seconds=_seconds(board, start, end),
        result=_result(code),
        socket=_socket(board),
        comment=comment[:_COMMENT],
        error_code=code or None,
        error=_MEANINGS.get(code or 0),
    )
    builder.root.sequence_step.status = _result(code)
    if len(comment) > _COMMENT:
        builder.note(f"the comment is cut: it has {len(comment):,} characters", path="uut.comment")
    _assumptions(builder, board, code)
    _infos(builder, board, batch, context)
    i3070_steps.add(board, builder)
    return builder


def _part_number(batch: Record, context: Context) -> str:
    number = context.arguments["part_number_field"]
    return batch.get(number) or batch.get(PART_NUMBER_FIELDS[0])


def _instant(board: Record, number: int, clock: local_times.Clock) -> str | None:
    """Digit by digit: with one that is missing it would be another time."""
    text = board.get(number)
    if not text.strip("0"):
        return None
    what = _INSTANTS[number]
    if not _TIME.fullmatch(text):
        raise board.refusal(
            f'the {what} "{shortened(text, 60)}" of @BTEST is no time, YYMMDDhhmmss is expected'
        )
    return clock.instant(text, what, board.where)


def _seconds(board: Record, start: str | None, end: str | None) -> float | None:
    said = board.number(4, "the duration")
    if said is None:
        return local_times.seconds_between(start, end)
    seconds = float(said)
    if not math.isfinite(seconds) or seconds < 0:
        raise board.refusal(f'the duration "{board.get(4)}" of @BTEST is none')
    return seconds


def _socket(board: Record) -> int | None:
    """The board's place on its panel: what @BTEST says, else what the names in it do."""
    text = board.get(12)
    if _SOCKET.fullmatch(text):
        return int(text)
    return next(i3070_steps.sockets(board), None)


def _result(code: int | None) -> Result | None:
    return None if code is None else _ENDINGS.get(code, "F")


def _assumptions(builder: ReportBuilder, board: Record, code: int | None) -> None:
    where = f"{board.where}: @BTEST"
    if code is None:
        builder.note(f"{where} has no status; that of its tests is taken")
    elif code not in _ENDINGS and code not in _FAILED:
        builder.note(f"{where}: the status {code} is not known and taken for failed")
    if (text := board.get(12)) and not _SOCKET.fullmatch(text):
        builder.note(f'{where}: the board number "{shortened(text, 60)}" is none and not sent')
    socket = _socket(board)
    if other := next((n for n in i3070_steps.sockets(board) if n != socket), None):
        builder.note(f"{where} is board {socket}, but names in it are those of board {other}")


def _infos(builder: ReportBuilder, board: Record, batch: Record, context: Context) -> None:
    used = context.arguments["part_number_field"]
    for record, infos in ((batch, _BATCH_INFOS), (board, _BOARD_INFOS)):
        for number, description in infos.items():
            if (text := record.get(number)) and number != used:
                builder.misc(description, text)
    for number, description in _BOARD_MARKS.items():
        if board.get(number).lower() in _ON:
            builder.misc(description, "yes")

"""i3070 logs: a report for each board (@BTEST) of a batch (@BATCH)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.converters.api import Context, Reject
from pywats_trio.converters.standard.teradyne_ict import i3070_board, i3070_steps, notes, records
from pywats_trio.converters.standard.teradyne_ict.records import BOARD, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_BATCH: Final = "BATCH"


def reports(lines: Iterable[Line], context: Context) -> Iterator[Report]:
    """A report for each board.

    Raises:
        Reject: there is none, the records are not whole, a test stands in no board, a board has no
            serial number or no start, or a value is none.
    """
    text = "\n".join(line.text for line in lines)
    batch: Record | None = None
    waiting: ReportBuilder | None = None
    """The last board: what stands behind it may say something of it."""
    loose: list[Record] = []
    for record in records.closed(text):
        if record.name == BOARD:
            if waiting is not None:
                yield waiting.build()
            waiting = i3070_board.begin(record, _batch_of(record) or batch, context)
        elif record.name == _BATCH:
            batch = record
            loose += map(_no_result, record.children)
        else:
            loose.append(_no_result(record))
    if waiting is None:
        raise Reject("no board (@BTEST) in the file")
    notes.records(waiting, loose, "stands outside of a board and is not sent")
    yield waiting.build()


def _no_result(record: Record) -> Record:
    """A record that stands outside of boards.

    Raises:
        Reject: it is a test, so that a board would lack it.
    """
    if record.name in i3070_steps.RESULTS:
        raise record.refusal(
            f"@{record.name} stands in no board",
            "A board, {@BTEST|…, is closed behind the last of its tests.",
        )
    return record


def _batch_of(board: Record) -> Record | None:
    above = board.above
    while above is not None and above.name != _BATCH:
        above = above.above
    return above

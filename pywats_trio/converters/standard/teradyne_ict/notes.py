"""Findings about what a board's part of the file says, but its report does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.teradyne_ict.records import Record
    from pywats_trio.reports.builder import ReportBuilder

_MOST: Final = 20
"""Findings of one kind; what comes after them is counted."""
_SHOWN: Final = 60


def lines(builder: ReportBuilder, unknown: Sequence[Line]) -> None:
    """Say of lines that nobody knows that they are not sent."""
    for line in unknown[:_MOST]:
        builder.note(f'{line.where}: "{shortened(line.text.strip(), _SHOWN)}" is not sent')
    if len(unknown) > _MOST:
        builder.note(f"{len(unknown) - _MOST} more lines are not known and are not sent")


def records(builder: ReportBuilder, about: Sequence[Record], why: str) -> None:
    """Say something of records."""
    for record in about[:_MOST]:
        builder.note(f"{record.where}: @{shortened(record.name, _SHOWN)} {why}")
    if len(about) > _MOST:
        builder.note(f"{len(about) - _MOST} more records: {why}")

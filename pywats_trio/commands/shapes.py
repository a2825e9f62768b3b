"""Items and events as every face shows them: the field names of contract section 6."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.model import FINISHED, State
from pywats_trio.observe.status import iso
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.commands.host import Finished
    from pywats_trio.model import Event, Item


def item(value: Item) -> dict[str, Any]:
    """An item; times in ISO 8601, durations in seconds."""
    return {
        "id": value.id,
        "kind": value.kind.value,
        "state": value.state.value,
        "reason": value.reason.value if value.reason else None,
        "priority": value.priority,
        "attempts": value.attempts,
        "max_attempts": value.max_attempts,
        "interruptions": value.interruptions,
        "serial_number": value.serial_number,
        "part_number": value.part_number,
        "result": value.result,
        "due_at": _time(value.due_at),
        "created_at": iso(value.created_at),
        "started_at": _time(value.started_at),
        "finished_at": _time(value.finished_at),
        "duration": value.duration,
        "progress": value.progress,
        "converter": value.converter,
        "source": printable(value.source),
        "report_id": value.report_id,
        "parent_id": value.parent_id,
        "correlation_id": value.correlation_id,
        "sha256": value.sha256,
        "last_error": value.last_error,
    }


def running(value: Item, progress: int) -> dict[str, Any]:
    """An item; `progress` is how far the work on it is, if it is being worked on."""
    shown = item(value)
    if value.state is State.PROCESSING:
        shown["progress"] = progress
    return shown


MOST_REPORTS: Final = 250
"""Reports of one file that are shown: so many fit into any answer."""


def finished(value: Finished) -> dict[str, Any]:
    """An item with its reports; `delivered` and `why` say what that comes to.

    Of more than `MOST_REPORTS` reports, which `report_count` tells, those come first that have no
    end yet, then those that failed.
    """
    return {
        **item(value.item),
        "report_count": len(value.reports),
        "reports": [item(report) for report in _most_telling(value.reports)],
        "delivered": value.delivered,
        "why": value.why,
    }


def _most_telling(reports: tuple[Item, ...]) -> Sequence[Item]:
    if len(reports) <= MOST_REPORTS:
        return reports

    def done(report: Item) -> tuple[bool, bool]:
        return report.state in FINISHED, report.state is State.COMPLETED

    return sorted(reports, key=done)[:MOST_REPORTS]


def event(value: Event) -> dict[str, Any]:
    """A row of the history; an event of the service has `detail` instead of `message`."""
    told: dict[str, Any] = {
        "seq": value.seq,
        "at": iso(value.at),
        "item_id": value.item_id,
        "event": value.event,
        "state": value.state.value if value.state else None,
        "reason": value.reason.value if value.reason else None,
        "attempts": value.attempts,
        "who": value.who,
        "error_class": value.error_kind,
        "message": value.message,
    }
    if value.item_id is None and value.message:
        told["detail"] = json.loads(value.message)
        told["message"] = ""
    return told


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)

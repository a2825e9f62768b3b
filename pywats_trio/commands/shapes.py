"""Items and events as every face shows them: the field names of contract section 6."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.model import FINISHED, State
from pywats_trio.observe.status import iso
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pywats_trio.commands.host import Finished
    from pywats_trio.model import Event, Item
    from pywats_trio.queue.store import Peek

MOST: Final = 1_000_000
"""Bytes of an answer as JSON: with what stands around it, it fits into a frame."""
LENGTHS: Final = (4096, 1024, 256, 64)
"""Characters of each text in a listing: all that is kept, or less where there is no room."""


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


MOST_EVENTS: Final = 500
"""Rows of the history of one item that are shown: the newest."""
MOST_REPORTS: Final = 250
"""Reports of one file that are shown: so many fit into any answer."""


def _most_telling(reports: tuple[Item, ...]) -> Sequence[Item]:
    if len(reports) <= MOST_REPORTS:
        return reports

    def done(report: Item) -> tuple[bool, bool]:
        return report.state in FINISHED, report.state is State.COMPLETED

    return sorted(reports, key=done)[:MOST_REPORTS]


def whole(
    value: Finished, progress: int, history: Sequence[Event], peek: Peek | None
) -> dict[str, Any]:
    """An item with all that is known of it, its reports and its history, the oldest first.

    `delivered` and `why` say what it came to. Of more than `MOST_REPORTS` reports those come first
    that have no end yet, then those that failed. Where all of it would be too much for one answer,
    the texts of reports and history are shortened, and in the end there are fewer of them, as
    `report_count` and `history_cut` tell.
    """
    found = value.item
    told = {
        **running(found, progress),
        "error_class": found.error_kind,
        "error_hint": found.error_hint,
        "evidence": found.evidence,
        "receipt": found.receipt,
        "worker": found.worker,
        "original": found.original,
        "dropped_at": _time(found.dropped_at or None),
        "payload": payload(peek, found.sha256),
        "delivered": value.delivered,
        "why": value.why,
        "report_count": len(value.reports),
    }
    room = MOST - _size(told)
    reports = fitted([item(report) for report in _most_telling(value.reports)], room // 2)
    newest_first = [event(one) for one in reversed(history)]
    events = fitted(newest_first[:MOST_EVENTS], room - _size(reports))
    cut = len(events) < len(history)
    return {**told, "reports": reports, "history": events[::-1], "history_cut": cut}


def payload(peek: Peek | None, sha256: str) -> dict[str, Any] | None:
    """The beginning of a payload as text, and whether all of it is what it was when it came."""
    if peek is None:
        return None
    return {
        "size": peek.size,
        "intact": peek.sha256 == sha256 if sha256 else None,
        "text": peek.head.decode("utf-8", "replace"),
        "cut": len(peek.head) < peek.size,
    }


def fitted(rows: Sequence[dict[str, Any]], room: int) -> list[dict[str, Any]]:
    """`rows` in at most `room` bytes of JSON: with shorter texts, or only the first of them."""
    shown = list(rows)
    for length in LENGTHS:
        shown = [_with_texts(row, length) for row in rows]
        if _size(shown) <= room:
            return shown
    while shown and _size(shown) > room:
        del shown[len(shown) // 2 :]
    return shown


def _with_texts(row: dict[str, Any], length: int) -> dict[str, Any]:
    return {
        key: shortened(value, length) if isinstance(value, str) else value
        for key, value in row.items()
    }


def _size(told: object) -> int:
    return len(json.dumps(told))


def _detail(message: str) -> Any:  # noqa: ANN401 - JSON
    """What was noted; of one that was too long to be kept whole, the text that there is."""
    try:
        return json.loads(message)
    except ValueError:
        return {"text": message}


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
        told["detail"] = _detail(value.message)
        told["message"] = ""
    return told


def _time(at: float | None) -> str | None:
    return None if at is None else iso(at)

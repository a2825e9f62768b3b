"""A unit's life in plain words: what happened, in the order in which it did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.model import Kind, State
from pywats_trio.observe.status import iso
from pywats_trio.text import printable, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pywats_trio.model import Event, Item
    from pywats_trio.queue.trace import Life, Unit

LINES: Final = 40
FIRST: Final = 10
"""Lines of a story: of a longer one the first ones and the newest, and how many were left out."""
TEXT: Final = 300
"""Characters of what one line tells."""


@frozen
class _Moment:
    """One row of a history, and whose it is."""

    unit: Unit
    life: Life
    row: Event

    @property
    def item(self) -> Item:
        return self.life.item

    @property
    def work(self) -> str:
        return "conversion" if self.item.kind is Kind.FILE else "delivery"

    @property
    def failure(self) -> str:
        row = self.row
        return f"{row.error_kind}: {row.message}" if row.error_kind else row.message

    def words(self) -> str:
        """What happened; of several reports with the number of the one it happened to."""
        told = shortened(_WORDS.get(self.row.event, _anything)(self), TEXT)
        if self.item.kind is Kind.REPORT and sum(self.unit.states.values()) > 1:
            return f"report {self.item.id}: {told}"
        return told


def story(unit: Unit) -> list[str]:
    """One line for each thing that happened, its time (ISO 8601, UTC) first."""
    moments = sorted(_moments(unit), key=lambda moment: moment.row.seq)
    lines = [f"{iso(moment.row.at)} {moment.words()}" for moment in moments]
    if len(lines) <= LINES:
        return lines
    left_out = len(lines) - LINES + 1
    return [*lines[:FIRST], f"... {left_out} more ...", *lines[FIRST + left_out :]]


def _moments(unit: Unit) -> Iterator[_Moment]:
    """Those worth telling: that work began is one only while it goes on."""
    for life in unit.lives:
        for row in life.history:
            if row.event != "claimed" or row is life.history[-1]:
                yield _Moment(unit, life, row)


def _accepted(moment: _Moment) -> str:
    item = moment.item
    return f"accepted from {item.original or item.source} (converter {item.converter})"


def _stored(moment: _Moment) -> str:
    item, repeated = moment.item, moment.life.repeat_of
    serial = f", serial number {item.serial_number}" if item.serial_number else ""
    again = "" if repeated is None else f"; a repeat, it was stored before as item {repeated}"
    return f"report {item.report_id} stored{serial}{again}"


def _claimed(moment: _Moment) -> str:
    return f"{moment.work} began ({moment.row.who})"


def _converted(moment: _Moment) -> str:
    count = sum(moment.unit.states.values())
    reports = f" into {count} report{'s' * (count != 1)}" if count else ""
    return f"converted{reports} by {moment.row.who}{_after('; ', moment.row.message)}"


def _delivered(moment: _Moment) -> str:
    return f"delivered{_after(': ', moment.item.receipt)}"


def _suspended(moment: _Moment) -> str:
    reason = moment.row.reason
    until = "its next attempt" if reason == "retry" else f"the {reason}"
    return f"{moment.work} put off, waits for {until}{_after('; ', moment.failure)}"


def _failed(moment: _Moment) -> str:
    row = moment.row
    attempt = f" at attempt {row.attempts} of {moment.item.max_attempts}" if row.attempts else ""
    return f"{moment.work} {row.event}{attempt}{_after('; ', moment.failure)}"


def _given_up(moment: _Moment) -> str:
    return f"{moment.work} given up{_after(': ', moment.row.message)}"


def _put_away(moment: _Moment) -> str:
    """Where it went is known of the last time: there it lies now."""
    row, history = moment.row, moment.life.history
    if row.message:
        return f"put away: {row.message}"
    if row is not [one for one in history if one.event == row.event][-1]:
        return "moved out of the watch folder"
    return f"moved to {printable(moment.item.source)}"


def _anything(moment: _Moment) -> str:
    row = moment.row
    by = f" by {row.who}" if row.who else ""
    return f"{row.event.removesuffix(' by an operator')}{by}{_after(': ', row.message)}"


_WORDS: Final[Mapping[str, Callable[[_Moment], str]]] = {
    "accepted": _accepted,
    "stored": _stored,
    "claimed": _claimed,
    "converted": _converted,
    "delivered": _delivered,
    "suspended": _suspended,
    "failed": _failed,
    "quarantined": _failed,
    "recovered": _given_up,
    "released": _given_up,
    "put away": _put_away,
}


def outcome(unit: Unit) -> str:
    """What its life comes to, in one sentence."""
    file = unit.file
    if file is not None and file.item.state is not State.COMPLETED:
        item = file.item
        return f"not converted, its file is {_state(item)}{_after(': ', item.last_error)}"
    if not unit.states:
        return _without_reports(file)
    count, done = sum(unit.states.values()), unit.states.get(State.COMPLETED, 0)
    if done == count:
        return _all_delivered(unit, count)
    undone = next((r.item for r in unit.reports if r.item.state is not State.COMPLETED), None)
    told = _undone(undone) if undone else "others are not"
    return told if count == 1 else f"{done} of {count} reports are delivered; {told}"


def _all_delivered(unit: Unit, count: int) -> str:
    which = "the report is" if count == 1 else f"all {count} reports are"
    at = max((life.item.finished_at or 0.0 for life in unit.reports), default=0.0)
    return f"delivered: {which} on the server{f' since {iso(at)}' if at else ''}"


def _undone(item: Item) -> str:
    why = _after(": ", item.last_error)
    return f"report {item.id} is not delivered, it is {_state(item)}{why}"


def _state(item: Item) -> str:
    return f"{item.state} ({item.reason})" if item.reason else str(item.state)


def _without_reports(file: Life | None) -> str:
    if file is not None and file.item.last_error:
        return f"nothing was sent of it: {file.item.last_error}"
    return "it was converted, and its reports are not in the queue any more"


def _after(mark: str, text: str) -> str:
    """`text` behind a mark, or neither."""
    return mark + text if text else ""

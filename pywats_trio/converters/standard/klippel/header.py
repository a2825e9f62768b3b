"""The header file: lines of `Key=value`, what they say of the unit, and which tasks passed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import reading
from pywats_trio.reports import instants
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pywats_trio.converters.api import Source
    from pywats_trio.reports.builder import Result
    from pywats_trio.reports.steps import Status

SERIAL: Final = "Cfg_SerialNumber"
START: Final = "Cfg_DutStartTime"
VERDICT: Final = "Ctrl_OverallVerdict"
MISC: Final = {"Cfg_LoginMode": "Login mode", "Cfg_Speaker": "Speaker"}

_WARNING: Final = "Results_Warning"
_LISTS: Final[Mapping[str, Status]] = {
    "Results_Pass": "P",
    "Results_Void": "S",
    _WARNING: "F",
    "Results_Fail": "F",
    "Results_Noise": "E",
    "Results_Invalid": "E",
}
"""What a task has that is in one of them; the later counts for one that is in several."""
_VERDICTS: Final[Mapping[str, Result]] = {
    "-1": "T",
    "0": "F",
    "1": "P",
    "2": "F",
    "3": "E",
    "4": "E",
}
_OF_WARNING: Final = "2"
_READ: Final = frozenset(
    {SERIAL, START, VERDICT, *MISC, *_LISTS}
    | {"Cfg_UserName", "Cfg_PCName", "Cfg_DatabasePath", "Ctrl_ErrorGeneral"}
)

_TIME: Final = re.compile(
    # Year, month; week, day of the year, weekday (may be negative); day, clock, milliseconds
    r"(\d{4})-(\d\d?)-(?:-?\d{1,3}-){3}(\d\d?)-(\d\d?)-(\d\d?)-(\d\d?)-(\d{1,3})"
    r"(?:-(-?\d{1,4}))?(?:-.*)?",  # minutes east of UTC; seconds since the epoch, rounded
    re.ASCII,
)
_LARGEST_OFFSET: Final = 14 * 60


@frozen
class Field:
    """One value, and the number of its line."""

    line: int
    text: str


@frozen
class Header:
    """The values by their keys; empty ones are not there."""

    fields: Mapping[str, Field]
    notes: tuple[str, ...]
    """What was in the file and is not read."""
    warning: Result
    """What a warning means here."""

    def get(self, key: str) -> str:
        """A value, empty where there is none."""
        return self.fields[key].text if key in self.fields else ""

    def start(self, zone: tzinfo | None) -> str | None:
        """The instant as WSJF takes it, with the offset that the file names, else that of `zone`.

        Raises:
            Reject: it is none.
        """
        if (field := self.fields.get(START)) is None:
            return None
        try:
            return _instant(field.text, zone)
        except ValueError:
            raise Reject(
                f'line {field.line}: {START} "{shortened(field.text, 60)}" is no time, year-month-'
                "week-dayofyear-weekday-day-hour-minute-second-millisecond-offset is expected"
            ) from None

    def result(self) -> Result:
        """By the overall verdict.

        Raises:
            Reject: there is none, or it is no verdict.
        """
        if (field := self.fields.get(VERDICT)) is None:
            raise Reject(f"the header has no {VERDICT}", hint="Was it cut off?")
        if field.text == _OF_WARNING:
            return self.warning
        if field.text not in _VERDICTS:
            raise Reject(
                f'line {field.line}: {VERDICT} "{shortened(field.text, 60)}" is no verdict, '
                "-1 to 4 is expected"
            )
        return _VERDICTS[field.text]

    def statuses(self) -> dict[str, Status]:
        """Of each task that a list names."""
        found: dict[str, Status] = {}
        for key, status in _LISTS.items():
            names = filter(None, map(str.strip, self.get(key).split("\t")))
            found |= dict.fromkeys(names, self.warning if key == _WARNING else status)
        return found


def read(source: Source, encoding: str, warning: Result) -> Header:
    """The header of a unit.

    Raises:
        Reject: it is no text, or says two things of one key.
    """
    fields: dict[str, Field] = {}
    notes = []
    for line, key, value in _entries(reading.lines(source, encoding)):
        if not key:
            notes.append(f'line {line.number} of the header is not read: "{shortened(value, 60)}"')
        elif key in fields and fields[key].text != value and key in _READ:
            raise line.refusal(f"{key} differs from line {fields[key].line}")
        elif value:
            fields.setdefault(key, Field(line.number, value))
    if others := [key for key in fields if key not in _READ]:
        notes.append(f"keys of the header are not sent: {shortened(', '.join(others), 300)}")
    return Header(fields, tuple(notes), warning)


def _entries(lines: Iterable[reading.Line]) -> Iterator[tuple[reading.Line, str, str]]:
    """Line, key and value; without a key what is none."""
    for line in lines:
        text = line.text.strip()
        if text and not text.startswith("//"):
            key, equals, value = text.partition("=")
            yield (line, key.strip(), value.strip()) if equals else (line, "", text)


def _instant(text: str, zone: tzinfo | None) -> str:
    if (match := _TIME.fullmatch(text)) is None:
        raise ValueError("another layout")
    year, month, day, hour, minute, second, milliseconds = map(int, match.groups()[:7])
    if match[8] is not None:
        if abs(int(match[8])) > _LARGEST_OFFSET:
            raise ValueError("no zone is so far from UTC")
        zone = timezone(timedelta(minutes=int(match[8])))
    when = datetime(year, month, day, hour, minute, second, milliseconds * 1000, zone)
    return instants.local(when)

"""Points in time as testers write them: often in a format of their own, and without a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.api import Reject
from pywats_trio.reports import instants
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from datetime import tzinfo

_LETTERS: Final = {
    **{"%Y": "YYYY", "%y": "YY", "%m": "MM", "%b": "Mon", "%d": "DD"},
    **{"%H": "hh", "%I": "hh", "%M": "mm", "%S": "ss", "%f": "fff", "%p": "AM|PM"},
}


@frozen
class Clock:
    """How the times of a file are written."""

    date_format: str = ""
    """For `strptime`; empty: ISO 8601."""
    zone: tzinfo | None = None
    """Where the file says none; None: the zone of this machine."""

    def read(self, text: str) -> str | None:
        """The instant as WSJF takes it; None where the text is none.

        A wall clock that comes twice in autumn is taken as the first.
        """
        if not self.date_format and (instant := instants.parse(text)) is not None:
            if instant.tzinfo is not None or self.zone is None:
                return text.replace(" ", "T").replace(",", ".")  # digit by digit
            return self._written(instant)
        try:
            return self._written(self._parsed(text))
        except (ValueError, re.error):  # what `strptime` says of a format that is none
            return None

    def instant(self, text: str, what: str, where: str) -> str | None:
        """The same of a cell that may be empty (None) but must be an instant if it is not.

        Raises:
            Reject: it is none; `what` it is and `where` it stands say which is meant.
        """
        text = " ".join(text.split())
        if not text:
            return None
        if (read := self.read(text)) is None:
            form = _spoken(self.date_format) if self.date_format else "ISO 8601"
            raise Reject(f'{where}: {what} "{shortened(text, 60)}" is no time, {form} is expected')
        return read

    def of(self, seconds: float) -> str:
        """The instant that lies `seconds` after the epoch."""
        return datetime.fromtimestamp(seconds, UTC).astimezone(self.zone).isoformat()

    def _parsed(self, text: str) -> datetime:
        if self.date_format:
            return datetime.strptime(text, self.date_format)  # noqa: DTZ007 - see `_written`
        if not re.search(r"\d[T ]\d", text):
            raise ValueError("a date without a time")
        return datetime.fromisoformat(text)

    def _written(self, value: datetime) -> str:
        if value.tzinfo is None and self.zone is not None:
            value = value.replace(tzinfo=self.zone)
        return instants.local(value)


def seconds_between(start: str | None, end: str | None) -> float | None:
    """From one instant to the other; None where one is missing, or the end is the earlier.

    The same where only one of them has an offset: the other may be anywhere.
    """
    first, last = instants.parse(start), instants.parse(end)
    if first is None or last is None or (first.tzinfo is None) is not (last.tzinfo is None):
        return None
    return (last - first).total_seconds() if last >= first else None


def _spoken(date_format: str) -> str:
    """A format of `strptime` as people write it: DD-MM-YYYY hh:mm:ss."""
    for directive, letters in _LETTERS.items():
        date_format = date_format.replace(directive, letters)
    return date_format


def zone(name: str) -> tzinfo | None:
    """The time zone of an IANA name, None for an empty one.

    Raises:
        Reject: there is no such zone.
    """
    if not name:
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - 5 ms, and most files name no zone

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise Reject(
            f'the argument timezone "{name}" is no time zone of this machine',
            hint="Write an IANA name, such as Europe/Oslo.",
        ) from None

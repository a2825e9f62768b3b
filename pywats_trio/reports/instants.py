"""Points in time as WSJF writes them: ISO 8601 text with an offset, up to seven fraction digits.

Text stays text as long as possible: `datetime` holds six digits only.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

_INSTANT: Final = re.compile(
    r"(?P<clock>\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?P<fraction>[.,]\d+)?)?)"
    r"(?P<zone>[Zz]|[+-]\d\d:?\d\d)?",
    re.ASCII,
)
_LARGEST_OFFSET: Final = timedelta(hours=14)
_OFFSET_STEP: Final = timedelta(minutes=15)


def parse(text: object) -> datetime | None:
    """The instant, without a zone where the text names none; None where it is no date."""
    if not isinstance(text, str) or (match := _INSTANT.fullmatch(text)) is None:
        return None
    try:
        return datetime.fromisoformat(match[0].upper())
    except ValueError:
        return None


def with_offset(text: str, utc: object = None) -> str:
    """`text`, a sound instant, with an offset: its own, else that of `utc`, else local.

    `utc` is the same instant in UTC as the source gives it; it is believed where the difference
    can be an offset (quarters of an hour, at most 14 hours). Digits stay as they are. A wall clock
    that comes twice in autumn is taken as the first.
    """
    instant = parse(text)
    if instant is None or instant.tzinfo is not None:
        return text
    offset = _offset_by(instant, utc)
    if offset is None:
        offset = _local(instant).utcoffset() or timedelta()
    return text.replace(" ", "T") + _written(offset)


def to_utc(text: str) -> str:
    """The same instant with `Z`, its fraction digit by digit.

    `text` itself where it is no sound instant, or where UTC falls out of the years 1 to 9999 (.NET
    writes year 1 for "not set").
    """
    match = _INSTANT.fullmatch(text)
    instant = parse(text)
    if match is None or instant is None:
        return text
    try:
        whole = instant.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat()
    except OverflowError:
        return text
    return f"{whole}{(match['fraction'] or '').replace(',', '.')}Z"


def local(value: datetime) -> str:
    """A `datetime` as WSJF text; one without a zone is this machine's local time."""
    return (value if value.tzinfo is not None else _local(value)).isoformat()


def _local(value: datetime) -> datetime:
    try:
        return value.astimezone()
    except (OverflowError, OSError, ValueError):  # outside of what the C library knows
        return value.replace(tzinfo=UTC)


def _offset_by(instant: datetime, utc: object) -> timedelta | None:
    other = parse(utc)
    if other is None or other.tzinfo is None:
        return None
    difference = instant.replace(tzinfo=UTC) - other
    rounded = timedelta(seconds=round(difference.total_seconds()))
    if abs(rounded) > _LARGEST_OFFSET or rounded % _OFFSET_STEP:
        return None
    return rounded


def _written(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"

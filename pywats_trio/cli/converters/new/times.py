"""How the times of a sample are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from attrs import frozen

from pywats_trio.converters.common.local_times import Clock

if TYPE_CHECKING:
    from collections.abc import Sequence

_DAYS: Final = (
    *("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%Y", "%m/%d/%Y"),
    *("%m-%d-%Y", "%Y%m%d", "%d-%b-%Y", "%d %b %Y", "%b %d %Y", "%b %d, %Y", "%d.%m.%y"),
    *("%d/%m/%y", "%m/%d/%y", "%d-%b-%y", "%y%m%d"),
)
_HOURS: Final = (
    *("%H:%M:%S", "%H:%M:%S.%f", "%H:%M:%S,%f", "%H:%M", "%I:%M:%S %p", "%I:%M %p", "%H.%M.%S"),
    *("%H-%M-%S", "%H%M%S"),
)
_BETWEEN: Final = (" ", "T", "_", " - ", ", ", "-", ";", "")
_WHOLE: Final = ("%a %b %d %H:%M:%S %Y", "%A, %B %d, %Y %I:%M:%S %p", "%Y-%m-%d %H:%M:%S %z")
FORMATS: Final = (
    "",
    *(f"{day}{between}{hour}" for day in _DAYS for between in _BETWEEN for hour in _HOURS),
    *_WHOLE,
)
_LOOKED_AT: Final = 200


@frozen
class Written:
    """A format that fits."""

    format: str
    """Of `strptime`; empty: ISO 8601."""
    other: str = ""
    """One that fits as well and means another day."""


def look(texts: Sequence[str], *, days_alone: bool = False) -> Written | None:
    """The format of these times, None where there is none that fits them all."""
    shown = [" ".join(text.split()) for text in dict.fromkeys(texts)][:_LOOKED_AT]
    formats = _DAYS if days_alone else FORMATS
    if not shown or not all(any(char.isdigit() for char in text) for text in shown):
        return None
    fitting = next((one for one in formats if _fits(one, shown)), None)
    if fitting is None:
        return None
    swapped = fitting.replace("%d", "%?").replace("%m", "%d").replace("%?", "%m")
    is_other = swapped != fitting and _fits(swapped, shown) and swapped in formats
    if is_other and ("%p" in fitting or fitting.startswith("%d-%m")):
        usual = next(one for one in (fitting, swapped) if one.startswith("%m") == ("%p" in one))
        fitting, swapped = usual, (swapped if usual == fitting else fitting)
    return Written(fitting, swapped if is_other else "")


def _fits(form: str, texts: Sequence[str]) -> bool:
    clock = Clock(form)
    return all(clock.read(text) is not None for text in texts)

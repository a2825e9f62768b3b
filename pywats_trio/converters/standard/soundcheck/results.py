"""A row of results as a step.

Only limits that are two numbers are limits of WATS. Of a margin to a curve of tolerances the number
says how far it is, and the verdict of the file says whether that is good.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import decimals, words
from pywats_trio.converters.standard.soundcheck import table
from pywats_trio.reports.steps import Numeric, PassFail, Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.converters.standard.soundcheck.table import Row
    from pywats_trio.reports.operators import Value
    from pywats_trio.reports.steps import Status

_NO_VALUE: Final = frozenset({"", "-", "--", "---", "n/a"})
_KNOWN: Final = frozenset({"name", "margin", "unit", "result", "tolerance", "limits"})
_PAIR: Final = 2


def step(row: Row, mark: decimals.Mark, note: Callable[[str], None]) -> Step:
    """The step that a row is.

    Raises:
        Reject: it has no name, or its value or a limit is no number.
    """
    name = row.get(table.NAME)
    if not name:
        raise row.line.refusal("a result without a name")
    for cell in row.more:
        note(f'line {row.line.number}: "{shortened(cell, 60)}" is in no column and is not sent')
    value = _number(row, "margin", row.get("margin"), mark)
    low, high = _limits(row, mark)
    judged = value is not None and (low is not None or high is not None)
    status = _status(row, judged, note)
    measured: tuple[Numeric, ...] | tuple[PassFail, ...] = ()
    if value is not None:
        unit = row.get("unit")
        measured = (Numeric(value=value, unit=unit, low=low, high=high, status=status),)
    elif status:
        measured = (PassFail(passed=status not in "FET", status=status),)
    return Step(
        name=name,
        status=status or (None if low is not None or high is not None else "D"),
        measurements=measured,
        text=_text(row) or None,
    )


def _status(row: Row, judged: bool, note: Callable[[str], None]) -> Status | None:
    """None where there is none; of an unknown word the limits know more, if the value has some."""
    if not (word := row.get(table.RESULT)):
        return None
    if (status := words.status(word)) is not None:
        return status
    taken = "is unknown: the limits decide" if judged else "is taken as D"
    note(f'line {row.line.number}: Result "{shortened(word, 60)}" {taken}')
    return None if judged else "D"


def _limits(row: Row, mark: decimals.Mark) -> tuple[Value | None, Value | None]:
    """The low and the high one: of `Max/Min` both, of `Max` and `Min` one, of words none."""
    ends = [end.strip() for end in row.get("tolerance").casefold().split("/")]
    text = row.get("limits")
    if not {*ends} <= {"max", "min"} or text.casefold() in _NO_VALUE:
        return None, None
    parts = text.split("/")
    if len(parts) != len(ends) or len(ends) > _PAIR:
        raise row.line.refusal(
            f'Limits "{shortened(text, 60)}" are not as Tolerance says, '
            f'"{shortened(row.get("tolerance"), 60)}"'
        )
    found = {end: _number(row, "limits", part, mark) for end, part in zip(ends, parts, strict=True)}
    return found.get("min"), found.get("max")


def _number(row: Row, column: str, text: str, mark: decimals.Mark) -> Value | None:
    if text.strip().casefold() in _NO_VALUE:
        return None
    return decimals.number(text, column.capitalize(), row.line.where, mark)


def _text(row: Row) -> str:
    """What the value was compared with, and columns that nobody knows."""
    compared = ": ".join(filter(None, (row.get("tolerance"), row.get("limits"))))
    further = (f"{name}: {cell}" for name, cell in row.cells.items() if name not in _KNOWN and cell)
    return "\n".join([compared, *further] if compared else further)

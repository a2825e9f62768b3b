"""One row of a SPEA file as a step.

The cells of a row: word, site, task, task number, test number, description, part number of the
component, verdict, measure, minimum, maximum, unit, test points, unique number.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import decimals, words
from pywats_trio.reports.steps import Numeric, PassFail, Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.operators import Value
    from pywats_trio.reports.steps import Measurement, Status

FEWEST: Final = 12
"""Cells of a row, up to its unit; what follows may be missing."""
_MOST: Final = 14
NO_LIMIT: Final = 1e10
"""A minimum as small, or a maximum as large as this one is what the tester writes for none."""
_AUTOMATIC: Final = "AUTOMATIC"
"""In the place of a measure: the verdict is all there is."""
_VERDICTS: Final[dict[str, Status]] = {"NONE": "S", "INTERRUPTED": "T"}


def step(cells: list[str], line: Line, mark: Mark, notes: Notes) -> Step:
    """What a row says; `notes` is told of what the step does not.

    Raises:
        Reject: cells are missing, a number is none, or the verdict is an unknown word.
    """
    if len(cells) < FEWEST:
        raise line.refusal(
            f"{cells[0].strip()} with {len(cells)} cells, {FEWEST} or more are expected",
            hint="The line is cut off; write the file anew.",
        )
    if any(map(str.strip, cells[_MOST:])):
        notes.add(f"cells after the {_MOST}th are not known and not sent", line.number)
    status = _status(cells[7].strip(), line, notes)
    measurement = _measurement(cells, status, line, mark, notes)
    if status is None and measurement is None:
        notes.add("a row with neither verdict nor measure is sent as done", line.number)
    return Step(
        name=cells[5].strip() or cells[2].strip() or f"{cells[3].strip()}.{cells[4].strip()}",
        status=status,
        text=_text(cells),
        measurements=() if measurement is None else (measurement,),
    )


def verdict(word: str) -> Status | None:
    """What the verdict of a row means; None for a word that is unknown."""
    word = word.upper()
    if word.startswith(("PASS", "FAIL")):  # FAIL(+), FAIL(-), FAIL(+/-): above, below, either
        return "P" if word[0] == "P" else "F"
    return _VERDICTS.get(word) or words.status(word)


def _status(word: str, line: Line, notes: Notes) -> Status | None:
    if not word:
        notes.add("a row without a verdict: it follows from its limits", line.number)
        return None
    if (status := verdict(word)) is None:
        raise line.refusal(
            f'"{shortened(word, 60)}" is no verdict; PASS, FAIL, FAIL(+), FAIL(-), FAIL(+/-) and '
            "NONE are known"
        )
    if status == "S":
        notes.add(f"a row with the verdict {word} is sent as skipped", line.number)
    return status


def _measurement(
    cells: list[str], status: Status | None, line: Line, mark: Mark, notes: Notes
) -> Measurement | None:
    low, high = (_limit(cells[at], what, line, mark) for at, what in ((9, "min"), (10, "max")))
    word = cells[8].strip()
    if not word or word.upper() == _AUTOMATIC:
        if _is_limit(low) or _is_limit(high):
            notes.add("limits of a row without a measure are not sent", line.number)
        return _passfail(status)
    value = _number(word, "measure", line, mark)
    if not any(number is None or float(number) for number in (value, low, high)):
        return _passfail(status)
    low = low if low is not None and float(low) > -NO_LIMIT else None
    high = high if high is not None and float(high) < NO_LIMIT else None
    if low is not None and high is not None and float(high) < float(low):
        notes.add("a maximum below its minimum is taken as no maximum", line.number)
        high = None
    unit = cells[11].strip()
    return Numeric(value=value, unit=unit, low=low, high=high, status=status)


def _passfail(status: Status | None) -> PassFail | None:
    return None if status is None else PassFail(passed=status == "P", status=status)


def _is_limit(number: Value | None) -> bool:
    return number is not None and 0 < abs(float(number)) < NO_LIMIT


def _limit(text: str, what: str, line: Line, mark: Mark) -> Value | None:
    """None for an empty cell, and for what is no number that could be compared with."""
    text = text.strip()
    number = _number(text, what, line, mark) if text else None
    return None if isinstance(number, float) and math.isnan(number) else number


def _number(text: str, what: str, line: Line, mark: Mark) -> Value:
    if (number := read(text, mark)) is None:
        hint = "Set the argument decimal to the decimal mark of the file." if "," in text else ""
        raise line.refusal(f'{what} "{shortened(text, 60)}" is not a number', hint=hint)
    return number


@lru_cache(4096)  # limits are the same from board to board, and many are 0
def read(text: str, mark: Mark) -> Value | None:
    """A number as the tester writes it; None where the text is none."""
    return decimals.value(text, mark)


def _text(cells: list[str]) -> str:
    """What else a row says, for people."""
    task, task_number, test, part, word = (cells[at].strip() for at in (2, 3, 4, 6, 7))
    points, number = (cells[at].strip() if len(cells) > at else "" for at in (12, 13))
    said = [f"{task} {task_number}.{test}"]
    if part:
        said.append(f"part {part}")
    if points:
        said.append(f"test points {points}")
    if number:
        said.append(f"no. {number}")
    if word.upper() not in ("PASS", "FAIL"):
        said.append(word)
    return ", ".join(said).strip()

"""One row of an .ATD file as a step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common import words
from pywats_trio.converters.standard.takaya import quantities
from pywats_trio.reports.steps import Numeric, PassFail, Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.standard.takaya.cells import Row
    from pywats_trio.converters.standard.takaya.quantities import Quantity
    from pywats_trio.reports.numbers import Number
    from pywats_trio.reports.steps import Measurement, Status

_SKIPPED: Final = frozenset({"......", "JUMP", "NO-TEST", "NO TEST"})
_FAILED: Final = frozenset({"FAIL", "OPEN", "SHORT", "NG"})
_COMMA: Final = re.compile(r"\d,\d", re.ASCII)
_MILLISECONDS: Final = re.compile(r"(\d{1,9}(?:\.\d{1,6})?)\s*ms", re.ASCII)


def step(row: Row, notes: Notes) -> Step:
    """What a row says; `notes` is told of what the step does not.

    Raises:
        Reject: the verdict is an unknown word, or a tolerance is none.
    """
    status = _status(row)
    parts, value = row.get("parts"), row.get("value")
    measured = _measured(row, notes)
    time = _MILLISECONDS.fullmatch(row.get("time"))
    return Step(
        name=" ".join(filter(None, (parts, value))) or row.get("comment") or row.get("number"),
        status=status,
        seconds=float(time[1]) / 1000 if time else None,
        text=_text(row),
        measurements=(_measurement(row, measured, status, notes),),
    )


def _status(row: Row) -> Status:
    word = row.get("verdict").upper()
    if word in _SKIPPED or row.get("function").upper() == "JP":
        return "S"
    if word in _FAILED or word.endswith("-NG"):
        return "F"
    if (status := words.status(word)) is None:
        raise row.line.refusal(
            f'"{shortened(word, 60)}" is no verdict; PASS, FAIL, OPEN, SHORT, UP-NG, JUMP and '
            "...... are known"
        )
    return status


def _measured(row: Row, notes: Notes) -> Quantity | None:
    """The second value, which is the one that counts, else the first."""
    for name in ("second", "first"):
        text = row.get(name)
        if not text.strip(".") or text.upper() == "NO TEST":
            continue
        if (found := quantities.quantity(text)) is not None:
            return found
        if _COMMA.search(text):
            raise row.line.refusal(
                f'the measured "{shortened(text, 20)}" has a decimal comma',
                hint="Have the prober write decimal points.",
            )
        notes.add(f'the measured "{shortened(text, 20)}" is no number', row.line.number)
    return None


def _measurement(row: Row, measured: Quantity | None, status: Status, notes: Notes) -> Measurement:
    if measured is None:
        return PassFail(passed=status == "P", status=status)
    low, high = _limits(row, measured, notes)
    return Numeric(value=measured.number, unit=measured.unit, low=low, high=high, status=status)


def _limits(row: Row, measured: Quantity, notes: Notes) -> tuple[Number | None, Number | None]:
    function = row.get("function").upper()
    nominal = quantities.quantity(row.get("nominal"))
    line = row.line.number
    if function not in ("**", "E", "F", ""):
        notes.add(f"the limits of a test with the function {function} are not in the file", line)
        return None, None
    if nominal is None or nominal.unit != measured.unit:
        notes.add("no limits: there is no nominal value in the unit of the measured one", line)
        return None, None
    if function in ("E", "F"):
        return (None, nominal.number) if function == "E" else (nominal.number, None)
    plus, minus = (quantities.tolerance(row.get(name)) for name in ("plus", "minus"))
    if plus is None or minus is None:
        raise row.line.refusal("a tolerance that is no percentage such as +5%")
    return quantities.window(nominal, plus, minus)


def _text(row: Row) -> str:
    """What else a row says, for people; the first value, where a second one counts."""
    first = row.get("first") if row.get("second").strip(".") else ""
    verdict = row.get("verdict")
    said = [
        ("no.", row.cells["number"]),
        ("", row.get("comment")),
        ("location", row.get("location")),
        ("nominal", " ".join(filter(None, map(row.get, ("nominal", "plus", "minus"))))),
        ("first measured", first),
        ("function", row.cells["function"]),
        ("pins", " ".join(map(row.get, ("high_pin", "low_pin", "guards")))),
        ("mode", " ".join(map(row.get, ("mode", "range")))),
        ("probes", row.get("probes")),
        ("", row.get("more")),
        ("", verdict if verdict not in ("PASS", "FAIL") else ""),
    ]
    return ", ".join(f"{name} {text.strip()}".strip() for name, text in said if text.strip(" ."))

"""The records of an i3070 board that are tests, each as a step."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from pywats_trio.reports.steps import Numeric, PassFail, Step

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from pywats_trio.converters.standard.teradyne_ict.records import Record
    from pywats_trio.reports.operators import Value

_ANALOG: Final = {
    "A-CAP": "F",
    **dict.fromkeys(("A-RES", "A-JUM", "A-FUS", "A-POT", "A-SWI"), "Ohm"),
    "A-IND": "H",
    **dict.fromkeys(("A-DIO", "A-ZEN", "A-MEA"), "V"),
    **dict.fromkeys(("A-NPN", "A-PNP", "A-NFE", "A-PFE"), ""),
}
"""Tests that measure, with the unit of their values."""


@frozen
class _Fields:
    status: int
    name: int
    counts: tuple[tuple[str, int], ...] = ()


_VERDICTS: Final = {
    "TS": _Fields(1, 5, (("shorts", 2), ("opens", 3), ("phantoms", 4))),
    "D-T": _Fields(1, 5, (("substatus", 2), ("failing vector", 3), ("pins", 4))),
    "PF": _Fields(2, 1, (("pins", 3),)),
    **dict.fromkeys(("TJET", "CCHK", "PRB"), _Fields(1, 3, (("pins", 2),))),
    "PCHK": _Fields(1, 2),
    "BS-CON": _Fields(2, 1, (("shorts", 3), ("opens", 4))),
    "ARRAY": _Fields(2, 1, (("failures", 3), ("samples", 4))),
}
"""Tests that end in a verdict."""
TESTS: Final = _ANALOG.keys() | _VERDICTS.keys()
_LIMITS: Final = {"LIM2": (None, 1, 2), "LIM3": (1, 2, 3)}
"""Where nominal value, high and low limit stand."""
REPORT: Final = "RPT"
_DETAILS: Final = frozenset(
    {"TS-S", "TS-D", "TS-O", "TS-P", "PIN", "NODE", "DPIN", "BS-O", "BS-S", "INDICT"}
)
"""What a failed test found, and where; kept as text."""

_LEARNED: Final = 20
"""Of @TS: it passed while it learned."""
_ABORTED: Final = 11
"""Of an analog test: the operator stopped it."""
_ANALOG_ERRORS: Final = {
    2: "the compliance limit was reached",
    3: "the detector timed out",
    _ABORTED: "the operator stopped it",
}
_NO_LIMIT: Final = 9.9e37
_ON_BOARD: Final = re.compile(r"(?P<number>\d{1,4})%(?P<name>.+)", re.ASCII)


def designator(text: str) -> tuple[int | None, str]:
    """The board on the panel and the component of `3%R12`."""
    match = _ON_BOARD.fullmatch(text)
    return (int(match["number"]), match["name"]) if match else (None, text)


def name_of(test: Record) -> str:
    """The name that a test gives itself, empty where it gives none."""
    return test.get(3 if test.name in _ANALOG else _VERDICTS[test.name].name)


def texts(record: Record) -> Iterator[str]:
    """The lines of report text and details in a record, as they are written."""
    for child in record.children:
        if child.name == REPORT:
            yield child.text.strip("\n")
        elif child.name in _DETAILS:
            yield "|".join(field.strip() for field in child.fields)
            yield from texts(child)


def unknown(record: Record, known: Container[str] = ()) -> Iterator[Record]:
    """The records in it that are neither text nor details, nor known."""
    if record.name in _ANALOG:
        known = _LIMITS
    for child in record.children:
        if child.name == REPORT or child.name in _DETAILS:
            yield from unknown(child)
        elif child.name not in known:
            yield child


def truncated(record: Record) -> Iterator[Record]:
    """The records that the tester could not write whole, this one and those in it."""
    if record.is_truncated:
        yield record
    for child in record.children:
        yield from truncated(child)


def step(test: Record, block: str = "") -> Step:
    """One test; its name is its own, else that of its block.

    Raises:
        Reject: a status, a value or a limit is none.
    """
    name = designator(name_of(test))[1] or block or test.name
    return _analog(test, name) if test.name in _ANALOG else _verdict(test, name)


def _analog(test: Record, name: str) -> Step:
    code = test.code(1)
    status = _status(code, _ABORTED)
    value = test.number(2, "the value")
    limits = next((child for child in test.children if child.name in _LIMITS), None)
    low, high, text = _limits(limits) if limits else (None, None, [])
    measured: Numeric | PassFail
    if value is not None:
        measured = Numeric(
            value=value,
            unit=_ANALOG[test.name],
            low=low,
            high=high,
            status="F" if status == "T" else status,
        )
    elif status is not None:
        measured = PassFail(passed=status == "P")
        text = [] if limits is None else [f"limits (@{limits.name}) {limits.text}"]
    else:
        raise test.refusal(f"@{test.name} has neither a status nor a value")
    return Step(
        name=name,
        measurements=(measured,),
        status=status or measured.as_wsjf()["status"],
        text="\n".join((*text, *texts(test))) or None,
        error_code=code if code is not None and code > 1 else None,
        error=_ANALOG_ERRORS.get(code or 0),
    )


def _limits(record: Record) -> tuple[Value | None, Value | None, list[str]]:
    """Low and high limit, and the nominal value as text: WATS has no place for it."""
    nominal, high, low = _LIMITS[record.name]
    text = [f"nominal {record.get(nominal)}"] if nominal and record.get(nominal) else []
    return _limit(record, low, "the low limit"), _limit(record, high, "the high limit"), text


def _limit(record: Record, number: int, what: str) -> Value | None:
    limit = record.number(number, what)
    return None if limit is None or abs(float(limit)) >= _NO_LIMIT else limit


def _verdict(test: Record, name: str) -> Step:
    fields = _VERDICTS[test.name]
    code = test.code(fields.status)
    if code is None:
        raise test.refusal(f"@{test.name} has no status")
    counts = [(what, test.get(number)) for what, number in fields.counts]
    text = [", ".join(f"{what} {count}" for what, count in counts if count)]
    if not any(count.strip("0") for _what, count in counts):
        text = []
    if test.name == "TS" and code == _LEARNED:
        code, text = 0, [*text, "passed while learning"]
    status = _status(code) or "F"
    return Step(
        name=name,
        measurements=(PassFail(passed=status == "P"),),
        status=status,
        text="\n".join((*text, *texts(test))) or None,
        error_code=code if code > 1 else None,
    )


def _status(code: int | None, aborted: int | None = None) -> Literal["P", "F", "T"] | None:
    if code is None:
        return None
    if code == aborted:
        return "T"
    return "F" if code else "P"

"""The TestResults of a step: measurements of one kind, and what else was recorded."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from attrs import evolve, frozen

from pywats_trio.converters.common import words
from pywats_trio.converters.common.names import apart
from pywats_trio.converters.standard.atml import comparisons, values
from pywats_trio.reports.steps import Numeric, PassFail, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.steps import Measurement, Status

MULTIPLE: Final = frozenset({"NI_MultipleNumericLimitTest", "ET_MNLT", "ET_MSVT", "ET_MPFT"})
"""Types of steps whose measurement has a name even if it is the only one."""

_NAMELESS: Final = re.compile(r"Numeric|String|tr-[0-9a-fA-F-]{36}", re.ASCII)
"""What TestStand calls the only result of a step, and its own ids."""
_TEXT_WORDS: Final = {
    "LOG": "LOG",
    "EQUAL": "EQ",
    "NOTEQUAL": "NE",
    "CASESENSITIVE": "CASESENSIT",
    "CASESENSIT": "CASESENSIT",
    "IGNORECASE": "IGNORECASE",
    "EQ": "EQ",
    "NE": "NE",
}
"""How the steps of the WATS add-on name the comparison of texts."""


@frozen
class Results:
    """Of one step."""

    measurements: tuple[Measurement, ...]
    others: tuple[Element, ...]
    """TestResults that are no measurements."""


NONE: Final = Results((), ())


def read(
    results: Sequence[Element], step_type: str, status: Status | None, notes: Notes
) -> Results:
    """The measurements of a step whose status is `status`; it is that of a single one, too.

    Raises:
        Reject: a value or a limit is not a number.
    """
    found: list[Measurement] = []
    others = []
    for result in results:
        taken = tuple(_measured(result, notes))
        if taken and len({type(one) for one in (*found[:1], *taken)}) == 1:
            found += taken
        else:
            others.append(result)
            if taken:
                notes.add(
                    "a step has one kind of measurements in WATS, others are sent as "
                    "additional results",
                    result.line,
                )
    if len(found) == 1 and found[0].status is None:
        found[0] = evolve(found[0], status=_of_step(status))
    if len(found) == 1:
        name = found[0].name
        if not name or (step_type not in MULTIPLE and _NAMELESS.fullmatch(name)):
            found[0] = evolve(found[0], name=None)
    return Results(tuple(_named_apart(found, results, notes)), tuple(others))


def _of_step(status: Status | None) -> Status | None:
    """The status of a step as that of its only measurement; that of an error says nothing of it."""
    return None if status in ("E", "T") else "P" if status == "D" else status


def _named_apart(
    found: list[Measurement], results: Sequence[Element], notes: Notes
) -> Iterator[Measurement]:
    """Several measurements with a name of their own each, as WATS requires."""
    if len(found) < 2:  # noqa: PLR2004
        yield from found
        return
    taken: Counter[str] = Counter()
    for number, one in enumerate(found, 1):
        given = one.name or f"#{number}"
        if (name := apart(given, taken)) != given:
            notes.add(
                "measurements of a step have the same name: the later ones get a number",
                results[0].line,
            )
        yield one if name == one.name else evolve(one, name=name)


def _measured(result: Element, notes: Notes) -> Iterator[Measurement]:
    datum = result.find("TestData", "Datum")
    if not comparisons.is_measurement(result):
        yield from _listed(result, notes)
    elif datum is None:
        notes.add("limits of what is not a single value are not sent", result.line)
    else:
        measured = _single(result, datum, notes)
        if measured is None:
            notes.add("a measurement without a value is not sent", datum.line)
        else:
            yield measured


def _single(result: Element, datum: Element, notes: Notes) -> Numeric | Text | None:
    name = values.attribute(result, "name") or values.attribute(result, "ID")
    status = values.outcome(result.child("Outcome"), notes)
    if status == "D":
        status = "P"
    value = values.value_of(datum)
    if value is None:
        return None
    if isinstance(value, str):
        operator, limit = comparisons.text(result, notes)
        return Text(value=value, limit=limit, operator=operator, name=name, status=status)
    against = comparisons.numeric(result, notes)
    return Numeric(
        value=value,
        unit=values.unit_of(datum),
        low=against.low,
        high=against.high,
        operator=against.operator,
        name=name,
        status=status,
    )


def _listed(result: Element, notes: Notes) -> Iterator[Text | PassFail]:
    """The measurements of a multiple step of the WATS add-on, which come as a collection."""
    items = result.find("TestData", "Collection")
    names = (values.attribute(result, "name"), values.attribute(result, "ID"))
    if items is None or "Measurement" not in names:
        return
    rows = [_row(item) for item in items.named("Item")]
    if not all("MeasName" in row and ("StringData" in row or "PassFail" in row) for row in rows):
        return
    for row in rows:
        status = words.status(row.get("Status", ""))
        if "PassFail" in row:
            passed = row["PassFail"].lower() == "true"
            yield PassFail(passed=passed, name=row["MeasName"], status=status)
            continue
        operator = _TEXT_WORDS.get(row.get("Comp", "LOG").replace(" ", "").upper())
        if operator is None:
            notes.add(
                f'WATS has no comparison "{row["Comp"][:60]}" for texts; LOG is sent', result.line
            )
        limit = None if operator == "LOG" else row.get("StringLimit", "")
        yield Text(
            value=row["StringData"],
            limit=limit,
            operator=operator or "LOG",
            name=row["MeasName"],
            status=status,
        )


def _row(item: Element) -> dict[str, str]:
    """The members of one measurement in such a collection, by name."""
    held = item.child("Collection")
    if held is None:
        return {}
    return {
        values.attribute(member, "name"): values.text_of(datum)
        for member in held.named("Item")
        if (datum := member.child("Datum")) is not None
    }

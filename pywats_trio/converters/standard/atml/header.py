"""What an ATML file says of a unit and its test, outside of the steps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, cast

from pywats_trio.converters.api import Reject
from pywats_trio.converters.common import local_times, unit
from pywats_trio.converters.standard.atml import additional, parts, values
from pywats_trio.reports.steps import worst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, Result
    from pywats_trio.reports.steps import Status

_UUID: Final = re.compile(r"\{?([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})\}?", re.ASCII)
_PARTS: Final = frozenset(
    {"Personnel", "ResultSet", "TestStation", "UUT", "Extension", "TestProgram"}
)
"""Of a TestResults. TestProgram holds the settings of TestStand's report, as TS_Configuration."""
_PROPERTIES: Final = frozenset(
    {"BatchSerialNumber", "TestSocketIndex", "NumOfResults", "ResultListPresent"}
    | {"CriticalFailureStack"}
)
"""Of TSResultSetProperties. The steps of that stack say themselves that they caused a failure."""
_NO_MODEL: Final = "UNKNOWN"


def begin(
    context: Context,
    results: Element,
    where: str,
    *,
    batch: Element | None,
    result_set: Element | None,
    statuses: list[str],
    notes: Notes,
) -> ReportBuilder:
    """The report of a TestResults, without its steps.

    `where` says in messages which one is meant, `batch` is the TSBatchTable of the file, `statuses`
    are those of the steps, for a ResultSet without an Outcome of its own.

    Raises:
        Reject: it has no serial number or no start, or says something that is none.
    """
    clock = local_times.Clock("", local_times.zone(context.arguments["timezone"]))
    said = "" if result_set is None else values.moment(result_set.get("startDateTime") or "")
    properties = results.find("Extension", "TSResultSetProperties")
    operator = results.find("Personnel", "SystemOperator")
    code, message = parts.error_of(result_set and result_set.child("Events"))
    builder = unit.begin(
        context,
        where,
        id=_id(results, where),
        serial_number=values.own_text(results.find("UUT", "SerialNumber")),
        part_number=_part_number(results.child("UUT"), notes),
        start=clock.instant(said, "startDateTime", where),
        seconds=None if result_set is None else _seconds(result_set),
        result=None if result_set is None else _result(result_set, statuses, notes),
        error_code=code,
        error=message,
        operator=_said(operator, "name") or _said(operator, "ID"),
        station=values.own_text(results.find("TestStation", "SerialNumber")),
        batch=_property(properties, "BatchSerialNumber") or _said(batch, "batchSerialNumber"),
        socket=values.whole(_property(properties, "TestSocketIndex")),
        sequence=_said(result_set, "name").rpartition("#")[2],
    )
    for description, text in _misc(results, batch):
        builder.misc(description, text)
    _note_rest(results, properties, notes)
    return builder


def _said(element: Element | None, name: str) -> str:
    return "" if element is None else values.attribute(element, name)


def _property(properties: Element | None, name: str) -> str:
    found = properties and properties.child(name)
    return _said(found, "value") or values.own_text(found)


def _id(results: Element, where: str) -> str | None:
    text = _said(results, "uuid")
    if not text:
        return None
    if (match := _UUID.fullmatch(text)) is None:
        raise Reject(f'{where}: the uuid "{text[:60]}" is not a UUID')
    return match[1]


def _part_number(uut: Element | None, notes: Notes) -> str:
    numbers = uut and uut.find("Definition", "Identification", "IdentificationNumbers")
    found = numbers.named("IdentificationNumber") if numbers is not None else []
    if len(found) > 1:
        notes.add(
            "the second identification number of the unit and further ones are not sent",
            found[1].line,
        )
    return _said(found[0], "number") if found else ""


def _seconds(result_set: Element) -> float | None:
    lasted = parts.duration(result_set)
    if lasted is not None:
        return lasted
    step = result_set.find("Extension", "TSStepProperties")
    return values.seconds(_property(step, "TotalTime"))


def _result(result_set: Element, statuses: list[str], notes: Notes) -> Result:
    letter: Status | None = values.outcome(result_set.child("Outcome"), notes)
    if letter == "S":
        notes.add("a test that was not started: terminated is sent", result_set.line)
        return "T"
    return cast("Result", worst(statuses) if letter in (None, "D") else letter)


def _misc(results: Element, batch: Element | None) -> Iterator[tuple[str, str]]:
    """The model, and the additional data of the unit, the station and the batch."""
    model = values.own_text(results.find("UUT", "Definition", "Identification", "ModelName"))
    if model and model != _NO_MODEL:
        yield "Model", model
    for extension in (
        results.find("UUT", "Definition", "Extension"),
        results.find("TestStation", "Definition", "Extension", "TSAdditionalData"),
        batch and batch.child("TSAdditionalData"),
    ):
        for item in extension.named("TSCollection") if extension is not None else ():
            for data in item.named("Item"):
                collection = data.child("Collection")
                if collection is not None and not _said(data, "name").endswith(".Attributes"):
                    yield from (
                        (name, text) for name, text in additional.leaves(collection) if text
                    )


def _note_rest(results: Element, properties: Element | None, notes: Notes) -> None:
    for child in results.children:
        if child.name not in _PARTS:
            notes.add(
                f"{child.name} of TestResults has no place in WATS and is not sent", child.line
            )
    for child in properties.children if properties is not None else ():
        if child.name not in _PROPERTIES:
            notes.add(
                f"{child.name} of TestResults has no place in WATS and is not sent", child.line
            )

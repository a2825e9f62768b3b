"""Keysight (Agilent) TestExec SL: one XML file a unit."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import local_times, unit, xml_tree
from pywats_trio.converters.standard.keysight_testexec import names
from pywats_trio.converters.standard.keysight_testexec.fields import Fields, is_value, normal
from pywats_trio.converters.standard.keysight_testexec.steps import Steps, is_group, is_test
from pywats_trio.converters.standard.keysight_testexec.values import Reader, status
from pywats_trio.reports import instants
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, Result
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_PARTS: Final = (names.HEADER, names.UNIT, names.SUMMARY)
_LOCATION: Final = "Production"
"""What pyWATS's converter should say: a server requires a location."""


class KeysightTestexecSl(Converter):
    """The unit of the file; a file that holds several gives a report for each, in order."""

    id: ClassVar[str] = "keysight-testexec-sl"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml", "*.txsl")
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "date_format": Argument(
            str, default="", help="of its times, for strptime, such as %d/%m/%Y %H:%M:%S; ISO 8601"
        ),
        "decimal": unit.DECIMAL,
    }

    def detect(self, source: Source) -> float:
        """By the root's name and the parts in it: 0.95 with header, UUT and tests; never ATML."""
        root = xml_tree.head(source, _HEAD)
        if root is None or normal(root.name) not in names.ROOTS or _is_atml(root):
            return 0.0
        root = next(iter(_units(root)))
        parts = [_part(root, known) is not None for known in (names.HEADER, names.UNIT)]
        tests = any(is_group(child) or is_test(child) for child in root.children)
        return 0.2 + 0.25 * sum([*parts, tests])

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The units of the file."""
        root = xml_tree.parse(source.read_bytes())
        if normal(root.name) not in names.ROOTS or _is_atml(root):
            raise root.refusal(
                f'the root element "{root.name}" is not that of a TestExec SL file',
                "The file may be ATML." if _is_atml(root) else "",
            )
        for element in _units(root):
            yield _report(element, context)


def _is_atml(root: Element) -> bool:
    """Its root is called TestResults, too."""
    return "ieee" in root.space.lower()


def _units(root: Element) -> list[Element]:
    """The results in the root that have a unit of their own; the root itself where none has."""
    several = [
        child
        for child in root.children
        if normal(child.name) in names.ROOTS and _part(child, names.UNIT)
    ]
    return several or [root]


def _part(element: Element, known: tuple[str, ...]) -> Element | None:
    """The first of its children that is this part of a file; a text is none."""
    for name in known:
        for child in element.children:
            if normal(child.name) == name and not is_value(child):
                return child
    return None


def _report(element: Element, context: Context) -> Report:
    notes: list[str] = []
    reader = Reader(cast("Mark", context.arguments["decimal"]), notes.append)
    steps = Steps(reader)
    parts = [_part(element, known) for known in _PARTS]
    _refuse_second_unit(element, parts[1])
    own = Fields.of(element, names.TESTS)
    fields = [Fields.of(part) if part else own for part in parts]
    containers = [child for child in element.children if normal(child.name) in names.CONTAINERS]
    held = [Fields.of(container, names.TESTS) for container in containers]
    builder = _begun(element, fields, held, context, reader)
    for part in (part for part in parts if part):
        for child in part.children:
            if not is_value(child):
                steps.unknown(child)
    for child in element.children:
        if normal(child.name) in names.CONTAINERS:
            steps.add(child.children, builder.root)
        elif not any(child is part for part in parts):
            steps.add([child], builder.root)
    for left in [*fields, own, *held]:
        for field in left.rest():
            builder.misc(field.name, field.text)
    for note in notes:
        builder.note(note)
    return builder.build()


def _refuse_second_unit(element: Element, first: Element | None) -> None:
    for child in element.children:
        if first and child is not first and child.name == first.name and not is_value(child):
            raise child.refusal(f"a second {child.name} in one {element.name}")


def _begun(
    element: Element,
    fields: list[Fields],
    held: list[Fields],
    context: Context,
    reader: Reader,
) -> ReportBuilder:
    """The report without its steps; the counts of tests are misc infos."""
    header, product, summary = fields
    where = f"{element.name} (line {element.line})"
    program = header.take(*names.PROGRAM) or next((one.take("name") for one in held), "")
    version = header.take(*names.PROGRAM_VERSION)
    start, seconds = _times(header, summary, where, context, reader)
    builder = unit.begin(
        context,
        where,
        serial_number=product.take(*names.SERIAL_NUMBER),
        part_number=product.take(*names.PART_NUMBER),
        revision=product.take(*names.REVISION),
        batch=product.take(*names.BATCH) or None,
        start=start,
        seconds=seconds,
        result=_result(summary, element, reader),
        sequence=program,
        version=version,
        operator=header.take(*names.OPERATOR),
        station=header.take(*names.STATION),
        location=header.take(*names.LOCATION) or _location(context),
    )
    for description, known in names.COUNTS:
        if text := summary.take(*known):
            builder.misc(description, text)
    return builder


def _location(context: Context) -> str:
    """Of a file that names none: the folder's or the station's, else the one that is assumed."""
    return "" if context.arguments["location"] or context.station.location else _LOCATION


def _times(
    header: Fields, summary: Fields, where: str, context: Context, reader: Reader
) -> tuple[datetime | str | None, float | None]:
    """When the test began and how long it took; each follows from the end and the other one."""
    clock = local_times.Clock(
        context.arguments["date_format"], local_times.zone(context.arguments["timezone"])
    )
    start = clock.instant(header.take(*names.START), "start", where)
    end = clock.instant(header.take(*names.END), "end", where)
    seconds = reader.seconds(summary.take(*names.DURATION), where)
    if seconds is None:
        return start, local_times.seconds_between(start, end)
    if start or not (ended := instants.parse(end)):
        return start, seconds
    reader.note(f"{where} has no start: it is its end less its duration")
    try:
        return ended - timedelta(seconds=seconds), seconds
    except OverflowError:  # longer than there are years before it
        return None, seconds


def _result(summary: Fields, element: Element, reader: Reader) -> Result | None:
    """The verdict of the whole test; None: that of its steps."""
    word = summary.take(*names.RESULT)
    letter = status(word) if word else None
    shown = shortened(word, 60)
    if word and letter is None:
        raise element.refusal(f'the result "{shown}" of {element.name} is none that is known')
    if letter in ("D", "S"):
        reader.note(f'the result "{shown}" is none in WATS: it is that of the tests')
        return None
    return cast("Result | None", letter)

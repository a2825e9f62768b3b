"""SigmaQuest (SigmaSure): UnitReports with test runs that lie in each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import local_times, unit, xml_tree
from pywats_trio.converters.common.notes import Notes
from pywats_trio.converters.standard.sigmaquest import values
from pywats_trio.converters.standard.sigmaquest.steps import Steps
from pywats_trio.converters.standard.sigmaquest.values import Reader
from pywats_trio.reports.steps import worst
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, Result
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_UNIT: Final = "UnitReport"
_RUN: Final = "TestRun"
_NO_STATION: Final = "<No Station>"
_PLACED: Final = {
    _UNIT: ("start-time", "end-time", "software-version", "attachments"),
    "Station": ("name",),
    "Operator": ("name",),
    "Category": (),
    "Product": ("part-no", "serial-no", "version"),
}
"""What a report tells of, and its attributes that are no misc infos. (`attachments` says only that
there are some.)"""
_OWNERS: Final = (*_PLACED,)[1:]
_PLACED_PROPERTIES: Final = ("location", "test software")
"""Of the station."""


class SigmaQuest(Converter):
    """Every UnitReport of the file, in order; one is in memory at a time."""

    id: ClassVar[str] = "sigmaquest"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "decimal": unit.DECIMAL,
        "keep_zero_limits": Argument(
            bool,
            default=False,
            help="take limits of 0 as they stand, also where both are, or one is on the wrong side",
        ),
    }

    def detect(self, source: Source) -> float:
        """By the root, or its first child, UnitReport: 0.95 with owners and test runs in it."""
        root = xml_tree.head(source, _HEAD)
        if root is None:
            return 0.0
        report = root if root.name == _UNIT else root.child(_UNIT)
        if report is None:
            return 0.0
        owners = bool(report.named(*_OWNERS))
        return 0.45 + 0.25 * owners + 0.25 * bool(report.named(_RUN))

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The reports as their elements end."""
        found = False
        for begins, element in xml_tree.stream(source.file, (_UNIT,)):
            if not begins and element.name == _UNIT:
                found = True
                yield _report(element, context)
            elif not begins and not found:
                raise element.refusal(f'the root element "{element.name}" is not "{_UNIT}"')
            elif not begins and element.children:
                other = element.children[0]
                raise other.refusal(f"a {other.name} beside the {_UNIT}s of the file")


def _report(report: Element, context: Context) -> Report:
    where = f"{_UNIT} (line {report.line})"
    runs = report.named(_RUN)
    if not runs:
        raise report.refusal(f"a {_UNIT} without a {_RUN}")
    notes = Notes()
    clock = local_times.Clock("", local_times.zone(context.arguments["timezone"]))
    start = clock.instant(report.get("start-time") or "", "start-time", where)
    end = clock.instant(report.get("end-time") or "", "end-time", where)
    owners = list(_owners(report))
    products = [one for one in owners if one.name == "Product"]
    tested = products[0] if products else None
    result = _result(runs, notes)
    builder = unit.begin(
        context,
        where,
        serial_number=_of(tested, "serial-no"),
        part_number=_of(tested, "part-no"),
        revision=_of(tested, "version"),
        start=start,
        seconds=local_times.seconds_between(start, end),
        result=result,
        operator=_of(report.child("Operator"), "name"),
        station=_station(report),
        location=_property(report.child("Station"), "location"),
        sequence=_of(runs[0], "name") if len(runs) == 1 else "",
        version=_of(report, "software-version")
        or _property(report.child("Station"), "test software"),
    )
    for part in products[1:]:
        builder.sub_unit(
            _of(part, "name"),
            part_number=_of(part, "part-no"),
            serial_number=_of(part, "serial-no"),
            revision=_of(part, "version"),
        )
    _misc(owners, builder, notes)
    reader = Reader(
        cast("Mark", context.arguments["decimal"]), context.arguments["keep_zero_limits"]
    )
    _steps(runs, builder, Steps(reader, clock, notes), result)
    notes.tell(builder)
    return builder.build()


def _result(runs: list[Element], notes: Notes) -> Result | None:
    """The worst grade of the outermost test runs; None where one has none."""
    letters = []
    for run in runs:
        word = (run.get("grade") or "").strip()
        letters.append(values.grade(word))
        if word and letters[-1] is None:
            raise run.refusal(f'the grade "{shortened(word, 60)}" is unknown')
    known = [letter for letter in letters if letter]
    if len(known) < len(letters):
        return None
    if {*known} == {"S"}:
        notes.add("nothing was tested: the result is T (terminated)", runs[0].line)
        return "T"
    return cast("Result", worst(known))


def _steps(
    runs: list[Element], builder: ReportBuilder, steps: Steps, result: Result | None
) -> None:
    """A single test run is the root sequence, several are sequences below it."""
    if len(runs) > 1:
        for run in runs:
            steps.run(run, builder.root)
        return
    common = steps.common(runs[0])
    root = builder.root.sequence_step
    root.status, root.seconds, root.text = result, common["seconds"], common["text"]
    root.error, root.extra = common["error"], common["extra"]
    steps.children(runs[0], builder.root)


def _owners(element: Element) -> Iterator[Element]:
    """A report and what it tells of: station, operator, categories and the products in them."""
    yield element
    for child in element.children:
        if child.name in _OWNERS:
            yield from _owners(child)


def _misc(owners: list[Element], builder: ReportBuilder, notes: Notes) -> None:
    """Attributes and properties that have no place of their own."""
    for owner in owners:
        for name, text in owner.attributes.items():
            said = name not in _PLACED[owner.name] and text.strip() not in ("", "None")
            if said and xml_tree.SEPARATOR not in name:
                builder.misc(name if owner.name == _UNIT else f"{owner.name} {name}", text.strip())
        for child in owner.children:
            if child.name == "Property":
                _properties(child, owner, builder, notes)
            elif child.name not in (*_OWNERS, _RUN):
                notes.add(f"{child.name} is unknown and is not sent", child.line)


def _properties(element: Element, owner: Element, builder: ReportBuilder, notes: Notes) -> None:
    for name, value in values.values(element):
        if owner.name == "Station" and name.lower() in _PLACED_PROPERTIES:
            continue
        if value.name == values.ATTACHMENT:
            notes.add(values.NOT_THERE, value.line)
        if text := values.said(value):
            builder.misc(name or value.name, text)


def _property(owner: Element | None, name: str) -> str:
    """The text of a property of the station; empty where it has none of this name."""
    properties = owner.named("Property") if owner else []
    found = (v.text.strip() for p in properties for n, v in values.values(p) if n.lower() == name)
    return next(found, "")


def _station(report: Element) -> str:
    name = _of(report.child("Station"), "name")
    return "" if name == _NO_STATION else name


def _of(element: Element | None, attribute: str) -> str:
    return (element.get(attribute) or "").strip() if element else ""

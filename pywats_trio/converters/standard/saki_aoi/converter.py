"""Saki optical inspection (AOI): one XML file a panel, with an Image for each board on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, cast

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import local_times, unit, xml_tree
from pywats_trio.converters.standard.saki_aoi.panel import (
    Unit,
    attributes,
    barcode,
    instant,
    status,
    units,
)
from pywats_trio.converters.standard.saki_aoi.steps import Steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, Result
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_SIDES: Final = frozenset({"", "top", "bottom", "bot", "front", "back", "both", "t", "b", "1", "2"})
"""What stands in `side` where it is no part number."""
_PLACED: Final = (
    *("barcode", "result", "operator", "side"),
    *("startDate", "startTime", "endDate", "endTime"),
)
"""Attributes of the panel that have a place of their own; the others are misc infos."""


class SakiAoi(Converter):
    """A report for each barcode: that of the panel, and those that its boards have themselves."""

    id: ClassVar[str] = "saki-aoi"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "date_format": Argument(
            str,
            default="",
            help="of startDate, for strptime, such as %d/%m/%Y; default: year or month first",
        ),
    }

    def detect(self, source: Source) -> float:
        """By the root Panel and what is in it: 0.95 with barcode, Program and Image."""
        root = xml_tree.head(source, _HEAD)
        if root is None or root.name != "Panel" or root.get("barcode") is None:
            return 0.0
        return 0.45 + 0.25 * sum(root.child(part) is not None for part in ("Program", "Image"))

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The reports, in the order in which their barcodes stand in the file."""
        root = xml_tree.parse(source.read_bytes())
        if root.name != "Panel":
            raise root.refusal(f'the root element "{root.name}" is not "Panel"')
        for one in units(root):
            yield _report(one, context)


def _report(one: Unit, context: Context) -> Report:
    notes: list[str] = []
    start = instant(one, "start", context, notes)
    if start is None:
        raise one.panel.refusal("the Panel has no startDate")
    end = instant(one, "end", context, notes)
    program = one.panel.child("Program")
    builder = unit.begin(
        context,
        one.where,
        serial_number=one.barcode,
        part_number=_part_number(one, context, notes),
        start=start,
        seconds=local_times.seconds_between(start, end),
        result=_result(one, notes),
        operator=one.of_panel("operator"),
        sequence=_of(program, "name"),
        version=_of(program, "ver"),
    )
    _misc(one, program, builder)
    steps = Steps(notes)
    for number, image in one.images:
        steps.image(image, number, builder.root)
    steps.unknown([*one.unknown, *(program.children if program else [])])
    for note in notes:
        builder.note(note)
    return builder.build()


def _part_number(one: Unit, context: Context, notes: list[str]) -> str | None:
    """Where the configuration names none, the side, as the vendor of WATS takes it."""
    side = one.of_panel("side")
    if context.arguments["part_number"] or side.lower() in _SIDES:
        return None
    notes.append(f'the side "{side}" is taken as the part number; set the argument part_number')
    return side


def _result(one: Unit, notes: list[str]) -> Result | None:
    """The panel's word where the report is about all of it; None: that of its images."""
    panel = status(one.panel) if one.is_panel else None
    if panel not in (None, "D", "S"):
        return cast("Result", panel)
    if panel == "S" or {status(image) for _number, image in one.images} == {"S"}:
        notes.append(f"{one.where} was not inspected: its result is T (terminated)")
        return "T"
    return None


def _misc(one: Unit, program: Element | None, builder: ReportBuilder) -> None:
    """What is said of the panel and its program and has no place of its own."""
    panel = barcode(one.panel)
    of_program = attributes(program, "name", "ver") if program else {}
    infos = {
        "Panel barcode": "" if panel == one.barcode else panel,
        "Side": one.of_panel("side"),
        **attributes(one.panel, *_PLACED),
        **{f"Program {name}": text for name, text in of_program.items()},
    }
    for description, text in infos.items():
        if text:
            builder.misc(description, text)


def _of(element: Element | None, attribute: str) -> str:
    return (element.get(attribute) or "").strip() if element else ""

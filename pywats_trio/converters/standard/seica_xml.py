"""Seica flying probers (Pilot, Valid): one XML file a panel, a report for each board on it.

The layout is that of pyWATS's converter and the samples; no file of a real machine was at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from attrs import frozen

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import decimals, local_times, unit, xml_tree
from pywats_trio.converters.common.sequences import Sequences
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, SequenceBuilder
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_ROOT: Final = re.compile(r"<R[\s>]")
_PARTS: Final = (re.compile(r"<ST\s"), re.compile(r"<BI\s"), re.compile(r"<TEST\s"))
_TIMES: Final = "%d-%m-%Y %H:%M:%S"
_PROGRAM: Final = re.compile(r"[_ ]")


class SeicaXml(Converter):
    """Every board (BI) of the panel, in order."""

    id: ClassVar[str] = "seica-xml"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
    }

    def detect(self, source: Source) -> float:
        """By the root R and the elements in it: 0.95 with ST, BI and TEST, 0.2 less for each."""
        head = xml_tree.beginning(source, _HEAD)
        if not _ROOT.search(head) or not _PARTS[1].search(head):
            return 0.0
        return 0.95 - 0.2 * sum(part.search(head) is None for part in _PARTS)

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The boards; the panel's verdict counts for a single one, else that of its own tests."""
        root = xml_tree.parse(source.read_bytes())
        if root.name != "R":
            raise root.refusal(f'the root element "{root.name}" is not "R"')
        boards = root.named("BI")
        if not boards:
            raise root.refusal("no board (BI) in the file")
        for number, board in enumerate(boards, 1):
            yield _report(_Board(root, board, number, alone=len(boards) == 1), context)


@frozen
class _Board:
    root: Element
    element: Element
    number: int
    alone: bool
    """It is the only one of its panel."""

    @property
    def where(self) -> str:
        return f"BI {self.number} (line {self.element.line})"

    def get(self, attribute: str) -> str:
        return self.element.get(attribute) or ""

    def of(self, part: str, attribute: str) -> str:
        """An attribute of another element of the panel."""
        element = self.root.child(part)
        return (element.get(attribute) or "" if element else "").strip()


def _report(board: _Board, context: Context) -> Report:
    clock = local_times.Clock(_TIMES, local_times.zone(context.arguments["timezone"]))
    start = clock.instant(board.get("SD"), "SD", board.where)
    end = clock.instant(board.of("ET", "ED"), "ED of ET", board.where) if board.alone else None
    part, revision, program = [*_PROGRAM.split(board.of("ST", "NM"), maxsplit=2), "", "", ""][:3]
    builder = unit.begin(
        context,
        board.where,
        serial_number=board.get("BCP").strip(),
        part_number=part,
        revision=revision,
        version=program,
        sequence=_text(board.root.child("PrgC")),
        operator=board.of("ST", "OP"),
        start=start,
        seconds=local_times.seconds_between(start, end),
        result=_result(board),
    )
    for description, text in (
        ("Board", board.of("ST", "NMP")),
        ("Panel barcode", board.get("BC").strip()),
    ):
        if text:
            builder.misc(description, text)
    _steps(board, builder)
    return builder.build()


def _result(board: _Board) -> Literal["P", "F"] | None:
    """The panel's verdict is that of a board that is alone on it."""
    failures = board.of("ET", "NF")
    if not board.alone or not failures:
        return None
    return "P" if failures == "0" else "F"


def _steps(board: _Board, builder: ReportBuilder) -> None:
    sequences = Sequences(builder.root)
    for element in board.element.children:
        if element.name == "TEST":
            group = (element.get("F") or "").strip()
            _step(element, sequences.at(*([group] if group else [])))
        else:
            builder.note(f"{element.name} of {board.where} has no place in WATS and is not sent")


def _step(test: Element, sequence: SequenceBuilder) -> None:
    name = (test.get("NM") or "").strip()
    where = f'TEST "{shortened(name, 60)}" (line {test.line})'
    verdict = (test.get("TR") or "").strip()
    if not name or not verdict:
        raise test.refusal(f"a TEST without its {'verdict (TR)' if name else 'name (NM)'}")
    status: Literal["P", "F"] = "P" if verdict == "0" else "F"
    value, low, high, milliseconds = (
        decimals.number(test.get(attribute) or "", attribute, where)
        for attribute in ("MR", "ML", "MH", "TT")
    )
    seconds = None if milliseconds is None else float(milliseconds) / 1000
    if value is None:
        sequence.passfail(name, status == "P", status=status, seconds=seconds)
        return
    sequence.numeric(
        name,
        value,
        unit=(test.get("MU") or "").strip(),
        low=low,
        high=high,
        status=status,
        seconds=seconds,
    )


def _text(element: Element | None) -> str:
    return element.text.strip() if element else ""

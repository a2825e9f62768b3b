"""Seica flying probers (Pilot, Valid): one XML file a panel, a report for each board on it.

The layout is that of pyWATS's converter and the samples; no file of a real machine was at hand.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, Literal, cast

from attrs import frozen

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import decimals, local_times, unit, words, xml_tree
from pywats_trio.converters.common.notes import Notes
from pywats_trio.converters.common.sequences import Sequences
from pywats_trio.reports.steps import Numeric, PassFail, Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.decimals import Mark
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_TIMES: Final = "%d-%m-%Y %H:%M:%S"
_PROGRAM: Final = re.compile(r"[_ ]")
_PLACED: Final = {
    "PrgC": (),
    "ST": ("NM", "OP", "NMP"),
    "BI": ("BCP", "BC", "SD"),
    "ET": ("ED", "NF"),
}
"""Attributes of the panel's parts that have a place of their own; the others are misc infos."""
_OF_TEST: Final = ("F", "NM", "TR", "TT", "MR")
"""The same of a test; the others are lines of its step's text."""
_OF_VALUE: Final = ("ML", "MH", "MU")
_OF_MACHINE: Final = "FidMrk"
"""Where the machine found its fiducial marks says nothing of the boards."""


class SeicaXml(Converter):
    """Every board (BI) of the panel, in order."""

    id: ClassVar[str] = "seica-xml"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "decimal": unit.DECIMAL,
    }

    def detect(self, source: Source) -> float:
        """By the root R and the elements in it: 0.95 with ST, BI and TEST, 0.2 less for each."""
        root = xml_tree.head(source, _HEAD)
        board = root.child("BI") if root and root.name == "R" else None
        if root is None or board is None:
            return 0.0
        return 0.95 - 0.2 * sum(part is None for part in (root.child("ST"), board.child("TEST")))

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
    for description, text in _infos(board).items():
        if text:
            builder.misc(description, text)
    _steps(board, builder, cast("Mark", context.arguments["decimal"]))
    return builder.build()


def _infos(board: _Board) -> dict[str, str]:
    """What is said of the panel and the board and has no place of its own."""
    infos = {"Board": board.of("ST", "NMP"), "Panel barcode": board.get("BC").strip()}
    for part, placed in _PLACED.items():
        element = board.element if part == "BI" else board.root.child(part)
        if element is not None:
            rest = _others(element, *placed)
            infos |= {f"{part} {name}": text for name, text in rest.items()}
    return infos


def _others(element: Element, *placed: str) -> dict[str, str]:
    """Attributes that say something and are not `placed` elsewhere."""
    return {
        name: text.strip()
        for name, text in element.attributes.items()
        if name not in placed and text.strip() and xml_tree.SEPARATOR not in name
    }


def _result(board: _Board) -> Literal["P", "F"] | None:
    """The panel's verdict is that of a board that is alone on it."""
    failures = board.of("ET", "NF")
    if not board.alone or not failures:
        return None
    return "P" if failures == "0" else "F"


def _steps(board: _Board, builder: ReportBuilder, mark: Mark) -> None:
    sequences = Sequences(builder.root)
    unread = [child for child in board.root.children if not _is_read(child, board.root)]
    for element in board.element.children:
        if element.name == "TEST":
            group = (element.get("F") or "").strip()
            sequences.at(*([group] if group else [])).add(_step(element, mark))
            unread += element.children
        else:
            unread.append(element)
    notes = Notes()
    for element in unread:
        notes.add(f"{element.name} has no place in WATS and is not sent", element.line)
    notes.tell(builder)


def _is_read(part: Element, root: Element) -> bool:
    """Of parts that a panel has once the first one counts."""
    if part.name in ("BI", _OF_MACHINE):
        return True
    return part.name in _PLACED and part is root.child(part.name)


def _step(test: Element, mark: Mark) -> Step:
    name, status = (test.get("NM") or "").strip(), _verdict(test)
    where = f'TEST "{shortened(name, 60)}" (line {test.line})'
    value, low, high, milliseconds = (
        decimals.number(test.get(attribute) or "", attribute, where, mark)
        for attribute in ("MR", "ML", "MH", "TT")
    )
    if not name or (status is None and value is None):
        raise test.refusal(f"a TEST without its {'verdict (TR)' if name else 'name (NM)'}")
    measured: Numeric | PassFail = PassFail(passed=status == "P")
    if value is not None:
        dimension = (test.get("MU") or "").strip()
        measured = Numeric(value=value, unit=dimension, low=low, high=high, status=status)
    rest = _others(test, *_OF_TEST, *(() if value is None else _OF_VALUE))
    return Step(
        name=name,
        status=status,
        seconds=None if milliseconds is None else float(milliseconds) / 1000,
        text="\n".join(f"{attribute}: {text}" for attribute, text in rest.items()) or None,
        measurements=(measured,),
    )


def _verdict(test: Element) -> Literal["P", "F"] | None:
    """0 is passed, anything else failed; None, by its limits, where the test says neither."""
    text = (test.get("TR") or "").strip()
    if not text:
        return None
    return "P" if text == "0" or words.status(text) == "P" else "F"


def _text(element: Element | None) -> str:
    return element.text.strip() if element else ""

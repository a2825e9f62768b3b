"""ATML (IEEE 1671 and 1636.1) as TestStand writes it, a report for each TestResults."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final, cast

from attrs import define, field

from pywats_trio.converters.api import Argument, Context, Converter, Source
from pywats_trio.converters.common import unit, xml_tree
from pywats_trio.converters.common.notes import Notes
from pywats_trio.converters.standard.atml import header, steps
from pywats_trio.reports.builder import SequenceBuilder
from pywats_trio.reports.limits import MAX_NESTED_STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_ROOTS: Final = ("TestResultsCollection", "TestResults")
_STREAMED: Final = frozenset({"TestResults", "ResultSet", *steps.NAMES})
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FIRST: Final = re.compile(r"<(?:[\w.-]+:)?([A-Za-z_][\w.-]*)([^>]*)")
_SPACES: Final = ("IEEE-1636.1", "ieee.org/ATML", "TestStand/ATMLTestResults")


class Atml(Converter):
    """ATML test results 2.02, 5.00 and 6.01: a report for each TestResults, in order."""

    id: ClassVar[str] = "atml"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml", "*.atml")
    arguments: ClassVar[Mapping[str, Argument]] = {**unit.ARGUMENTS, "timezone": unit.TIMEZONE}

    def detect(self, source: Source) -> float:
        """By the root element: 0.95 in a name space of ATML, 0.3 in another or none."""
        head = _COMMENT.sub("", xml_tree.beginning(source, _HEAD))
        match = _FIRST.search(head)
        if match is None or match[1] not in _ROOTS:
            return 0.0
        return 0.95 if any(space in match[2] for space in _SPACES) else 0.3

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The reports; each as soon as its TestResults ends."""
        file = cast("BinaryIO", _Mended(source.file))
        reading = _Reading(context)
        for begins, element in xml_tree.stream(file, _STREAMED):
            if begins:
                reading.begin(element)
            elif (report := reading.end(element)) is not None:
                yield report


class _Mended:
    """A file whose stylesheet line is XML: some of TestStand's have a colon for the hyphen."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._at_start = False

    def seek(self, offset: int) -> int:
        self._at_start = not offset
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        if self._at_start:
            data = data.replace(b"<?xml:stylesheet", b"<?xml-stylesheet", 1)
        self._at_start = False
        return data


@define
class _Reading:
    """Where the reading of a file stands."""

    _context: Context
    _number: int = field(default=0, init=False)
    """Of the TestResults in hand, from 1."""
    _root: Element | None = field(default=None, init=False)
    _open: list[tuple[Element, list[dict[str, Any]]]] = field(factory=list, init=False)
    """What has begun in a TestResults, itself included, each with the steps in it so far."""
    _result_set: Element | None = field(default=None, init=False)
    _steps: dict[str, Any] | None = field(default=None, init=False)
    """The whole ResultSet as a step."""
    _notes: Notes = field(factory=Notes, init=False)

    def begin(self, element: Element) -> None:
        """An element begins.

        Raises:
            Reject: it does not belong where it is.
        """
        if self._root is None:
            self._root = element
            if element.name not in _ROOTS:
                raise element.refusal(f'the root element "{element.name}" is not {_ROOTS[0]}')
            if element.name == _ROOTS[0]:
                return
        around = self._open[-1][0].name if self._open else ""
        if not self._belongs(element.name, around):
            place = f"in {around}" if around else "outside of TestResults"
            raise element.refusal(f"{element.name} {place}")
        if len(self._open) > MAX_NESTED_STEPS + 1:  # in TestResults and ResultSet
            raise element.refusal(f"steps nested deeper than {MAX_NESTED_STEPS} levels")
        self._open.append((element, []))

    def _belongs(self, name: str, around: str) -> bool:
        if name == "TestResults":
            return not around
        if name == "ResultSet":
            return around == "TestResults" and self._result_set is None
        return around not in ("", "TestResults")

    def end(self, element: Element) -> Report | None:
        """An element is whole; of a TestResults the report comes back.

        Raises:
            Reject: what it says cannot be sent.
        """
        if not self._open:
            if not self._number:
                raise element.refusal("no TestResults in the file")
            return None
        _begun, done = self._open.pop()
        if element.name == "TestResults":
            return self._report(element)
        if element.name == "ResultSet":
            self._result_set = element
            self._steps = _root_of(element, done, self._notes)
        else:
            self._open[-1][1].extend(steps.wsjf(element, done, self._notes))
        return None

    def _report(self, results: Element) -> Report:
        self._number += 1
        whole, self._steps = self._steps, None
        result_set, self._result_set = self._result_set, None
        notes, self._notes = self._notes, Notes()
        builder = header.begin(
            self._context,
            results,
            f"TestResults {self._number} (line {results.line})",
            batch=self._root and self._root.find("Extension", "TSBatchTable"),
            result_set=result_set,
            statuses=[step["status"] for step in whole["steps"]] if whole else [],
            notes=notes,
        )
        if whole is not None:
            builder.root = SequenceBuilder(steps.Whole.of(whole, builder.root.sequence_step))
        notes.tell(builder)
        return builder.build()


def _root_of(result_set: Element, done: list[dict[str, Any]], notes: Notes) -> dict[str, Any]:
    """The ResultSet as a step; in 2.02 it is only a frame around the TestGroup that is the root."""
    is_frame = "#" not in (result_set.get("name") or "")
    if is_frame and len(done) == 1 and "seqCall" in done[0]:
        done[0].pop("tsGuid", None)  # that of the process model; the ResultSet of others has none
        return done[0]
    return steps.root(result_set, done, notes).as_wsjf()

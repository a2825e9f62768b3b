"""The groups and functions of a run as sequences and steps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from attrs import define, field

from pywats_trio.converters.common import decimals, words
from pywats_trio.converters.common.sequences import DEEPEST
from pywats_trio.converters.standard.xjtag import texts
from pywats_trio.reports.steps import PassFail, Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, SequenceBuilder
    from pywats_trio.reports.steps import Status

_SHOWN: Final = 60
_ATTRIBUTES: Final = frozenset({"name", "value", "datetime"})
_NO_ERRORS: Final = "conntest-errors"
"""Of a connection test that has found none it says so in a word."""


def seconds(element: Element, note: Callable[[str], None]) -> float | None:
    """Of its time in milliseconds; `note` is told of one that is none."""
    child = element.child("time-taken")
    text = child.text.strip() if child else ""
    if child is None or not text:
        return None
    read = decimals.value(text, ".")
    if read is None or not math.isfinite(read) or float(read) < 0:
        note(
            f'time-taken "{shortened(text, _SHOWN)}" (line {child.line}) is no time in '
            "milliseconds and is not sent"
        )
        return None
    return float(read) / 1000


@define
class Steps:
    """Puts what is in a run into its report, and remembers what had no place there."""

    builder: ReportBuilder
    _unread: dict[str, tuple[int, int]] = field(factory=dict, init=False)
    """By name: the line of the first, and how many there are."""

    def add(self, run: Element, known: Collection[str]) -> None:
        """All of them; `known` are the children of the run that are read elsewhere."""
        self._children(run, self.builder.root, 0, known)
        self.builder.root.sequence_step.text = texts.of(run)
        for name, (line, count) in self._unread.items():
            self.builder.note(f"{name} (line {line}, {count} in all) has no place in WATS")

    def unread(self, name: str, line: int) -> None:
        """Remember that something has no place in the report."""
        first, count = self._unread.get(name, (line, 0))
        self._unread[name] = (first, count + 1)

    def _children(
        self, element: Element, sequence: SequenceBuilder, depth: int, known: Collection[str] = ()
    ) -> None:
        self._attributes(element)
        for child in element.children:
            if child.name == "testgroup":
                self._group(child, sequence, depth + 1)
            elif child.name == "testfunction":
                self._function(child, sequence)
            elif child.name not in known:
                self._other(child)

    def _group(self, element: Element, above: SequenceBuilder, depth: int) -> None:
        if depth > DEEPEST:
            raise element.refusal(f"more than {DEEPEST} groups in each other")
        status = None if element.child("result") is None else self._status(element)
        sequence = above.sequence(
            _name(element),
            status=status,
            seconds=seconds(element, self.builder.note),
            text=texts.of(element),
        )
        self._children(element, sequence, depth)

    def _function(self, element: Element, sequence: SequenceBuilder) -> None:
        name, status = _name(element), self._status(element)
        # A measurement is passed, failed or skipped; of one that is none of them there is none.
        measured = PassFail(passed=status == "P", status="S" if status == "S" else None)
        sequence.add(
            Step(
                name=name,
                type="ET_PFT",
                measurements=() if status == "D" else (measured,),
                status=status,
                seconds=seconds(element, self.builder.note),
                text=texts.of(element),
            )
        )
        self._attributes(element)
        for child in element.children:
            self._other(child)

    def _status(self, element: Element) -> Status:
        """Of its result; D where that is none."""
        result = element.child("result")
        word = "" if result is None else (result.get("value") or result.text).strip()
        if (status := words.status(word)) is not None:
            return status
        what = (
            f'the result "{shortened(word, _SHOWN)}" is no word known here'
            if word
            else ("there is no result")
        )
        self.builder.note(f"{_where(element)}: {what}, D (done) is sent")
        return "D"

    def _other(self, element: Element) -> None:
        if element.name in texts.NAMES or element.name in ("result", "time-taken"):
            return
        if element.name != _NO_ERRORS or element.children:
            self.unread(element.name, element.line)

    def _attributes(self, element: Element) -> None:
        for attribute in element.attributes:
            if attribute not in _ATTRIBUTES:
                self.unread(f"{element.name} @{attribute}", element.line)


def _where(element: Element) -> str:
    name = shortened((element.get("name") or "").strip(), _SHOWN)
    return f'{element.name} "{name}" (line {element.line})'


def _name(element: Element) -> str:
    name = (element.get("name") or "").strip()
    if not name:
        raise element.refusal(f"a {element.name} without a name")
    return name

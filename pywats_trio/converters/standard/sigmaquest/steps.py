"""Test runs and their values as steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import evolve, frozen

from pywats_trio.converters.common import local_times, words
from pywats_trio.converters.common.sequences import DEEPEST
from pywats_trio.converters.standard.sigmaquest import values
from pywats_trio.reports import instants, operators
from pywats_trio.reports.builder import Common
from pywats_trio.reports.limits import STEP_LENGTHS, STRING_LENGTHS
from pywats_trio.reports.steps import Step, Text
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.common.local_times import Clock
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.converters.standard.sigmaquest.values import Reader
    from pywats_trio.reports.builder import SequenceBuilder
    from pywats_trio.reports.steps import Group, Numeric, Status

_PLACED: Final = ("name", "grade", "start-time", "end-time")
_RESULTS: Final[dict[str, Group]] = {"Result": "M", "SetUp": "S"}
"""What holds the values of a test run, and their group of steps."""
_COMPARISON: Final = ("comparison", "comp")
_LONGEST_TEXT: Final = STRING_LENGTHS["value"]
_LONGEST_ERROR: Final = STEP_LENGTHS["errorMessage"]


@frozen
class Steps:
    """Adds the test runs of one report; what has no place in it becomes a finding."""

    reader: Reader
    clock: Clock
    notes: Notes

    def run(self, run: Element, above: SequenceBuilder, depth: int = 0) -> None:
        """A sequence with its values and the test runs in it; without any a pass/fail step.

        Raises:
            Reject: a value or a time is wrong, or test runs lie too deep in each other.
        """
        name = (run.get("name") or "").strip() or run.name
        common = self.common(run)
        if any(child.name in (*_RESULTS, run.name) for child in run.children):
            if depth >= DEEPEST:
                raise run.refusal(f"more than {DEEPEST} test runs in each other")
            self.children(run, above.sequence(name, **common), depth + 1)
        elif common["status"] in ("P", "F", "S"):
            above.passfail(name, common["status"] == "P", **common)
        else:
            above.action(name, **common)

    def children(self, run: Element, sequence: SequenceBuilder, depth: int = 0) -> None:
        """The values and the test runs in a test run, in the order of the file."""
        operator = _operator(run)
        for child in run.children:
            if child.name == run.name:
                self.run(child, sequence, depth)
            elif (group := _RESULTS.get(child.name)) is not None:
                for name, value in values.values(child):
                    own = name or sequence.sequence_step.name
                    self._value(own, value, group, operator, sequence)

    def common(self, run: Element) -> Common:
        """What a test run says of itself: grade, times, errors, and its properties as text."""
        word = (run.get("grade") or "").strip()
        status = values.grade(word)
        if words.status(word) is None:
            taken = f"is taken as {status}" if status else "is unknown: it is derived"
            self.notes.add(f'the grade "{shortened(word, 60)}" {taken}', run.line)
        where = f"{run.name} (line {run.line})"
        times = [run.get("start-time") or "", run.get("end-time") or ""]
        start, end = (self.clock.instant(time, "time", where) for time in times)
        errors = self._errors(run)
        lines = [*self._lines(run), *([errors] if len(errors) > _LONGEST_ERROR else [])]
        extra: dict[str, Any] = {"start": instants.with_offset(start)} if start else {}
        return Common(
            status=status,
            seconds=local_times.seconds_between(start, end),
            text="\n".join(lines) or None,
            error=shortened(errors, _LONGEST_ERROR) or None,
            extra=extra,
        )

    def _lines(self, run: Element) -> list[str]:
        """Attributes and properties that have no place of their own."""
        lines = [
            f"{name}: {text.strip()}"
            for name, text in run.attributes.items()
            if name not in _PLACED and text.strip()
        ]
        for child in run.children:
            is_result = child.name in _RESULTS
            for name, value in values.values(child) if is_result else self._properties(child, run):
                if value.name == values.ATTACHMENT:
                    self.notes.add(values.NOT_THERE, value.line)
                elif value.name not in (*values.NUMBERS, *values.TEXTS):
                    self.notes.add(f"{value.name} is unknown and is not sent", value.line)
                    continue
                elif is_result:  # it is a step
                    continue
                lines.append(f"{name or value.name}: {values.said(value)}")
        return lines

    def _properties(self, child: Element, run: Element) -> list[tuple[str, Element]]:
        if child.name == "Property":
            return list(values.values(child))
        if child.name not in (run.name, "Error"):
            self.notes.add(f"{child.name} is unknown and is not sent", child.line)
        return []

    def _errors(self, run: Element) -> str:
        messages = [message for error in run.named("Error") for message in error.named("Message")]
        texts = [((m.get("name") or "").strip(), m.text.strip()) for m in messages]
        return "; ".join(": ".join(filter(None, pair)) for pair in texts)

    def _value(
        self,
        name: str,
        value: Element,
        group: Group,
        operator: str | None,
        sequence: SequenceBuilder,
    ) -> None:
        measured: Numeric | Text | None
        if value.name in values.NUMBERS:
            measured = self.reader.numeric(value, operator)
            if not self.reader.keep_zeros and values.zero_is_none(*self.reader.limits(value)):
                self.notes.add("a limit of 0 that cannot be one is taken as none", value.line)
        elif value.name in values.TEXTS:
            measured = values.text_of(value)
        else:  # the text of its test run has it, or a finding
            return
        status = self._judged(value, measured, sequence)
        text = values.more(value)
        if measured is None:
            self.notes.add("there is no value: the step is done", value.line)
            limits = [f"{key}: {value.get(key)}" for key in ("lsl", "usl") if value.get(key)]
            text = "\n".join(["no value", *limits, *filter(None, [text])])
            sequence.action(name, status=status, group=group, text=text)
            return
        if isinstance(measured, Text) and len(measured.value) > _LONGEST_TEXT:
            self.notes.add("a text is cut; all of it is in the text of the step", value.line)
            text = f"{measured.value}\n{text}".strip()
            measured = evolve(measured, value=shortened(measured.value, _LONGEST_TEXT))
        one = evolve(measured, status=status)
        sequence.add(
            Step(name=name, measurements=(one,), status=status, group=group, text=text or None)
        )

    def _judged(
        self, value: Element, measured: Numeric | Text | None, sequence: SequenceBuilder
    ) -> Status | None:
        """Its own grade; else P where its test run passed; None: by its limits."""
        word = (value.get("grade") or "").strip()
        own = values.grade(word)
        if word and own is None:
            self.notes.add(f'the grade "{shortened(word, 60)}" is unknown', value.line)
        if own is not None or measured is None:
            return own
        if sequence.sequence_step.status != "P":
            return None
        if not values.is_within(measured):
            self.notes.add(
                "a value outside of its limits is passed, for its test run is", value.line
            )
        return "P"


def _operator(run: Element) -> str | None:
    """The comparison that a property of the test run names, such as `GELE (inclusive)`."""
    for child in run.named("Property"):
        for name, value in values.values(child):
            if name.lower() in _COMPARISON:
                word = value.text.partition("(")[0].strip().upper()
                word = "EQ" if word == "E" else word
                return word if word in operators.OPERATORS else None
    return None

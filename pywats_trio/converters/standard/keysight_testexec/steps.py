"""The tests of a unit and the groups that they are in, as steps."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from pywats_trio.converters.common.names import apart
from pywats_trio.converters.common.sequences import DEEPEST
from pywats_trio.converters.standard.keysight_testexec import names
from pywats_trio.converters.standard.keysight_testexec.fields import Fields, is_value, normal
from pywats_trio.converters.standard.keysight_testexec.values import of_single, status
from pywats_trio.reports.builder import Common
from pywats_trio.reports.steps import Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.converters.standard.keysight_testexec.values import Measured, Reader
    from pywats_trio.reports.builder import SequenceBuilder
    from pywats_trio.reports.steps import Measurement


def is_group(element: Element) -> bool:
    """Whether it holds tests (a text under such a name is a value)."""
    return normal(element.name) in names.GROUPS and not is_value(element)


def is_test(element: Element) -> bool:
    """Whether it is a test, outside of one."""
    return normal(element.name) in names.TESTS


@frozen
class Steps:
    """Adds the tests of one unit to its report; what has no place in it becomes a finding."""

    reader: Reader

    def add(self, elements: Iterable[Element], sequence: SequenceBuilder, depth: int = 0) -> None:
        """The tests and groups among them, in order; `depth` counts the groups around them.

        Raises:
            Reject: a value is wrong, or groups are nested deeper than a report can be.
        """
        for child in elements:
            if is_group(child):
                self._group(child, sequence, depth)
            elif is_test(child):
                self._test(child, sequence, depth)
            elif not is_value(child):
                self.unknown(child)

    def unknown(self, element: Element) -> None:
        """Say of an element that it is not in the report."""
        if element.children or element.attributes:
            self.reader.note(f"{_where(element)} is unknown and is not sent")

    def _group(self, element: Element, sequence: SequenceBuilder, depth: int) -> None:
        fields = Fields.of(element, names.TESTS)
        name = self._name(fields.take(*names.GROUP_NAME), element)
        common = self._common(fields, element)
        self._say_unknown_status(fields, element)
        common["text"] = fields.rest_as_text() or None
        inner = _sequence(sequence, element, name, depth, common)
        self.add(element.children, inner, depth + 1)

    def _test(self, element: Element, sequence: SequenceBuilder, depth: int) -> None:
        fields = Fields.of(element, names.TESTS | names.MEASUREMENTS)
        name = fields.take(*names.TEST_NAME)
        common = self._common(fields, element)
        parts = self._parts(element, name, fields, judged=common["status"] is not None)
        self._say_unknown_status(fields, element)
        measurements = [part.measurement for part in parts if part.measurement]
        alone = measurements[0].name if len(measurements) == 1 else None
        name = self._name(name or alone or "", element)
        texts = [
            f"Measurement: {alone}" if alone and alone != name else "",
            *(part.text for part in parts),
            fields.rest_as_text(),
        ]
        common["text"] = "\n".join(text for text in texts if text) or None
        nested = [child for child in element.children if _is_nested(child)]
        if not nested and len({type(measurement) for measurement in measurements}) < 2:  # noqa: PLR2004
            self._step(sequence, name, measurements, element, common)
            return
        inner = _sequence(sequence, element, name, depth, common)
        for number, measurement in enumerate(measurements, 1):
            own = measurement.name or f"{name} {number}"
            inner.add(Step(name=own, measurements=(evolve(measurement, name=None),)))
        self.add(nested, inner, depth + 1)

    def _step(
        self,
        sequence: SequenceBuilder,
        name: str,
        measurements: Sequence[Measurement],
        element: Element,
        common: Common,
    ) -> None:
        verdict = common["status"]
        if len(measurements) == 1:
            only = measurements[0]
            single = evolve(only, name=None, status=only.status or of_single(verdict))
            sequence.add(Step(name=name, measurements=(single,), **common))
        elif measurements:
            sequence.add(Step(name=name, measurements=self._named(measurements, element), **common))
        elif verdict in (None, "D"):
            if verdict is None:
                self.reader.note(f"{_where(element)} has neither a value nor a status: it is done")
            sequence.action(name, **common)
        else:
            sequence.passfail(name, verdict == "P", **common)

    def _named(self, measurements: Iterable[Measurement], element: Element) -> list[Measurement]:
        """Each with a name of its own: WATS takes no two with the same one in a step."""
        named: list[Measurement] = []
        taken: Counter[str] = Counter()
        again: dict[str, str] = {}
        for number, measurement in enumerate(measurements, 1):
            given = measurement.name or str(number)
            if (name := apart(given, taken)) != given:
                again[given] = name
            named.append(evolve(measurement, name=name))
        if again:
            repeated = ", ".join(f'"{shortened(name, 60)}"' for name in [*again][:3])
            self.reader.note(
                f"{_where(element)}: names come again ({repeated}): the later ones get a number"
            )
        return named

    def _parts(self, test: Element, name: str, fields: Fields, *, judged: bool) -> list[Measured]:
        """What is measured: the elements of a test that hold values, else the test itself."""
        shown = f'"{shortened(name, 60)}"'
        holders = [one for child in test.children if _holds_values(child) for one in _within(child)]
        found = [
            self.reader.measured(
                Fields.of(one),
                one.text.strip(),
                f"{one.name} of {shown} (line {one.line})",
                judged=judged,
            )
            for one in holders
        ]
        if holders:
            return found
        where = f"{test.name} {shown} (line {test.line})"
        return [self.reader.measured(fields, test.text.strip(), where, judged=judged)]

    def _common(self, fields: Fields, element: Element) -> Common:
        """Status and duration; the text comes when all else was taken."""
        verdict = status(fields.take(*names.STATUS, fits=status))
        seconds = self.reader.seconds(fields.take(*names.DURATION), _where(element))
        return Common(status=verdict, seconds=seconds)

    def _say_unknown_status(self, fields: Fields, element: Element) -> None:
        if word := fields.take(*names.STATUS):
            shown = shortened(word, 60)
            self.reader.note(f'{_where(element)}: the status "{shown}" is unknown and is not sent')

    def _name(self, name: str, element: Element) -> str:
        if not name:
            self.reader.note(f"{_where(element)} has no name: it is called {element.name}")
        return name or element.name


def _sequence(
    above: SequenceBuilder, element: Element, name: str, depth: int, common: Common
) -> SequenceBuilder:
    if depth >= DEEPEST:
        raise element.refusal(f"more than {DEEPEST} groups of tests in each other")
    return above.sequence(name, **common)


def _is_nested(element: Element) -> bool:
    """Whether it is a test within a test; a Measurement is not, there it holds values."""
    is_one = is_test(element) and normal(element.name) not in names.MEASUREMENTS
    return is_group(element) or is_one


def _holds_values(element: Element) -> bool:
    name = normal(element.name)
    return name in names.MEASUREMENTS or (name in names.VALUE and bool(element.children))


def _within(holder: Element) -> list[Element]:
    """The measurements in an element that may hold several, or be one."""
    return [child for child in holder.children if is_test(child)] or [holder]


def _where(element: Element) -> str:
    return f"{element.name} (line {element.line})"

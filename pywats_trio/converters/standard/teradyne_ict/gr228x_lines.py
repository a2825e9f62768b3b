"""The lines of a GR228X board that are results: measurements and lists of failed nodes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from pywats_trio.converters.common import decimals, prefixes
from pywats_trio.converters.standard.teradyne_ict.gr228x_types import FAILURES, PREFIXES, TYPES
from pywats_trio.reports.numbers import Number
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pywats_trio.converters.common.reading import Line
    from pywats_trio.reports.operators import Value

_FAILURE: Final = re.compile(r"\((?P<kind>[SOBCF])(?![A-Za-z_])\s*(?P<text>.*)")
_MEASURED: Final = re.compile(
    r"(?P<name>[^=<>#%]+)(?P<mark>[=<>#%])(?P<value>[^(),]*)"
    r"\((?P<low>[^(),]*),(?P<high>[^(),]*)\)\s*(?P<type>[A-Za-z0-9_]*)(?P<message>.*)"
)
_BARE: Final = re.compile(r"(?P<name>[A-Za-z0-9_][^=<>#%\s]*)(?P<mark>[=<>#%])(?P<rest>.*)")
_BROKEN: Final = re.compile(
    r"[A-Za-z0-9_][^=<>#%\s]*[=<>#%]\s*(?:[-+.,0-9][-+.,0-9A-Za-z]*)?\s*\((?:[-+.,0-9]|$)"
)
"""How a measurement begins; with this a line that is none is one that was damaged."""
_QUANTITY: Final = re.compile(
    r"(?P<number>[+-]?[0-9.]*(?:[eE][+-]?[0-9]+)?)\s*(?P<prefix>MEG|[PNUMK])?", re.IGNORECASE
)
_SHORT: Final = re.compile(r"[-+.0-9]{1,40}")
_MESSAGE: Final = " \t="


@frozen
class Failure:
    """A test of the whole board that failed, with the nodes that did."""

    name: str
    parts: list[str]
    """Of the list: a line each, but for the last with the mark that it goes on."""

    @property
    def goes_on(self) -> bool:
        return self.parts[-1].endswith("+")

    @property
    def text(self) -> str:
        """One list, without the marks between its lines."""
        *before, last = self.parts
        return ",".join([*(part.removesuffix("+").rstrip(", \t") for part in before), last])


@frozen
class Quantity:
    """A number with its prefix."""

    number: Value
    prefix: str

    def with_prefix(self, prefix: str) -> Value:
        """The same quantity as a number of another prefix."""
        power = prefixes.POWERS[self.prefix] - prefixes.POWERS[prefix]
        return prefixes.scaled(self.number, power)

    @property
    def fits(self) -> bool:
        """Whether it is a number with any prefix."""
        if isinstance(self.number, Number) and _SHORT.fullmatch(self.number.text):
            return True  # as nearly all are, and what comes now is slow
        return math.isfinite(self.with_prefix("p")) and math.isfinite(self.with_prefix("M"))


@frozen
class Measurement:
    """One line `NAME mark value(low,high)TYPE message`."""

    name: str
    mark: str
    value: Quantity | None = None
    low: Quantity | None = None
    high: Quantity | None = None
    limits: str = ""
    """As they are written; empty where there are none."""
    type: str = ""
    message: str = ""

    @property
    def status(self) -> Literal["P", "F", "D"]:
        verdicts: dict[str, Literal["P", "D"]] = {"=": "P", "#": "D"}
        return verdicts.get(self.mark, "F")

    @property
    def step_name(self) -> str:
        return f"{self.name}({self.type})" if self.type else self.name

    @property
    def is_stimulus(self) -> bool:
        """A source was set (IS, VS), nothing was measured, and that did not fail."""
        return self.value is None and self.type in ("IS", "VS") and self.status != "F"


@frozen
class Fact:
    """A line `NAME = text`, which the test program wrote."""

    name: str
    text: str


Result = Failure | Measurement | Fact


def results(lines: Iterable[Line]) -> Iterator[tuple[Line, Result | None]]:
    """What each line says, None where nobody knows; the lines of one list of nodes are one.

    Raises:
        Reject: a number is none.
    """
    pending: tuple[Line, Failure] | None = None
    for line in lines:
        result = _result(line)
        if result is None and pending is not None and pending[1].goes_on:
            pending[1].parts.append(line.text.strip())
            continue
        if pending is not None:
            yield pending
        pending = (line, result) if isinstance(result, Failure) else None
        if pending is None:
            yield line, result
    if pending is not None:
        yield pending


def _result(line: Line) -> Result | None:
    text = line.text.strip()
    if match := _FAILURE.fullmatch(text):
        return Failure(FAILURES[match["kind"]], [match["text"]])
    measured = None
    if match := _MEASURED.fullmatch(text):
        measured = _measurement(match, line)
    elif match := _BARE.fullmatch(text):
        measured = _bare(match, line)
    if measured is None and _BROKEN.match(text):
        raise line.refusal(
            f'"{shortened(text, 60)}" is no whole measurement, NAME=value(low,high)TYPE is '
            "expected",
            "The line is damaged, or its numbers have decimal commas; write the log anew.",
        )
    return measured or _fact(text)


def _fact(text: str) -> Fact | None:
    name, mark, said = (part.strip() for part in text.partition(" = "))
    return Fact(name, said) if mark and name and said else None


def _measurement(match: re.Match[str], line: Line) -> Measurement | None:
    type_ = match["type"].upper()
    parts = {key: _QUANTITY.fullmatch(match[key].strip()) for key in ("value", "low", "high")}
    for key, part in parts.items():
        if part is None and type_ in TYPES:
            raise line.refusal(f'{key} "{shortened(match[key].strip(), 60)}" is not a number')
    value, low, high = (_quantity(part, key, line) for key, part in parts.items())
    limits = f"({match['low'].strip()},{match['high'].strip()}){type_}"
    if None in parts.values():
        return None  # text with brackets in it
    return Measurement(
        *(match["name"].rstrip(), match["mark"], value, low, high),
        limits="" if low is None and high is None else limits,
        type=type_,
        message=match["message"].strip(_MESSAGE),
    )


def _bare(match: re.Match[str], line: Line) -> Measurement | None:
    """A test without brackets: with nothing else, with a value, or failed with a text."""
    rest = match["rest"].strip()
    part = _QUANTITY.fullmatch(rest)
    if part is not None:
        return Measurement(match["name"], match["mark"], _quantity(part, "value", line))
    test = Measurement(match["name"], match["mark"], message=rest)
    return test if test.status == "F" and not test.name[0].isdigit() else None


def _quantity(part: re.Match[str] | None, what: str, line: Line) -> Quantity | None:
    if part is None or not part[0]:
        return None
    number = decimals.number(part["number"], what, line.where)
    if number is None:
        raise line.refusal(f'{what} "{part[0]}" is not a number')
    quantity = Quantity(number, PREFIXES[(part["prefix"] or "").upper()])
    if not quantity.fits:
        raise line.refusal(f'{what} "{shortened(part[0], 60)}" is out of range')
    return quantity

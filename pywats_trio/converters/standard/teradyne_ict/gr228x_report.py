"""The report of one board of a GR228X log."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Final, Literal

from attrs import define, field

from pywats_trio.converters.common import local_times, unit
from pywats_trio.converters.common.unit import Facts
from pywats_trio.converters.standard.teradyne_ict import gr228x_lines, notes
from pywats_trio.converters.standard.teradyne_ict.gr228x_lines import (
    Fact,
    Failure,
    Measurement,
)
from pywats_trio.converters.standard.teradyne_ict.gr228x_types import TYPES
from pywats_trio.reports.limits import STRING_LENGTHS
from pywats_trio.reports.steps import Numeric, PassFail, Step, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.converters.api import Context
    from pywats_trio.converters.common.reading import Line
    from pywats_trio.converters.standard.teradyne_ict.gr228x_board import Board
    from pywats_trio.reports.builder import ReportBuilder, SequenceBuilder
    from pywats_trio.reports.report import Report


_OVERRIDE: Final = re.compile(r"WATS_(?P<key>[A-Za-z]+)[ \t]*=(?P<value>.*)", re.IGNORECASE)
_Key = Literal["part_number", "revision", "operator", "station", "sequence", "version"]
_KEYS: Final[dict[str, _Key]] = {
    "partnumber": "part_number",
    "partrevision": "revision",
    "operator": "operator",
    "stationname": "station",
    "sequencename": "sequence",
    "sequenceversion": "version",
}
_SOCKET: Final = re.compile(r"TOP_OF_LOOP-(?P<socket>[A-H])(?![A-Za-z0-9_])", re.IGNORECASE)
_SEPARATOR: Final = re.compile(r"[\\/]")


@define
class _Own:
    """What a board's lines say of it besides results."""

    given: Facts = field(factory=Facts)
    socket: int | None = None
    rest: list[Line] = field(factory=list)
    changed: list[Line] = field(factory=list)
    """What says another thing than a line before it."""
    unknown: list[Line] = field(factory=list)


def of(board: Board, context: Context) -> Report:
    """One board with all of its results.

    Raises:
        Reject: it has no serial number, or a number of a measurement is none.
    """
    own = _own(board.lines)
    seconds = local_times.seconds_between(board.start, board.end)
    facts: Facts = {
        "serial_number": board.serial,
        "part_number": _part_number(board.program),
        "sequence": board.program,
        "start": board.start,
        "seconds": seconds,
        "result": board.result,
        "socket": own.socket,
    }
    facts.update(own.given)
    builder = unit.begin(context, board.where, **facts)
    if board.result:
        builder.root.sequence_step.status = board.result
    if seconds is None:
        builder.note(f"{board.where} ends before it begins: no execution time is sent")
    for line in own.changed:
        builder.note(f"{line.where}: {line.text.strip()} replaces what an earlier line says")
    unknown = _steps(own.rest, builder)
    notes.lines(builder, [*own.unknown, *unknown, *board.loose])
    return builder.build()


def has_results(board: Board) -> bool:
    """Whether anything was measured or has failed.

    Raises:
        Reject: a number of a measurement is none.
    """
    results = gr228x_lines.results(_own(board.lines).rest)
    return any(isinstance(result, Failure | Measurement) for _line, result in results)


def _part_number(program: str) -> str:
    """The file name of the program up to the first `_`, without its ending."""
    name = _SEPARATOR.split(program)[-1]
    return name[: -len(".obc")].partition("_")[0].strip()


def _own(lines: Iterable[Line]) -> _Own:
    own = _Own()
    for line in lines:
        text = line.text.strip()
        if match := _OVERRIDE.fullmatch(text):
            _override(own, match, line)
        elif match := _SOCKET.match(text):
            socket = ord(match["socket"].upper()) - ord("A") + 1
            if own.socket not in (None, socket):
                own.changed.append(line)
            own.socket = socket
        else:
            own.rest.append(line)
    return own


def _override(own: _Own, match: re.Match[str], line: Line) -> None:
    key, value = _KEYS.get(match["key"].lower()), match["value"].strip()
    if key is None:
        own.unknown.append(line)
    elif value:
        if own.given.get(key, value) != value:
            own.changed.append(line)
        own.given[key] = value


def _steps(lines: Iterable[Line], builder: ReportBuilder) -> list[Line]:
    """Adds the results of a board; returns the lines that say nothing that is known."""
    groups = _Groups(builder.root)
    unknown: list[Line] = []
    stimuli = 0
    for line, result in gr228x_lines.results(lines):
        if result is None:
            unknown.append(line)
        elif isinstance(result, Fact):
            builder.misc(result.name, result.text)
        elif isinstance(result, Failure):
            groups.at("").add(_failure(result))
        elif result.is_stimulus:
            stimuli += 1
        else:
            groups.at(result.name[0]).add(_measured(result))
    if stimuli:
        builder.note(f"lines of type IS or VS without a value are not sent: {stimuli}")
    return unknown


@define
class _Groups:
    """Sequences of the components that stand together, by the first letter of their names."""

    root: SequenceBuilder
    _counts: Counter[str] = field(factory=Counter, init=False)
    _letter: str = field(default="", init=False)
    _open: SequenceBuilder | None = field(default=None, init=False)

    def at(self, letter: str) -> SequenceBuilder:
        """Where the next step belongs; without a letter the root."""
        if letter and (self._open is None or letter != self._letter):
            self._counts[letter] += 1
            self._open = self.root.sequence(f"{letter}-Group{self._counts[letter]}")
        self._letter = letter
        return self._open if letter and self._open is not None else self.root


def _failure(failure: Failure) -> Step:
    """The list of nodes is often longer than what WATS keeps of a text value: it is text, too."""
    whole = failure.text if len(failure.text) > STRING_LENGTHS["value"] else None
    measured = Text(value=failure.text, status="F")
    return Step(name=failure.name, measurements=(measured,), status="F", text=whole)


def _measured(test: Measurement) -> Step:
    status = test.status
    unit_, meaning = TYPES.get(test.type, ("", ""))
    error = meaning if status == "F" and meaning else None
    if test.value is None:
        verdict = PassFail(passed=status != "F")
        text = "\n".join(filter(None, (test.limits and f"limits {test.limits}", test.message)))
        return _step(test, verdict, text, error)
    prefix = test.value.prefix
    measured = Numeric(
        value=test.value.number,
        unit=prefix + unit_,
        low=None if test.low is None else test.low.with_prefix(prefix),
        high=None if test.high is None else test.high.with_prefix(prefix),
        status="F" if status == "F" else "P",
    )
    return _step(test, measured, test.message, error)


def _step(test: Measurement, measured: Numeric | PassFail, text: str, error: str | None) -> Step:
    return Step(
        name=test.step_name,
        measurements=(measured,),
        status=test.status,
        text=text or None,
        error=error,
    )

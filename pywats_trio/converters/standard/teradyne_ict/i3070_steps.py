"""The steps of an i3070 board: its blocks and the tests in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.converters.common.sequences import Sequences
from pywats_trio.converters.standard.teradyne_ict import i3070_tests, notes
from pywats_trio.converters.standard.teradyne_ict.i3070_tests import TESTS
from pywats_trio.reports.steps import PassFail, Step, worst

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.standard.teradyne_ict.records import Record
    from pywats_trio.reports.builder import ReportBuilder
    from pywats_trio.reports.steps import Status

_BLOCK: Final = "BLOCK"
RESULTS: Final = TESTS | {_BLOCK}
"""Records without which a board would be another one."""


def add(board: Record, builder: ReportBuilder) -> None:
    """All tests of a board: each in the sequence of its kind, several of a block in its own.

    Raises:
        Reject: a status, a value or a limit is none.
    """
    sequences = Sequences(builder.root)
    unknown: list[Record] = []
    for child in board.children:
        if child.name == _BLOCK:
            _block(child, sequences, unknown)
        elif child.name in TESTS:
            sequences.at(child.name).add(i3070_tests.step(child))
            unknown += i3070_tests.unknown(child)
        elif child.name != i3070_tests.REPORT:
            unknown.append(child)
    notes.records(builder, unknown, "is not known here and is not sent")
    notes.records(builder, [*i3070_tests.truncated(board)], "was cut by the tester")


def comment(board: Record) -> str:
    """The report text that stands in no block and no test."""
    return "\n".join(child.text for child in board.children if child.name == i3070_tests.REPORT)


def sockets(board: Record) -> Iterator[int]:
    """The boards on the panel that the names of its blocks and tests say."""
    for child in board.children:
        names = [child.get(1)] if child.name == _BLOCK else []
        names += [i3070_tests.name_of(t) for t in (child, *child.children) if t.name in TESTS]
        for name in names:
            number, _component = i3070_tests.designator(name)
            if number is not None:
                yield number


def _block(block: Record, sequences: Sequences, unknown: list[Record]) -> None:
    """One test with the name of its block stands for it; all else is a sequence."""
    block.refuse_text_behind()
    name = i3070_tests.designator(block.get(1))[1] or block.name
    tests = [child for child in block.children if child.name in TESTS]
    unknown += i3070_tests.unknown(block, TESTS)
    for test in tests:
        unknown += i3070_tests.unknown(test)
    code = block.code(2)
    said: Status | None = None if code is None else "F" if code else "P"
    text = "\n".join(i3070_tests.texts(block)) or None
    steps = [i3070_tests.step(test, name) for test in tests]
    kinds = tuple({test.name: None for test in tests})
    if not steps:
        sequences.at(_BLOCK).add(_verdict(name, said, text))
    elif len(steps) == 1 and steps[0].name == name and said in (None, _two(steps[0].status)):
        steps[0].text = "\n".join(filter(None, (steps[0].text, text))) or None
        sequences.at(*kinds).add(steps[0])
    else:
        below = sequences.new(*(kinds if len(kinds) == 1 else ()), name).sequence_step
        below.steps += steps
        below.text = text
        below.status = _status(said, worst([step.status or "P" for step in steps]))


def _verdict(name: str, said: Status | None, text: str | None) -> Step:
    """A block whose tests are not in the log; without a status it is only done."""
    verdict = () if said is None else (PassFail(passed=said == "P"),)
    return Step(name=name, measurements=verdict, status=said, text=text)


def _two(status: Status | None) -> Status:
    """A block says only whether all passed."""
    return "P" if status == "P" else "F"


def _status(said: Status | None, derived: Status) -> Status:
    """What a block says of itself; its tests say more precisely how it failed."""
    return derived if said is None or (said == "F" and derived != "P") else said

"""WATS Standard Text Format: lines of cells between tabs, one or several units in a file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar, Final

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.standard.wats_text import header as headers
from pywats_trio.converters.standard.wats_text.header import Header
from pywats_trio.converters.standard.wats_text.lines import MARKS, units
from pywats_trio.converters.standard.wats_text.steps import SEQUENCE
from pywats_trio.converters.standard.wats_text.tree import Tree
from pywats_trio.converters.standard.wats_text.values import Notes
from pywats_trio.reports.limits import PROCESS_CODES
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.report import Report
from pywats_trio.reports.steps import worst

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.converters.standard.wats_text.lines import Unit

_HEAD: Final = 8192
_NUL: Final = b"\0"
_ANY: Final = rf"-- *(?:{'|'.join(MARKS)}) *--"
_BEGIN: Final = re.compile(
    rf"(?:\xef\xbb\xbf|\xff\xfe|\xfe\xff)?\s*-- *{MARKS[0]} *--".encode("latin-1"), re.IGNORECASE
)
_SOMEWHERE: Final = re.compile(rf"(?:^|[\r\n])[ \t]*{_ANY}".encode(), re.IGNORECASE)
_ROOT: Final = "MainSequence Callback"


class WatsText(Converter):
    """Every unit of the file, in order."""

    id: ClassVar[str] = "wats-text"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.txt",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        "process_code": Argument(
            int,
            minimum=PROCESS_CODES[0],
            maximum=PROCESS_CODES[-1],
            help="test operation of units without OperationTypeCode; without it "
            f"{headers.PROCESS_CODE}",
        ),
        "encoding": Argument(
            str,
            default="cp1252",
            help="of files that have no byte order mark and are not UTF-8",
        ),
        "decimal": Argument(
            str,
            default=".",
            choices=(".", ","),
            help="the decimal mark; the other one may part thousands",
        ),
    }

    def detect(self, source: Source) -> float:
        """0.98 if it begins as a unit does, 0.6 if another mark is near the beginning, else 0."""
        # The marks are ASCII: without zero bytes UTF-16 is read as well as UTF-8.
        head = source.read_head(_HEAD).replace(_NUL, b"")
        if _BEGIN.match(head):
            return 0.98
        return 0.6 if _SOMEWHERE.search(head) else 0.0

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """The units as WSJF; statuses of the file stand, those it leaves out are derived."""
        arguments = context.arguments
        text = _text(source, arguments["encoding"])
        return [
            _report(unit, arguments["decimal"], arguments["process_code"], source)
            for unit in units(text)
        ]


def _text(source: Source, encoding: str) -> str:
    try:
        return source.read_text(encoding)
    except (LookupError, UnicodeError) as error:
        raise Reject(
            f"the argument encoding is {encoding!r}: {error}",
            hint="Set it to the name of a code page, such as cp1252.",
        ) from error


def _report(unit: Unit, decimal: str, process_code: int | None, source: Source) -> Report:
    notes = Notes()
    for line in unit.replaced:
        notes.add("", "control characters, which WATS cannot keep, are sent as U+FFFD", line)
    header = Header(unit, decimal, notes)
    header.read()
    tree = Tree(decimal, notes)
    tree.read(unit)
    content = headers.content(header, process_code, source)
    steps = [step.as_wsjf() for step in tree.top]
    if "result" not in content:
        content["result"] = _result(unit, steps)
    content["root"] = {
        "id": 0,
        "group": "M",
        "stepType": SEQUENCE,
        "name": _ROOT,
        "status": content["result"],
        "seqCall": headers.call(header),
        "steps": steps,
    }
    try:
        return Report.owned(content, notes.findings())
    except InvalidReport as error:
        raise Reject(
            f"the unit that begins in line {unit.begin}: {error}", hint=error.hint
        ) from error


def _result(unit: Unit, steps: list[dict[str, Any]]) -> str:
    """What a unit without UUTStatus ended in, by its steps."""
    if not steps:
        raise Reject(f"line {unit.begin}: no UUTStatus, and no steps to derive it from")
    return worst([step["status"] for step in steps])

"""One run of a log as a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.converters.api import Context, Reject
from pywats_trio.converters.common import unit, words
from pywats_trio.converters.standard.xjtag import steps
from pywats_trio.reports import instants
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.builder import ReportBuilder, Result

_MISC: Final = {"xjtag-version": "XJTAG version", "xjlink-serial": "XJLink serial"}
_IN_HEADER: Final = frozenset(
    {"serial", "user", "result", "xjlink-name", "project-description", "time-taken"}
)
_SCREENS: Final = frozenset({"summary", "snippets"})
"""What the tester's screen shows of all this once more, as HTML."""


def report(run: Element, where: str, context: Context) -> ReportBuilder:
    """The report, to be built; `where` says in messages which run it is.

    Raises:
        Reject: it has no serial number, no start, or something that is none.
    """
    if run.name != "testrun":
        raise Reject(f'{where}: the root element "{run.name}" is not "testrun" (line {run.line})')
    header = run.child("testruninfo")
    if header is None:
        raise run.refusal(f"{where} has no testruninfo")
    notes: list[str] = []
    builder = unit.begin(
        context,
        where,
        serial_number=text_of(header, "serial"),
        start=_start(run, where),
        operator=text_of(header, "user"),
        station=text_of(header, "xjlink-name"),
        comment=text_of(header, "project-description"),
        result=_result(header, notes.append),
        seconds=steps.seconds(header, notes.append),
    )
    for message in notes:
        builder.note(message)
    made = steps.Steps(builder)
    for element in header.children:
        _misc(element, made)
    try:
        made.add(run, {"testruninfo", *_SCREENS})
    except Reject as error:  # a line says little where each run has its own
        raise Reject(f"{where}: {error.why}", hint=error.hint) from error
    if header.child("time-taken") is None and any(map(run.child, _SCREENS)):
        builder.note("the times of this run are only in the HTML of its summary and are not sent")
    return builder


def _start(run: Element, where: str) -> str | None:
    """The instant digit by digit; UTC where it names no zone."""
    text = (run.get("datetime") or "").strip()
    if not text:
        return None
    if (instant := instants.parse(text)) is None:
        raise Reject(
            f'{where}: datetime "{shortened(text, 60)}" is no time, ISO 8601 is expected '
            f"(line {run.line})"
        )
    zone = "Z" if instant.tzinfo is None else ""
    return text.replace(" ", "T").replace(",", ".") + zone


def _result(header: Element, note: Callable[[str], None]) -> Result | None:
    """The run's; None where it has none, so that it is that of its functions."""
    word = text_of(header, "result")
    if not word:
        note("the run has no result: that of its functions is taken")
        return None
    status = words.status(word)
    if status in ("P", "F", "E", "T"):
        return status
    note(f'the result "{shortened(word, 60)}" of the run is no word known here: E is sent')
    return "E"


def _misc(element: Element, made: steps.Steps) -> None:
    """What else is said of the unit."""
    text = element.text.strip()
    if element.children:
        made.unread(element.name, element.line)
    elif text and element.name not in _IN_HEADER:
        made.builder.misc(_MISC.get(element.name, element.name), text)


def text_of(element: Element, name: str) -> str:
    """Of the first child of this name; empty where there is none."""
    child = element.child(name)
    return child.text.strip() if child else ""

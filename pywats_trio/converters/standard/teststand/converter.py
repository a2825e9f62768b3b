"""NI TestStand's own XML: `TSReport` of the WATS add-on, and the plain report (`Reports`).

Structure and names are those of real reports of TestStand 2020 and 2021; how they map to WATS is
told in docs/reference/formats/teststand-xml.md.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Final, cast

from pywats_trio.converters.api import Argument, Context, Converter, Reject, Source
from pywats_trio.converters.common import unit, words, xml_tree
from pywats_trio.converters.standard.teststand import extras, header, steps
from pywats_trio.converters.standard.teststand.documents import Document, documents
from pywats_trio.reports.builder import SequenceBuilder
from pywats_trio.reports.steps import Sequence
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.converters.standard.teststand.steps import Made
    from pywats_trio.reports.builder import Result
    from pywats_trio.reports.report import Report

_HEAD: Final = 8192
_FIRST: Final = re.compile(r"<(?:Reports|Report|TSReport)\b[^<>]*>")
_ELEMENT: Final = re.compile(r"<[A-Za-z_]")
_REPORT: Final = re.compile(r"<Report\s[^<>]*>")
_PART: Final = re.compile(r"<(?:Prop|ReportInfo)\s")
_WATS: Final = re.compile(r"\s(?:SN|PN)\s*=")
_NAMESPACE: Final = re.compile(r"\sxmlns\s*=")
_ROOT_NAME: Final = "MainSequence Callback"


class TeststandXml(Converter):
    """Every report of the file that is about a unit, in order."""

    id: ClassVar[str] = "teststand-xml"
    version: ClassVar[str] = "1.0.0"
    patterns: ClassVar[tuple[str, ...]] = ("*.xml",)
    arguments: ClassVar[Mapping[str, Argument]] = {
        **unit.ARGUMENTS,
        "timezone": unit.TIMEZONE,
        "decimal": unit.DECIMAL,
    }

    def detect(self, source: Source) -> float:
        """By the root and the properties in it; a report that names its unit itself is WATS XML."""
        head = xml_tree.beginning(source, _HEAD)
        first = _ELEMENT.search(head)
        root = _FIRST.match(head, first.start()) if first else None
        if root is None or _NAMESPACE.search(root[0]):
            return 0.0
        report = _REPORT.search(head)
        if not root[0].startswith("<TSReport") and (not report or _WATS.search(report[0])):
            return 0.0
        return 0.95 if _PART.search(head) else 0.0

    def convert(self, source: Source, context: Context) -> Iterator[Report]:
        """The reports; one about a batch is left out, the units of the batch have their own."""
        waiting: Document | None = None
        left_out: list[Document] = []
        for document in documents(source.file, context.arguments["decimal"], steps.made):
            if (document.element.get("Type") or "UUT").upper() != "UUT":
                left_out.append(document)
                continue
            if waiting is not None:
                yield _report(waiting, context)
            waiting = document
        if waiting is None:
            others = f", only {len(left_out)} about something else" if left_out else ""
            raise Reject(f"no report about a unit in the file{others}")
        for document in left_out:
            kind = shortened(document.element.get("Type") or "", 40)
            waiting.notes.add(
                f"a report of type {kind} has no place in WATS", document.element.line
            )
        yield _report(waiting, context)


def _report(document: Document, context: Context) -> Report:
    if not document.props and not document.results:
        raise Reject(
            f"{document.where} holds no property (Prop) of TestStand",
            hint="WATS XML is read by the converter wats-xml.",
        )
    root = _root(document)
    result = _result(document, root)
    builder = header.begin(document, root, result, context)
    own = builder.root.sequence_step
    root.called, root.version = root.called or own.name, root.version or own.version
    builder.root = SequenceBuilder(root)
    extras.add(document, builder)
    extras.tell_losses(document)
    document.notes.tell(builder)
    return builder.build()


def _root(document: Document) -> Sequence:
    """The whole test; an empty one where it ended before it began."""
    if len(document.results) > 1:
        document.notes.add("a second result of the whole test", document.element.line)
    if not document.results:
        document.notes.add("there are no step results", document.element.line)
        return Sequence(name=_ROOT_NAME)
    first, *others = cast("Made", document.results[0]).steps
    if isinstance(first, Sequence):
        return first
    return Sequence(name=_ROOT_NAME, status=first.status, steps=[first, *others])


def _result(document: Document, root: Sequence) -> Result | None:
    """How the test ended; None, so that it follows from the steps, where the file does not say.

    No test is "done" or "skipped" for WATS.
    """
    word = document.element.get("UUTResult") or ""
    said = words.status(word)
    if word and said is None:
        message = f'the UUTResult "{shortened(word, 40)}" is none of WATS'
        document.notes.add(message, document.element.line)
    letter = said or root.status
    if root.steps:
        root.status = None if root.status in ("D", "S") else root.status
    elif letter is None or letter == "S":
        raise Reject(f"{document.where} does not say how the test ended, and has no step")
    else:
        letter = root.status = "P" if letter == "D" else letter
    return letter if letter in ("P", "F", "E", "T") else None

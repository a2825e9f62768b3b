"""Read and check a WSXF report: one `Report` in `Reports`, no document type declaration.

The rules are those of the .NET client's reader: part and serial number, a process, a UUT or UUR
element, at most one root step and that a sequence call; an absent ID becomes a new GUID.
"""

from __future__ import annotations

import uuid
from typing import Final
from xml.parsers import expat

from pywats_trio.devserver.submitted import (
    RESULTS,
    RefusedReport,
    Submitted,
    canonical_id,
    demand_length,
    utc,
)

NAMESPACE: Final = "http://wats.virinco.com/schemas/WATS/Report/wsxf"
LETTERS: Final = {word: letter for letter, word in RESULTS.items()}
TYPES: Final = {"UUT": "T", "UUR": "R"}
DEEPEST: Final = 200


def read_wsxf(body: bytes) -> Submitted:
    """The header of the one report in `body`. Raises `RefusedReport` with the server's reason."""
    outline = _Outline()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = _no_doctype
    parser.StartElementHandler = outline.start
    parser.EndElementHandler = outline.end
    try:
        parser.Parse(body, True)
        return outline.header()
    except expat.ExpatError as error:
        raise RefusedReport(f"the body is not well-formed XML: {error}") from None
    except RefusedReport as refused:
        refused.serial = outline.report.get("SN", "")
        raise


def _no_doctype(*_args: object) -> None:
    raise RefusedReport("a document type declaration is not allowed")


class _Outline:
    """Collects the few elements that say what the report is; the rest only has to be XML."""

    def __init__(self) -> None:
        self.report: dict[str, str] = {}
        self._path: list[str] = []
        self._reports = 0
        self._unit: dict[str, str] | None = None
        self._process: dict[str, str] | None = None
        self._roots = 0
        self._sequences = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._path.append(self._local(name))
        if len(self._path) > DEEPEST:
            raise RefusedReport(f"elements are nested more than {DEEPEST} deep")
        match self._path:
            case ["Reports", "Report"]:
                self._reports += 1
                self.report = attributes
            case ["Reports", "Report", "UUT" | "UUR"]:
                self._unit = attributes
            case ["Reports", "Report", "Process"]:
                self._process = attributes
            case ["Reports", "Report", "Step"]:
                self._roots += 1
            case ["Reports", "Report", "Step", "SequenceCall"]:
                self._sequences += 1

    def end(self, _name: str) -> None:
        self._path.pop()

    def _local(self, name: str) -> str:
        namespace, _, local = name.rpartition(" ")
        if not self._path and (namespace, local) != (NAMESPACE, "Reports"):
            raise RefusedReport(f"the root element must be Reports in the namespace {NAMESPACE}")
        return local if namespace == NAMESPACE else name

    def header(self) -> Submitted:
        if self._reports != 1:
            raise RefusedReport(f"exactly one Report is taken at a time, not {self._reports}")
        kind = TYPES.get(self.report.get("type", ""))
        if kind is None:
            raise RefusedReport("Report: type must be UUT or UUR")
        if self._unit is None:
            raise RefusedReport("Report: a UUT or UUR element is required")
        if self._roots > 1 or self._sequences != self._roots or (kind == "T" and not self._roots):
            raise RefusedReport("Report: one root Step with one SequenceCall is required")
        return self._submitted(kind, self._unit)

    def _submitted(self, kind: str, unit: dict[str, str]) -> Submitted:
        given = self.report.get
        code, process_name = self._which_process()
        start = self._demanded("Start")
        sent_id = given("ID", "") or str(uuid.uuid4())
        texts = {"PN": self._demanded("PN"), "SN": self._demanded("SN"), "Rev": given("Rev", "")}
        demand_length(**texts)
        return Submitted(
            id=canonical_id(sent_id),
            sent_id=sent_id,
            format="WSXF",
            type=kind,
            serial=texts["SN"],
            part=texts["PN"],
            revision=texts["Rev"],
            process_code=code,
            process_name=process_name,
            result=self._result(),
            start=start,
            start_utc=utc(start),
            machine=given("MachineName", ""),
            location=given("Location", ""),
            purpose=given("Purpose", ""),
            user=unit.get("UserLoginName", ""),
        )

    def _demanded(self, name: str) -> str:
        value = self.report.get(name, "")
        if not value.strip():
            raise RefusedReport(f"Report: {name} is required")
        return value

    def _result(self) -> str:
        word = self.report.get("Result", "")
        if not word and self.report.get("type") == "UUR":
            return "P"  # exports of repairs carry none
        if word not in LETTERS:
            raise RefusedReport(f"Report: Result must be one of {', '.join(LETTERS)}, not {word!r}")
        return LETTERS[word]

    def _which_process(self) -> tuple[int | None, str]:
        process = self._process or {}
        code, name = process.get("Code", "").strip(), process.get("Name", "")
        if not code and not name:
            raise RefusedReport("Report: a Process with Code or Name is required")
        try:
            return (int(code) if code else None), name
        except ValueError:
            raise RefusedReport(f"Process: Code {code!r} is no whole number") from None

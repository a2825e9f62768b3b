"""What a worker said, believed only after a look: every field is checked (`convert.fields`).

A worker runs somebody else's code, so its frames are untrusted input. Ids must be UUIDs, reports as
many as announced; anything else is a `FrameError` and ends the worker.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field

from pywats_trio.convert import fields
from pywats_trio.convert.description import description
from pywats_trio.convert.fields import MAX_NAME, MAX_TEXT
from pywats_trio.convert.said import (
    Detected,
    Done,
    Finding,
    Log,
    Progress,
    Raised,
    Rejected,
    ReportMade,
    RetryLater,
    Unusable,
    Usage,
)
from pywats_trio.convert.spill import IN_MEMORY, Spill
from pywats_trio.converters.api import LONGEST_RETRY
from pywats_trio.errors import FrameError
from pywats_trio.model import POST_ACTIONS, content
from pywats_trio.worker.conversion import MAX_REPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pywats_trio.convert.said import Ending
    from pywats_trio.worker.frames import Frame

TOTAL: Final = 16
"""All reports of a file may have so many times the bytes that one may."""
MAX_LOGS: Final = 1000
"""Log records a job; a worker that keeps to the rules sends at most 201."""
MAX_REMARKS: Final = 100_000
"""Log and progress frames a job."""
MAX_FINDINGS: Final = 1000
"""A report; what is beyond is dropped."""
MAX_FOUND: Final = 10_000
"""Findings a file; what is beyond is counted."""
RESULTS: Final = frozenset({"P", "F", "E", "T", ""})
LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@define
class Answer:
    """Collects the frames of one job until the last one."""

    max_bytes: int
    """Of all reports together."""
    hear: Callable[[Log | Progress], None]
    spill: Spill = field(factory=Spill)
    """Where reports wait that are too many for memory; see `unload`."""
    _reports: list[ReportMade] = field(init=False, factory=list)
    _ids: set[str] = field(init=False, factory=set)
    _bytes: int = field(init=False, default=0)
    _loaded: int = field(init=False, default=0)
    """Reports from here on are in memory."""
    _load: int = field(init=False, default=0)
    """Bytes of them."""
    _findings: int = field(init=False, default=0)
    _remarks: int = field(init=False, default=0)
    _logs: int = field(init=False, default=0)

    def take(self, frame: Frame) -> Ending | None:
        """One frame; the ending if it was the last.

        Raises:
            FrameError: it is not what a worker may say here.
        """
        header, body = frame
        match header.get("kind"):
            case "report":
                self._take_report(header, body)
                return None
            case "log" | "progress":
                self._take_remark(header)
                return None
            case "done":
                return self._done(header)
            case "rejected" | "retry" | "failed":
                return evolve(_ending(header), usage=_usage(header))
        return _ending(header)

    def _take_report(self, header: dict[str, Any], body: bytes) -> None:
        self._bytes += len(body)
        if len(self._reports) >= MAX_REPORTS:
            raise FrameError(f"more than {MAX_REPORTS} reports from one file")
        if self._bytes > self.max_bytes:
            raise FrameError(f"the reports of one file have more than {self.max_bytes} bytes")
        report = self._heard(_report(header, body))
        if report.report_id in self._ids:
            raise FrameError(f"the report id {report.report_id} came twice")
        self._ids.add(report.report_id)
        self._reports.append(report)
        self._load += len(body)

    def _heard(self, report: ReportMade) -> ReportMade:
        """The same without the findings that are too many to be kept for one file."""
        room = max(0, MAX_FOUND - self._findings)
        self._findings += len(report.findings)
        return (
            report
            if len(report.findings) <= room
            else evolve(report, findings=report.findings[:room])
        )

    @property
    def heavy(self) -> bool:
        """Whether more reports are in memory than may be: time to `unload`."""
        return self._load > IN_MEMORY

    def unload(self) -> None:
        """Take the reports that are in memory to the disk. Blocks; call nothing else meanwhile.

        Raises:
            Unwritten: the disk is full.
        """
        waiting = self._reports[self._loaded :]
        kept = self.spill.keep(content(report.body) for report in waiting)
        self._reports[self._loaded :] = [
            evolve(report, body=body) for report, body in zip(waiting, kept, strict=True)
        ]
        self._loaded, self._load = len(self._reports), 0

    def _take_remark(self, header: dict[str, Any]) -> None:
        self._remarks += 1
        self._logs += header["kind"] == "log"
        if self._remarks > MAX_REMARKS or self._logs > MAX_LOGS:
            raise FrameError("more log records or progress from one file than can be meant")
        if header["kind"] == "log":
            level = fields.text(header, "level", MAX_NAME)
            self.hear(
                Log(
                    level if level in LEVELS else "INFO",
                    fields.text(header, "message", MAX_TEXT),
                )
            )
        else:
            self.hear(Progress(min(1.0, max(0.0, fields.number(header, "fraction")))))

    def _done(self, header: dict[str, Any]) -> Done:
        if not self._reports or header.get("reports") != len(self._reports):
            raise FrameError("the number of reports does not agree with what was announced")
        return Done(
            reports=tuple(self._reports),
            sha256=fields.matching(header, "sha256", _SHA256),
            size=fields.integer(header, "size"),
            mtime_ns=fields.integer(header, "mtime_ns"),
            after=_after(header),
            unheard=max(0, self._findings - MAX_FOUND),
            usage=_usage(header),
        )


def _after(header: dict[str, Any]) -> str:
    action = header.get("after", "")
    if action not in ("", *POST_ACTIONS):
        raise FrameError("'after' is nothing that can become of a file")
    return str(action)


def _usage(header: dict[str, Any]) -> Usage | None:
    if "cpu" not in header:
        return None
    usage = Usage(fields.number(header, "cpu"), fields.integer(header, "peak_memory"))
    if usage.cpu < 0 or usage.peak_memory < 0:
        raise FrameError("a job took less than nothing")
    return usage


def _report(header: dict[str, Any], body: bytes) -> ReportMade:
    if not body:
        raise FrameError("a report came without its bytes")
    result = fields.text(header, "result", 1)
    if result not in RESULTS:
        raise FrameError(f"a report's result is {result!r}")
    return ReportMade(
        body=body,
        report_id=fields.matching(header, "report_id", _UUID),
        serial_number=fields.text(header, "serial_number", MAX_NAME),
        part_number=fields.text(header, "part_number", MAX_NAME),
        result=result,
        start=fields.text(header, "start", MAX_NAME),
        findings=tuple(_finding(one) for one in fields.items(header, "findings")[:MAX_FINDINGS]),
    )


def _finding(found: object) -> Finding:
    if not isinstance(found, dict):
        raise FrameError("a finding is no object")
    return Finding(
        path=fields.text(found, "path", MAX_TEXT),
        message=fields.text(found, "message", MAX_TEXT),
        severity=fields.text(found, "severity", MAX_NAME),
    )


def _ending(header: dict[str, Any]) -> Ending:
    match header.get("kind"):
        case "rejected":
            return Rejected(
                fields.text(header, "why", MAX_TEXT),
                fields.text(header, "hint", MAX_TEXT),
                fields.integer(header, "size"),
                fields.integer(header, "mtime_ns"),
            )
        case "retry":
            after = min(LONGEST_RETRY, max(0.0, fields.number(header, "after")))
            return RetryLater(fields.text(header, "why", MAX_TEXT), after)
        case "failed":
            return Raised(
                fields.text(header, "type", MAX_NAME),
                fields.text(header, "message", MAX_TEXT),
                fields.lines(header, "traceback"),
                fields.integer(header, "size"),
                fields.integer(header, "mtime_ns"),
            )
        case "unusable":
            return Unusable(fields.text(header, "why", MAX_TEXT), fields.lines(header, "traceback"))
        case "described":
            return description(header)
        case "detected":
            return Detected(min(1.0, max(0.0, fields.number(header, "certainty"))))
    raise FrameError(f"unknown kind of frame: {str(header.get('kind'))[:40]!r}")

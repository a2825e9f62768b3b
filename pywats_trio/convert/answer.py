"""What a worker said, believed only after a look: every field is checked here.

A worker runs somebody else's code, so its frames are untrusted input. Text is cut and made
printable, ids must be UUIDs, numbers finite; anything else is a `FrameError` and ends the worker.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from attrs import define, evolve, field, frozen

from pywats_trio.converters.api import LONGEST_RETRY
from pywats_trio.errors import FrameError
from pywats_trio.model import POST_ACTIONS, Form, Unit
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pywats_trio.worker.frames import Frame

MAX_REPORTS: Final = 10_000
"""A file; all of them are one transaction in the queue."""
MAX_LOGS: Final = 1000
"""Log records a job; a worker that keeps to the rules sends at most 201."""
MAX_REMARKS: Final = 100_000
"""Log and progress frames a job."""
MAX_PATTERNS: Final = 200
MAX_FINDINGS: Final = 1000
"""A report; what is beyond is dropped."""
MAX_NAME: Final = 1000
"""Characters of a serial number and the like; WATS itself takes at most 100."""
MAX_TEXT: Final = 4096
MAX_TRACEBACK: Final = 8192
RESULTS: Final = frozenset({"P", "F", "E", "T", ""})
LEVELS: Final = frozenset({"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"})
_FAR: Final = 1e9
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CONTROLS: Final = r"\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Besides those below the space: half surrogates, and what turns the direction of text around."""
_UNFIT: Final = {
    "": re.compile(rf"[\x00-\x1f{_CONTROLS}]"),
    "\n\t": re.compile(rf"[\x00-\x08\x0b-\x1f{_CONTROLS}]"),
}
_ESCAPED: Final = 500
"""Characters of one text that are escaped; who has more of them is not meant to be read."""
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@frozen
class Finding:
    """Something about a report that a WATS server may not like."""

    path: str
    message: str
    severity: str


@frozen
class ReportMade:
    """One report as the worker made it: the bytes to send and what its header says."""

    body: bytes
    report_id: str
    serial_number: str
    part_number: str
    result: str
    start: str
    findings: tuple[Finding, ...]


@frozen
class Usage:
    """What a job took of the machine."""

    cpu: float
    """Seconds of processor time."""
    peak_memory: int
    """Bytes; the most that the process held so far."""


@frozen
class _Said:
    """What a worker process answered, or ended with."""

    worker: str = field(default="", kw_only=True, eq=False)
    """Which process it was, such as `worker 4711`; the pool knows."""
    version: str = field(default="", kw_only=True, eq=False)
    """Which version the converter says it is."""
    usage: Usage | None = field(default=None, kw_only=True, eq=False)
    """Of a job about a file, if the process lived to tell."""


@frozen
class Done(_Said):
    """The file was converted."""

    reports: tuple[ReportMade, ...]
    sha256: str
    """Of the source bytes, hex, for people to read and to compare: nothing is decided by it. The
    worker reads the bytes anyway, so the service need not; a false one is about its file alone."""
    size: int
    mtime_ns: int
    """As the worker says that the file was when the conversion ended; see `ConversionJob`."""
    after: str = ""
    """One of `POST_ACTIONS`, if the converter said what is to become of the file."""


@frozen
class Rejected(_Said):
    """The converter says that this file can never be converted."""

    why: str
    hint: str
    size: int
    mtime_ns: int


@frozen
class RetryLater(_Said):
    """The converter says: not now."""

    why: str
    after: float
    """Seconds."""


@frozen
class Raised(_Said):
    """The converter failed with an exception."""

    type: str
    message: str
    traceback: str
    size: int
    mtime_ns: int


@frozen
class Unusable(_Said):
    """The converter itself cannot be used: its import or its arguments are wrong."""

    why: str
    traceback: str = ""


@frozen
class Died(_Said):
    """The worker process ended, or had to be ended, in the middle of the job."""

    kind: str
    """`worker-died`, `timeout`, `cpu`, `scratch`, `threads` or `protocol`."""
    how: str
    """One sentence."""
    output: str
    """The end of what it printed."""


@frozen
class Detected(_Said):
    """How sure a converter is that it can read a file, 0 to 1."""

    certainty: float


@frozen
class Description(_Said):
    """What a converter says about itself."""

    id: str
    version: str
    patterns: tuple[str, ...]
    arguments: Mapping[str, Mapping[str, Any]]
    """Name to `type`, `default`, `help`, `choices`, `minimum`, `maximum`, `required`, `pattern`."""
    unit: Unit | None = None
    """Which folders it takes; None: it takes files."""
    mistakes: tuple[Mapping[str, str], ...] = ()
    """Of each set of arguments that came with the question: name to what is wrong, one sentence."""
    notes: tuple[Mapping[str, str], ...] = ()
    """Of each set: name to what is worth knowing about an argument that can be used."""


@frozen
class Log:
    """A record that a converter logged."""

    level: str
    message: str


@frozen
class Progress:
    """How far a conversion is, 0 to 1."""

    fraction: float


Ending = Done | Rejected | RetryLater | Raised | Unusable | Description | Detected
Result = Done | Rejected | RetryLater | Raised | Unusable | Died


def reason(answer: Ending | Died) -> str:
    """Why a job did not end as it should, in one sentence."""
    match answer:
        case Rejected() | RetryLater() | Unusable():
            return answer.why
        case Raised():
            return f"the converter failed: {answer.type}: {answer.message}"
        case Died():
            return f"the conversion did not end: {answer.how}"
    return f"the worker answered with {type(answer).__name__}"


@define
class Answer:
    """Collects the frames of one job until the last one."""

    max_bytes: int
    """Of all reports together."""
    hear: Callable[[Log | Progress], None]
    _reports: list[ReportMade] = field(init=False, factory=list)
    _ids: set[str] = field(init=False, factory=set)
    _bytes: int = field(init=False, default=0)
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
        report = _report(header, body)
        if report.report_id in self._ids:
            raise FrameError(f"the report id {report.report_id} came twice")
        self._ids.add(report.report_id)
        self._reports.append(report)

    def _take_remark(self, header: dict[str, Any]) -> None:
        self._remarks += 1
        self._logs += header["kind"] == "log"
        if self._remarks > MAX_REMARKS or self._logs > MAX_LOGS:
            raise FrameError("more log records or progress from one file than can be meant")
        if header["kind"] == "log":
            level = _text(header, "level", MAX_NAME)
            self.hear(Log(level if level in LEVELS else "INFO", _text(header, "message", MAX_TEXT)))
        else:
            self.hear(Progress(min(1.0, max(0.0, _number(header, "fraction")))))

    def _done(self, header: dict[str, Any]) -> Done:
        if not self._reports or header.get("reports") != len(self._reports):
            raise FrameError("the number of reports does not agree with what was announced")
        return Done(
            reports=tuple(self._reports),
            sha256=_matching(header, "sha256", _SHA256),
            size=_integer(header, "size"),
            mtime_ns=_integer(header, "mtime_ns"),
            after=_after(header),
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
    usage = Usage(_number(header, "cpu"), _integer(header, "peak_memory"))
    if usage.cpu < 0 or usage.peak_memory < 0:
        raise FrameError("a job took less than nothing")
    return usage


def _report(header: dict[str, Any], body: bytes) -> ReportMade:
    if not body:
        raise FrameError("a report came without its bytes")
    result = _text(header, "result", 1)
    if result not in RESULTS:
        raise FrameError(f"a report's result is {result!r}")
    return ReportMade(
        body=body,
        report_id=_matching(header, "report_id", _UUID),
        serial_number=_text(header, "serial_number", MAX_NAME),
        part_number=_text(header, "part_number", MAX_NAME),
        result=result,
        start=_text(header, "start", MAX_NAME),
        findings=tuple(_finding(one) for one in _list(header, "findings")[:MAX_FINDINGS]),
    )


def _finding(found: object) -> Finding:
    if not isinstance(found, dict):
        raise FrameError("a finding is no object")
    return Finding(
        path=_text(found, "path", MAX_TEXT),
        message=_text(found, "message", MAX_TEXT),
        severity=_text(found, "severity", MAX_NAME),
    )


def _ending(header: dict[str, Any]) -> Ending:
    match header.get("kind"):
        case "rejected":
            return Rejected(
                _text(header, "why", MAX_TEXT),
                _text(header, "hint", MAX_TEXT),
                _integer(header, "size"),
                _integer(header, "mtime_ns"),
            )
        case "retry":
            after = min(LONGEST_RETRY, max(0.0, _number(header, "after")))
            return RetryLater(_text(header, "why", MAX_TEXT), after)
        case "failed":
            return Raised(
                _text(header, "type", MAX_NAME),
                _text(header, "message", MAX_TEXT),
                _lines(header, "traceback"),
                _integer(header, "size"),
                _integer(header, "mtime_ns"),
            )
        case "unusable":
            return Unusable(_text(header, "why", MAX_TEXT), _lines(header, "traceback"))
        case "described":
            return _description(header)
        case "detected":
            return Detected(min(1.0, max(0.0, _number(header, "certainty"))))
    raise FrameError(f"unknown kind of frame: {str(header.get('kind'))[:40]!r}")


def _description(header: dict[str, Any]) -> Description:
    arguments = header.get("arguments")
    if not isinstance(arguments, dict) or not all(isinstance(a, dict) for a in arguments.values()):
        raise FrameError("'arguments' is no object of objects")
    patterns = _list(header, "patterns")
    if not all(isinstance(pattern, str) for pattern in patterns) or len(patterns) > MAX_PATTERNS:
        raise FrameError("'patterns' is no list of text, or a very long one")
    mistakes = _sentences(header, "mistakes")
    return Description(
        id=_text(header, "id", MAX_NAME),
        version=_text(header, "version", MAX_NAME),
        patterns=tuple(sanitized(pattern[:MAX_NAME], keep="") for pattern in patterns),
        arguments={sanitized(n[:MAX_NAME], keep=""): _declared(a) for n, a in arguments.items()},
        unit=_unit(header.get("unit")),
        mistakes=mistakes,
        notes=_sentences(header, "notes", len(mistakes)),
    )


def _unit(found: object) -> Unit | None:
    if found is None:
        return None
    if not isinstance(found, dict) or found.get("form") not in [Form.FOLDER, Form.PAIR]:
        raise FrameError("'unit' is none that there is")
    marker = found.get("marker")
    if not isinstance(marker, str) or "/" in marker or len(marker) > MAX_NAME:
        raise FrameError("'marker' is no name of a file")
    return Unit(
        Form(found["form"]),
        marker,
        max(0, _integer(found, "minimum_files")),
        max(0.0, _number(found, "quiet_seconds")),
    )


def _declared(argument: dict[str, Any]) -> dict[str, Any]:
    """The declaration of an argument: plain values and lists of them."""
    return {
        key[:MAX_NAME]: [_plain(one) for one in value] if isinstance(value, list) else _plain(value)
        for key, value in argument.items()
    }


def _plain(value: object) -> object:
    if isinstance(value, dict | list):
        raise FrameError("the declaration of an argument holds more than plain values")
    return sanitized(value[:MAX_TEXT], keep="") if isinstance(value, str) else value


def _sentences(
    header: dict[str, Any], key: str, count: int | None = None
) -> tuple[Mapping[str, str], ...]:
    """A list of `count` objects, each of names to sentences."""
    found = _list(header, key)
    if not all(isinstance(one, dict) for one in found) or count not in {None, len(found)}:
        raise FrameError(f"{key!r} is no list of objects, or not of as many as it should be")
    return tuple(
        {sanitized(name[:MAX_NAME], keep=""): _text(one, name, MAX_TEXT) for name in one}
        for one in found
    )


def _text(header: dict[str, Any], key: str, limit: int) -> str:
    r"""Text on one line: half surrogates and controls, which no database takes, are escaped."""
    value = header.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key!r} is no text")
    return shortened(sanitized(value[: limit + 1], keep=""), limit)


def _lines(header: dict[str, Any], key: str) -> str:
    value = header.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key!r} is no text")
    return sanitized(value[-MAX_TRACEBACK:], keep="\n\t")[-MAX_TRACEBACK:]


def sanitized(text: str, *, keep: str) -> str:
    """`text` with what no database or terminal takes escaped: half surrogates, and controls but
    those in `keep` (none, or line feed and tab).

    A hostile text may consist of nothing else, so beyond the first few hundred they become marks.
    """
    unfit = _UNFIT[keep]
    escaped, count = unfit.subn(_escaped, text, count=_ESCAPED)
    return unfit.sub("\ufffd", escaped) if count == _ESCAPED else escaped


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return (
        character.encode("ascii", "backslashreplace").decode()
        if character > "\x7f"
        else (f"\\x{ord(character):02x}")
    )


def _matching(header: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = header.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise FrameError(f"{key!r} is malformed")
    return value


def _list(header: dict[str, Any], key: str) -> list[Any]:
    value = header.get(key)
    if not isinstance(value, list):
        raise FrameError(f"{key!r} is no list")
    return value


def _integer(header: dict[str, Any], key: str) -> int:
    value = header.get(key)
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise FrameError(f"{key!r} is no integer")
    return value


def _number(header: dict[str, Any], key: str) -> float:
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FrameError(f"{key!r} is no number")
    if not -_FAR <= value <= _FAR:  # NaN is in no range
        raise FrameError(f"{key!r} is no number")
    return float(value)

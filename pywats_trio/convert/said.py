"""What a worker process can answer, or end with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.model import Payload, Unit


@frozen
class Finding:
    """Something about a report that a WATS server may not like."""

    path: str
    message: str
    severity: str


@frozen
class ReportMade:
    """One report as the worker made it: the bytes to send and what its header says."""

    body: Payload
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
    printed: str = field(default="", kw_only=True, eq=False)
    """The end of what it printed meanwhile; the pool knows."""


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
    unheard: int = 0
    """Findings beyond those of `reports`, which are only counted."""


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
    """`worker-died`, `memory`, `timeout`, `cpu`, `scratch`, `threads` or `protocol`."""
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
    reads: str = ""
    """What files, in a line."""
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


MORE_MEMORY: Final = "Raise workers.memory_mb, or split the file."
"""The hint where a conversion ran out of it."""


def reason(answer: Ending | Died) -> str:
    """Why a job did not end as it should, in one sentence."""
    match answer:
        case Rejected() | RetryLater() | Unusable():
            return answer.why
        case Raised(type="MemoryError"):
            return "the conversion needs more memory than it may have (workers.memory_mb)"
        case Raised():
            return f"the converter failed: {answer.type}: {answer.message}"
        case Died():
            return f"the conversion did not end: {answer.how}"
    return f"the worker answered with {type(answer).__name__}"

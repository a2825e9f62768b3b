"""What a worker's answer about a file means for its item."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.convert.outages import wait_for
from pywats_trio.convert.said import (
    MORE_MEMORY,
    Died,
    Done,
    Raised,
    Rejected,
    ReportMade,
    RetryLater,
    Unusable,
    reason,
)
from pywats_trio.model import (
    Converted,
    Envelope,
    Failed,
    Kind,
    Problem,
    Quarantined,
    Reason,
    Wait,
)
from pywats_trio.queue.retry import after_failure
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from random import Random

    from pywats_trio.config.options import RetryOptions
    from pywats_trio.model import Identity, Item, Outcome

NOTE: Final = 2000
"""Characters of findings that are remembered with a converted file."""
CHANGED: Final = "it was changed while it was converted"
DEADLY: Final = 2
"""Workers that a file may kill before it is set aside."""


class Outcomes:
    """`retry`: how often and when it is tried again; `random` gives the jitter."""

    def __init__(self, retry: RetryOptions, random: Random) -> None:
        self._retry = retry
        self._random = random

    def converted(self, item: Item, done: Done) -> Converted:
        """The file and its reports."""
        attempts = self._retry.max_attempts
        reports = tuple(_envelope(item, report, attempts) for report in done.reports)
        return Converted(reports, done.sha256, _note(done), after=done.after)

    def failed(self, item: Item, failure: Raised | Died, code: str, *, excused: bool) -> Outcome:
        """The converter, of this version of its `code`, failed on the file.

        `excused`: it fails on every file, so that this is no attempt and no word against the file.
        """
        problem = failed_with(item, failure)
        if excused:
            return wait_for(problem)
        died = isinstance(failure, Died)
        if died and item.deaths + 1 >= DEADLY:
            return Quarantined(problem, died=True, code=code)
        return after_failure(item, problem, self._retry, self._random, died=died)


def is_called_changed(result: object, identity: Identity) -> bool:
    """Whether the worker says that the file is not what it was any more."""
    if not isinstance(result, Done | Rejected | Raised):
        return False
    return (result.size, result.mtime_ns) != (identity.size, identity.mtime_ns)


def rejected(answer: Rejected) -> Failed:
    """The converter says that the file can never be converted."""
    hint = answer.hint or "Correct the file, or what writes it, and drop it again."
    return Failed(Problem("rejected-file", answer.why, hint))


def put_off(item: Item, retry: RetryLater) -> Wait | Failed:
    """The converter says: not now."""
    problem = Problem("retry", retry.why, "The converter asked for another try later.")
    if item.attempts + 1 >= item.max_attempts:
        return Failed(problem)
    return Wait(retry.after, Reason.RETRY, problem, counts=True)


def replaced(failure: Raised | Died | Unusable) -> Wait:
    """Code that is not in use any more failed on the file, which says nothing of the new one."""
    why = f"{in_short(failure)}; meanwhile its converter was replaced"
    return Wait(0.0, Reason.RETRY, Problem("replaced", why, "What is in use now tries it."))


def in_short(failure: Raised | Died | Unusable) -> str:
    """With what a converter failed, for a sentence about the converter."""
    if isinstance(failure, Unusable):
        return failure.why
    if isinstance(failure, Died):
        return f"{failure.kind}: {failure.how}"
    return f"{failure.type}: {failure.message}"


def failed_with(item: Item, failure: Raised | Died) -> Problem:
    """With what it failed, for the history of the file."""
    return _died(item, failure) if isinstance(failure, Died) else _raised(failure)


def _died(item: Item, died: Died) -> Problem:
    return Problem(
        died.kind,
        f"the conversion did not end: {died.how}",
        MORE_MEMORY
        if died.kind == "memory"
        else f"Look at the file with `pywats-trio converters test --converter {item.converter}`.",
        died.output,
    )


def _raised(raised: Raised) -> Problem:
    kind = "memory" if raised.type == "MemoryError" else "converter-error"
    hint = "Correct the converter, or reject such files in it."
    return Problem(
        kind, reason(raised), MORE_MEMORY if kind == "memory" else hint, raised.traceback
    )


def _envelope(item: Item, report: ReportMade, max_attempts: int) -> Envelope:
    return Envelope(
        kind=Kind.REPORT,
        converter=item.converter,
        source=item.source,
        priority=item.priority,
        max_attempts=max_attempts,
        correlation_id=item.correlation_id,
        payload=report.body,
        report_id=report.report_id,
        serial_number=report.serial_number,
        part_number=report.part_number,
        result=report.result,
        start=report.start,
    )


def _note(done: Done) -> str:
    findings = [f"{one.path}: {one.message}" for report in done.reports for one in report.findings]
    if not findings:
        return ""
    count = len(findings) + done.unheard
    return shortened(f"{count} findings: " + "; ".join(findings), NOTE)

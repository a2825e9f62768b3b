"""One conversion inside a worker: a source and a converter in, frames out."""

from __future__ import annotations

import os
import time
import traceback
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict, define, frozen

from pywats_trio.converters.api import FolderConverter, Reject, Retry, Source, Station
from pywats_trio.errors import FrameError
from pywats_trio.reports.report import Defaults, InvalidReport, Report
from pywats_trio.worker.content import open_source, remark
from pywats_trio.worker.unit import opened_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pywats_trio.converters.api import Context, Converter
    from pywats_trio.reports.model import Encoded
    from pywats_trio.worker.channel import Channel

MAX_TEXT: Final = 4096
"""Characters of a reason."""
MAX_TRACEBACK: Final = 8192
"""Characters, the last ones: they name the line that failed."""
FILE: Final = "file"
"""The form of what is not a folder; see `model.Form`."""
MAX_REPORTS: Final = 50_000
"""A file; all of them are one transaction in the queue."""
PROGRESS_SECONDS: Final = 0.2
"""Progress is told at most this often."""


@frozen
class Request:
    """What the service says of one file; see `convert.request` for the other side."""

    converter: str
    """The converter's name in the configuration, part of derived ids."""
    arguments: dict[str, Any]
    path: str
    size: int
    mtime_ns: int
    station: Station
    namespace: uuid.UUID
    form: str
    """As in `model.Form`."""
    index: int
    """Of a unit: where its index begins in the file that comes with it."""
    strict: bool = False
    """Whether what a WATS server is expected to refuse is refused here."""

    @classmethod
    def from_header(cls, header: dict[str, Any]) -> Request:
        """Read what the service sent; it is trusted."""
        return cls(
            converter=header["converter"],
            arguments=header["arguments"],
            path=header["path"],
            size=header["size"],
            mtime_ns=header["mtime_ns"],
            station=Station(*header["station"]),
            namespace=uuid.UUID(header["namespace"]),
            form=header.get("form", FILE),
            index=header.get("index", 0),
            strict=header.get("strict", False),
        )


@contextmanager
def reading(request: Request, descriptor: int) -> Iterator[tuple[Source, str]]:
    """What is to be converted as a converter sees it, and the SHA-256 of it in hex."""
    path, size, mtime_ns = request.path, request.size, request.mtime_ns
    if request.form == FILE:
        file, sha256 = open_source(descriptor, size)
        with file:
            yield Source(file, path=path, size=size, mtime=mtime_ns / 1e9), sha256
        return
    unit = opened_unit(descriptor, request.index, path=path, size=size, mtime_ns=mtime_ns)
    with unit as (source, sha256):
        yield source, sha256


def takes(converter: Converter) -> str:
    """The form of what it is given, as in `model.Form`."""
    return converter.unit if isinstance(converter, FolderConverter) else FILE


@define
class Wish:
    """What the converter says is to become of its file (`Context.after`)."""

    action: str = ""

    def say(self, action: str) -> None:
        """Instead of what it said before."""
        self.action = action

    def told_with(self, ending: dict[str, Any]) -> dict[str, Any]:
        """The last frame: only a file that is converted can be put away as its converter says."""
        return {**ending, "after": self.action} if ending["kind"] == "done" else ending


_TAKEN: Final = {FILE: "files", "folder": "folders", "file-and-folder": "files with their folders"}
_GIVEN: Final = {FILE: "a file", "folder": "a folder", "file-and-folder": "a file with its folder"}


def convert(
    converter: Converter, request: Request, descriptor: int, channel: Channel, context: Context
) -> dict[str, Any]:
    """Run `converter`, put its reports into `channel`, and return the header of the last frame.

    Whatever the converter raises, SystemExit and KeyboardInterrupt included, is a result.
    """
    try:
        ending = _convert(converter, request, descriptor, channel, context)
    except BaseException as error:  # noqa: BLE001 - the edge between their code and ours
        channel.end_if_forked()
        if isinstance(error, MemoryError):  # what filled it is in the way of telling of it
            traceback.clear_frames(error.__traceback__)
        ending = _refusal(error)
        end = None if request.form == FILE else request.index
        if ending["kind"] != "retry" and (why := remark(descriptor, end)):
            ending = {"kind": "rejected", "why": why, "hint": ""}
    if request.form != FILE:  # a copy, which does not change; the service looks at the unit
        return {**ending, "size": request.size, "mtime_ns": request.mtime_ns}
    status = os.fstat(descriptor)
    return {**ending, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _convert(
    converter: Converter, request: Request, descriptor: int, channel: Channel, context: Context
) -> dict[str, Any]:
    if (taken := takes(converter)) != request.form:
        raise Reject(
            f"the converter {converter.id!r} takes {_TAKEN[taken]}, and this is "
            f"{_GIVEN[request.form]}",
            hint="Hand it to a converter that takes such, or correct the converter's `type`.",
        )
    with reading(request, descriptor) as (source, sha256):
        reports = converter.convert(source, context)
        made = Made(request, source, sha256, channel)
        count = made.put(reports or ())
    channel.end_if_forked()
    if not count:
        raise Reject("no report in the file")
    return {"kind": "done", "sha256": sha256, "reports": count}


@frozen
class Made:
    """Of one file: puts its reports into the channel."""

    request: Request
    source: Source
    sha256: str
    channel: Channel

    def put(self, reports: Iterable[Report]) -> int:
        """All of them; how many.

        Raises:
            Reject: there are too many, two have the same id, or one is too large.
            InvalidReport: one cannot be sent.
        """
        ids: dict[str, int] = {}
        for index, report in enumerate(reports):
            if index == MAX_REPORTS:
                raise Reject(
                    f"more than {MAX_REPORTS:,} reports in the file",
                    hint="Split it: all reports of a file are stored together.",
                )
            encoded = self._encoded(report, index)
            first = ids.setdefault(encoded.report_id, index)
            if first != index:
                raise Reject(
                    f"reports {first + 1} and {index + 1} of the file have the same id "
                    f"{encoded.report_id}",
                    hint="Give each report an id of its own, or none.",
                )
            _put_report(self.channel, _header(encoded), encoded.body, index)
        return len(ids)

    def _encoded(self, report: Report, index: int) -> Encoded:
        if not isinstance(report, Report):
            raise TypeError(f"convert() must give Report objects, not {type(report).__name__}")
        # The same file has the same ids whenever it is converted; so what the converter has looked
        # at beside the bytes is a part of them.
        name = f"{self.request.converter}:{self.sha256}:{index}{self.source.asked()}"
        derived = uuid.uuid5(self.request.namespace, name)
        encoded = report.encode(Defaults(id=str(derived), station=self.request.station))
        if self.request.strict:
            _refuse_errors(encoded, index + 1)
        return encoded


def _refuse_errors(encoded: Encoded, number: int) -> None:
    errors = [found for found in encoded.findings if found.severity == "error"]
    if not errors:
        return
    told = "; ".join(
        f"{one.path}: {one.message}" if one.path else one.message for one in errors[:3]
    )
    more = f"; and {len(errors) - 3} more" if len(errors) > 3 else ""  # noqa: PLR2004 - as above
    raise Reject(
        f"a WATS server is expected to refuse report {number} of the file: {told}{more}",
        hint="Correct the file or its converter; strict = false sends it with these findings.",
    )


def _header(encoded: Encoded) -> dict[str, Any]:
    return {
        "kind": "report",
        "report_id": encoded.report_id,
        "serial_number": encoded.serial_number,
        "part_number": encoded.part_number,
        "result": encoded.result,
        "start": encoded.start,
        "findings": [asdict(finding) for finding in encoded.findings],
    }


def _put_report(channel: Channel, header: dict[str, Any], body: bytes, index: int) -> None:
    try:
        channel.put(header, body)
    except FrameError as error:
        raise Reject(
            f"report {index + 1} of the file is too large: {error}",
            hint="Raise workers.max_input_mb, or split the file.",
        ) from error


def progress_to(channel: Channel) -> Callable[[float], None]:
    """What `Context.progress` calls: tells the service, but not too often."""
    last = 0.0

    def report(fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PROGRESS_SECONDS:
            last = now
            channel.put({"kind": "progress", "fraction": float(fraction)})
            channel.flush()

    return report


def _refusal(error: BaseException) -> dict[str, Any]:
    match error:
        case Reject():
            return {"kind": "rejected", "why": _text(error.why), "hint": _text(error.hint)}
        case InvalidReport():
            return {"kind": "rejected", "why": _text(error), "hint": _text(error.hint)}
        case Retry():
            return {"kind": "retry", "why": _text(error.why), "after": _seconds(error.after)}
    return {
        "kind": "failed",
        "type": type(error).__name__[:MAX_TEXT],
        "message": _text(error),
        "traceback": trace(error),
    }


def _text(value: object) -> str:
    try:
        return str(value)[:MAX_TEXT]
    except BaseException as error:  # noqa: BLE001 - somebody else's __str__
        return f"(its text cannot be had: {type(error).__name__})"


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 30.0


def trace(error: BaseException) -> str:
    """The end of the traceback, where the cause is."""
    try:
        return "".join(traceback.format_exception(error, limit=-12))[-MAX_TRACEBACK:]
    except BaseException as broken:  # noqa: BLE001 - it calls somebody else's __str__, too
        return f"(no traceback: {type(broken).__name__})"

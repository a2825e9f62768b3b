"""Building a test report: typed steps in, a checked `Report` out."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, TypedDict, TypeVar, Unpack, cast

from attrs import frozen

from pywats_trio.reports import instants
from pywats_trio.reports.model import Finding
from pywats_trio.reports.numbers import plain
from pywats_trio.reports.report import Report
from pywats_trio.reports.steps import (
    Attachment,
    Chart,
    Group,
    Numeric,
    PassFail,
    Sequence,
    Status,
    Step,
    Text,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.reports.model import Severity
    from pywats_trio.reports.operators import Value

S = TypeVar("S", bound=Step)
Result = Literal["P", "F", "E", "T"]


class _Optional(TypedDict, total=False):
    revision: str
    process_code: int
    process_name: str
    result: Result
    id: str
    operator: str
    seconds: float
    batch: str
    fixture: str
    socket: int
    comment: str
    error_code: int
    error: str
    station: str
    location: str
    purpose: str
    sequence: str
    version: str


class Header(_Optional):
    """The arguments of `Report.builder`."""

    part_number: str
    serial_number: str
    start: datetime | str


class Common(TypedDict, total=False):
    """What any step may be given (see `steps.Step`)."""

    type: str | None
    status: Status | None
    group: Group
    seconds: float | None
    text: str | None
    error_code: int | None
    error: str | None
    chart: Chart | None
    attachment: Attachment | None
    extra: dict[str, Any]


@frozen
class SequenceBuilder:
    """Adds steps to one sequence; each call returns what it added."""

    sequence_step: Sequence

    def sequence(
        self, name: str, *, path: str = "", version: str = "", **common: Unpack[Common]
    ) -> SequenceBuilder:
        """A sequence below this one; its status is the worst of its steps."""
        return SequenceBuilder(self._add(Sequence(name=name, path=path, version=version, **common)))

    def numeric(
        self,
        name: str,
        value: Value,
        *,
        unit: str | None = None,
        low: Value | None = None,
        high: Value | None = None,
        operator: str | None = None,
        **common: Unpack[Common],
    ) -> Step:
        """A number against limits (see `steps.Numeric`)."""
        measured = Numeric(
            value=value,
            unit=unit,
            low=low,
            high=high,
            operator=operator,
            status=_of_measurement(common.get("status")),
        )
        return self._add(Step(name=name, measurements=(measured,), **common))

    def string(
        self,
        name: str,
        value: str,
        *,
        limit: str | None = None,
        operator: str | None = None,
        **common: Unpack[Common],
    ) -> Step:
        """A text, compared with `limit` if there is one (see `steps.Text`)."""
        status = _of_measurement(common.get("status"))
        measured = Text(value=value, limit=limit, operator=operator, status=status)
        return self._add(Step(name=name, measurements=(measured,), **common))

    def passfail(self, name: str, passed: bool, **common: Unpack[Common]) -> Step:
        """A verdict without a value; of one that was skipped say so with `status`."""
        verdict = PassFail(passed=passed, status="S" if common.get("status") == "S" else None)
        return self._add(Step(name=name, measurements=(verdict,), **common))

    def multiple(
        self,
        name: str,
        measurements: Iterable[Numeric] | Iterable[Text] | Iterable[PassFail],
        **common: Unpack[Common],
    ) -> Step:
        """Several measurements of one kind, each with a name."""
        return self._add(Step(name=name, measurements=tuple(measurements), **common))

    def action(self, name: str, **common: Unpack[Common]) -> Step:
        """A step that measures nothing; done unless a status is given."""
        return self._add(Step(name=name, **common))

    def curves(self, name: str, drawing: Chart, **common: Unpack[Common]) -> Step:
        """A step that only shows curves; `chart=` puts them on any other step."""
        step = self._add(Step(name=name, **common))
        step.chart = drawing
        return step

    def attach(
        self,
        name: str,
        data: bytes,
        content_type: str = "application/octet-stream",
        **common: Unpack[Common],
    ) -> Step:
        """A file within the report."""
        step = self._add(Step(name=name, **common))
        step.attachment = Attachment(name=name, data=data, content_type=content_type)
        return step

    def add(self, step: Step) -> Step:
        """A step made by hand."""
        return self._add(step)

    def _add(self, step: S) -> S:
        self.sequence_step.steps.append(step)
        return step


class ReportBuilder:
    """A test report in the making: add steps to `root`, then `build`.

    `start` is a `datetime` (without a zone: this machine's local time) or ISO 8601 text, `seconds`
    the time the whole test took, `result` the worst status of the steps where it is not given.
    """

    def __init__(self, **header: Unpack[Header]) -> None:
        self._header = header
        self._misc: list[dict[str, str]] = []
        self._sub_units: list[dict[str, str]] = []
        self._assets: list[dict[str, object]] = []
        self._notes: list[Finding] = []
        self._members: dict[str, Any] = {}
        self._of_unit: dict[str, Any] = {}
        name = header.get("sequence", "MainSequence Callback")
        self.root = SequenceBuilder(Sequence(name=name, version=header.get("version", "")))

    def misc(self, description: str, text: str) -> None:
        """A piece of information about the unit or the test, searchable on the server."""
        self._misc.append({"description": description, "text": text})

    def sub_unit(
        self, part_type: str, *, part_number: str, serial_number: str, revision: str = ""
    ) -> None:
        """A unit that is built into this one."""
        self._sub_units.append(
            {"partType": part_type, "pn": part_number, "sn": serial_number, "rev": revision}
        )

    def asset(self, serial_number: str, *, uses: int = 1) -> None:
        """Equipment whose uses are counted on the server."""
        self._assets.append({"assetSN": serial_number, "usageCount": uses})

    def more(self, *, unit: Mapping[str, Any] | None = None, **members: object) -> None:
        """Further members of the report, and of its `uut`, by their names in WSJF.

        `None` and empty lists are left out. Rows of `miscInfos`, `subUnits` and `assets` come after
        those that there are; of what the builder says itself the builder's value counts.
        """
        self._members |= cast("dict[str, Any]", plain(members))
        self._of_unit |= cast("dict[str, Any]", plain(unit or {}))

    def note(self, message: str, *, path: str = "", severity: Severity = "warning") -> None:
        """Say of something in the source that it is not in the report, or not as it was there.

        `path` is the one of the value that is meant, such as `root.steps[0]`. It is shown with
        what the check of the report finds.
        """
        self._notes.append(Finding(path, message, severity))

    def build(self) -> Report:
        """The report, checked.

        Raises:
            InvalidReport: it cannot be a WATS report, such as one without a serial number.
            ValueError: an operator is unknown or lacks a limit.
        """
        root = self.root.sequence_step.as_wsjf()
        _number(root)
        start = self._header["start"]
        content = {
            "type": "T",
            "id": self._header.get("id"),
            "pn": self._header["part_number"],
            "sn": self._header["serial_number"],
            "rev": self._header.get("revision", ""),
            "processCode": self._header.get("process_code"),
            "processName": self._header.get("process_name"),
            "result": self._header.get("result", root["status"]),
            "machineName": self._header.get("station", ""),
            "location": self._header.get("location", ""),
            "purpose": self._header.get("purpose", ""),
            "start": instants.local(start) if isinstance(start, datetime) else start,
            "uut": self._unit(),
            "miscInfos": self._misc,
            "subUnits": self._sub_units,
            "assets": self._assets,
            "root": root,
        }
        given = {key: value for key, value in content.items() if value is not None}
        for key, value in self._members.items():
            if isinstance(rows := given.get(key), list):
                given[key] = [*rows, *value]
            elif value not in (None, []):
                given.setdefault(key, value)
        return Report.owned(given, self._notes)

    def _unit(self) -> dict[str, object]:
        unit = {
            "user": self._header.get("operator", ""),
            "execTime": self._header.get("seconds"),
            "batchSN": self._header.get("batch"),
            "fixtureId": self._header.get("fixture"),
            "testSocketIndex": self._header.get("socket"),
            "comment": self._header.get("comment"),
            "errorCode": self._header.get("error_code"),
            "errorMessage": self._header.get("error"),
        }
        own = {key: value for key, value in unit.items() if value is not None}
        return {**{k: v for k, v in self._of_unit.items() if v is not None}, **own}


def _of_measurement(status: Status | None) -> Status | None:
    """What the only measurement of a step says that has this status; None: it is derived."""
    return status if status in ("P", "F", "S") else None


def _number(step: dict[str, Any], number: int = 0) -> int:
    """Give the steps their running numbers, depth first; the next one after the last of them."""
    step["id"] = number
    number += 1
    for child in step.get("steps", ()):
        number = _number(child, number)
    return number

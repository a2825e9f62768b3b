"""The steps of a test as attrs classes, for authors of converters.

A status that is not given is derived: of a measurement from its value and limits, of a step from
its measurements, of a sequence from its steps. `Step.as_wsjf` gives the JSON form.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from attrs import define, field, frozen, validators

from pywats_trio.reports import operators
from pywats_trio.reports.limits import STRING_OPERATORS
from pywats_trio.reports.numbers import plain

if TYPE_CHECKING:
    from collections.abc import Iterable
    from collections.abc import Sequence as Several

    from pywats_trio.reports.operators import Value

Status = Literal["P", "F", "D", "S", "E", "T"]
"""Passed, failed, done, skipped, error, terminated."""
Group = Literal["S", "M", "C"]
"""Setup, main, cleanup."""
ChartType = Literal["Line", "LineLogXY", "LineLogX", "LineLogY"]

_STATUS: Final = validators.optional(validators.in_(("P", "F", "D", "S", "E", "T")))
_WORST_FIRST: Final[tuple[Status, ...]] = ("T", "E", "F")


_OF_MEASUREMENTS: Final = {"D": "P", "E": "F", "T": "F"}


def worst(statuses: Several[str]) -> Status:
    """What a sequence of these ended in: the worst of them, P where none is bad."""
    return next((bad for bad in _WORST_FIRST if bad in statuses), "P")


def judged(measured: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """These measurements with the letters that WSJF has for them: P, F and S.

    What was only done is not bad; what ended in an error, or was terminated, did not pass. The step
    keeps the letter.
    """
    for one in measured:
        one["status"] = _OF_MEASUREMENTS.get(one["status"], one["status"])
    return measured


def _given(**members: object) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value is not None}


@frozen(kw_only=True)
class Numeric:
    """A number against limits. Without `operator`: GELE, GE or LE by the limits, LOG without.

    Limits that are not finite are no limits. An operator with one limit takes `low`, else `high`.
    """

    value: Value
    unit: str | None = None
    low: Value | None = None
    high: Value | None = None
    operator: str | None = None
    name: str | None = None
    status: Status | None = field(default=None, validator=_STATUS)

    def as_wsjf(self) -> dict[str, Any]:
        operator = (self.operator or operators.default(self.low, self.high)).upper()
        low, high = self.low, self.high
        if operator in operators.ONE_LIMIT and low is None:
            low = high
        status = self.status or ("P" if operators.passes(self.value, operator, low, high) else "F")
        operator, low, high = operators.weakened(operator, low, high)
        return _given(
            compOp=operator,
            name=self.name,
            status=status,
            unit=self.unit or None,
            value=self.value,
            lowLimit=low,
            highLimit=high,
        )


@frozen(kw_only=True)
class Text:
    """A text against an expected one. Without `operator`: EQ with a limit, LOG without."""

    value: str
    limit: str | None = None
    operator: str | None = None
    name: str | None = None
    status: Status | None = field(default=None, validator=_STATUS)

    def as_wsjf(self) -> dict[str, Any]:
        operator = (self.operator or ("LOG" if self.limit is None else "EQ")).upper()
        if operator not in STRING_OPERATORS:
            raise ValueError(f"{operator} is no operator for texts")
        status = self.status or ("P" if self._passes(operator) else "F")
        return _given(
            compOp=operator, name=self.name, status=status, value=self.value, limit=self.limit
        )

    def _passes(self, operator: str) -> bool:
        if operator == "LOG":
            return True
        if self.limit is None:
            raise ValueError(f"{operator} needs a limit")
        if operator == "IGNORECASE":
            return self.value.casefold() == self.limit.casefold()
        return (self.value == self.limit) is (operator != "NE")


@frozen(kw_only=True)
class PassFail:
    """A verdict without a value; `status` where it is another one than passed and failed."""

    passed: bool
    name: str | None = None
    status: Status | None = field(default=None, validator=_STATUS)

    def as_wsjf(self) -> dict[str, Any]:
        return _given(name=self.name, status=self.status or ("P" if self.passed else "F"))


Measurement = Numeric | Text | PassFail


def _tuple(measurements: Iterable[Measurement]) -> tuple[Measurement, ...]:
    return tuple(measurements)


_KINDS: Final[dict[type, tuple[str, str, str]]] = {
    Numeric: ("numericMeas", "ET_NLT", "ET_MNLT"),
    Text: ("stringMeas", "ET_SVT", "ET_MSVT"),
    PassFail: ("booleanMeas", "ET_PFT", "ET_MPFT"),
}
"""The WSJF key, the step type for one measurement and for several."""


@frozen(kw_only=True)
class Series:
    """One curve; `x` is 0, 1, 2 … where it is empty, else as long as `y`."""

    name: str
    y: Several[float]
    x: Several[float] = ()

    def as_wsjf(self) -> dict[str, Any]:
        if self.x and len(self.x) != len(self.y):
            raise ValueError(f"series {self.name}: {len(self.x)} x values, {len(self.y)} y values")
        return _given(
            dataType="XYG",
            name=self.name,
            xdata=joined(self.x) if self.x else None,
            ydata=joined(self.y),
        )


def joined(values: Several[float]) -> str:
    """Numbers as charts hold them: joined by semicolons, whole ones without a fraction."""
    return ";".join(repr(v).removesuffix(".0") for v in values)


def _series(series: Iterable[Series]) -> tuple[Series, ...]:
    return tuple(series)


@frozen(kw_only=True)
class Chart:
    """A drawing of one or several curves; it may sit on any step."""

    label: str
    series: tuple[Series, ...] = field(converter=_series)
    kind: ChartType = "Line"
    x_label: str = ""
    x_unit: str = ""
    y_label: str = ""
    y_unit: str = ""

    def as_wsjf(self) -> dict[str, Any]:
        return {
            "chartType": self.kind,
            "label": self.label,
            "xLabel": self.x_label,
            "xUnit": self.x_unit,
            "yLabel": self.y_label,
            "yUnit": self.y_unit,
            "series": [series.as_wsjf() for series in self.series],
        }


@frozen(kw_only=True)
class Attachment:
    """A file within the report; servers commonly take up to 2 MB."""

    name: str
    data: bytes = field(repr=False)
    content_type: str = "application/octet-stream"

    def as_wsjf(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "contentType": self.content_type,
            "data": base64.b64encode(self.data).decode(),
        }


@define(kw_only=True)
class Step:
    """Anything that has a name and a status; without measurements it is an action."""

    name: str
    type: str | None = None
    """The WATS step type; None: by what the step holds."""
    status: Status | None = field(default=None, validator=_STATUS)
    group: Group = field(default="M", validator=validators.in_(("S", "M", "C")))
    seconds: float | None = None
    """How long it took."""
    text: str | None = None
    """Free text (`reportText`)."""
    error_code: int | None = None
    error: str | None = None
    measurements: tuple[Measurement, ...] = field(default=(), converter=_tuple)
    chart: Chart | None = None
    attachment: Attachment | None = None
    extra: dict[str, Any] = field(factory=dict)
    """Further WSJF members, as they are."""

    @measurements.validator
    def _one_kind(self, _attribute: object, value: tuple[Measurement, ...]) -> None:
        if len({type(measurement) for measurement in value}) > 1:
            raise ValueError(f"step {self.name}: one kind of measurement in a step")
        if len(value) > 1 and not all(measurement.name for measurement in value):
            raise ValueError(f"step {self.name}: several measurements need a name each")

    def as_wsjf(self) -> dict[str, Any]:
        """The step as a WSJF object.

        Raises:
            ValueError: an operator is unknown or lacks a limit.
        """
        measured = [measurement.as_wsjf() for measurement in self.measurements]
        return {
            **_given(
                group=self.group,
                stepType=self.type or self._type(),
                name=self.name,
                status=self.status or self._derived(measured),
                totTime=self.seconds,
                errorCode=self.error_code,
                errorMessage=self.error,
                reportText=self.text,
                chart=self.chart.as_wsjf() if self.chart else None,
                attachment=self.attachment.as_wsjf() if self.attachment else None,
            ),
            **({_KINDS[type(self.measurements[0])][0]: judged(measured)} if measured else {}),
            **(cast("dict[str, Any]", plain(self.extra)) if self.extra else {}),
        }

    def _type(self) -> str:
        if not self.measurements:
            if self.chart:
                return "Chart"
            return "WATS_AttachFile" if self.attachment else "Action"
        _key, single, multiple = _KINDS[type(self.measurements[0])]
        several = len(self.measurements) > 1 or self.measurements[0].name is not None
        return multiple if several else single

    def _derived(self, measured: Several[dict[str, Any]]) -> Status:
        return worst([m["status"] for m in measured]) if measured else "D"


@define(kw_only=True)
class Sequence(Step):
    """Steps under a name."""

    steps: list[Step] = field(factory=list)
    path: str = ""
    version: str = ""
    called: str = ""
    """The name of the sequence, where it is another than that of the step that calls it."""

    def as_wsjf(self) -> dict[str, Any]:
        steps = [step.as_wsjf() for step in self.steps]
        own = Step.as_wsjf(self)
        own["stepType"] = self.type or "SequenceCall"
        own["status"] = self.status or worst([step["status"] for step in steps])
        name = self.called or self.name
        own["seqCall"] = {"path": self.path, "name": name, "version": self.version}
        return {**own, "steps": steps}

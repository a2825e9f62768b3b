"""A step of the WATS text format: what a row makes of it, and what becomes of it in WSJF."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field, frozen

from pywats_trio.converters.standard.wats_text import measured
from pywats_trio.converters.standard.wats_text.values import boolean, seconds, text, whole
from pywats_trio.reports.numbers import Number
from pywats_trio.reports.steps import judged, worst

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pywats_trio.converters.standard.wats_text.measured import Row
    from pywats_trio.converters.standard.wats_text.values import Convert

SEQUENCE: Final = "SequenceCall"
ACTION: Final = "ET_A"

_COMMON: Final[dict[str, tuple[str, Convert]]] = {
    "StepExecutionTime": ("totTime", seconds),
    "StepReportText": ("reportText", text),
    "StepErrorCode": ("errorCode", whole),
    "StepErrorMessage": ("errorMessage", text),
    "CausedSequenceFailure": ("causedSeqFailure", boolean),
}
"""What any step may have: the column, the member, and how it is read."""


@frozen
class Kind:
    """A kind of test."""

    member: str
    single: str
    multiple: str
    measure: Callable[[Row], dict[str, Any]]
    unused: tuple[str, ...] = ()
    """Columns that mean nothing to it."""


KINDS: Final = {
    "numericlimittest": Kind("numericMeas", "ET_NLT", "ET_MNLT", measured.numeric),
    "passfailtest": Kind(
        "booleanMeas",
        "ET_PFT",
        "ET_MPFT",
        measured.passfail,
        ("LowLimit", "HighLimit", "CompOperator", "Unit"),
    ),
    "stringvaluetest": Kind(
        "stringMeas", "ET_SVT", "ET_MSVT", measured.string, ("HighLimit", "Unit")
    ),
}


@define
class Step:
    """A step in the making."""

    row: Row
    """With which it begins."""
    id: int
    name: str
    type: str
    status: str | None
    """None: by what it holds."""
    members: dict[str, Any]
    kind: Kind | None = None
    grows: bool = False
    """Further rows may be measurements of it."""
    measurements: list[dict[str, Any]] = field(factory=list)
    steps: list[Step] = field(factory=list)

    def goes_on(self, kind: Kind, name: str) -> bool:
        """Whether a named measurement in a row of this kind and StepName belongs to it."""
        return self.grows and self.kind is kind and name in ("", self.name)

    def as_wsjf(self) -> dict[str, Any]:
        """The step as a WSJF object, with what is below it."""
        steps = [step.as_wsjf() for step in self.steps]
        found = {
            "id": self.id,
            "group": "M",
            "stepType": self.type,
            "name": self.name,
            "status": self.status or self._derived(steps),
            **self.members,
        }
        if self.kind is not None and self.measurements:
            found[self.kind.member] = judged(self.measurements)
        if self.type == SEQUENCE:
            found["seqCall"] = {"path": "", "name": self.name, "version": ""}
            found["steps"] = steps
        return found

    def _derived(self, steps: Sequence[dict[str, Any]]) -> str:
        if self.type == SEQUENCE:
            return worst([step["status"] for step in steps])
        return together([measurement["status"] for measurement in self.measurements])


def together(statuses: Sequence[str]) -> str:
    """The status of a step with these measurements: what all of them are, else the worst."""
    return statuses[0] if len({*statuses}) == 1 else worst(statuses)


def members(row: Row) -> dict[str, Any]:
    """What a row says of its step, without status and measurement.

    Raises:
        Reject: a cell is not what it must be.
    """
    found = {}
    for column, (member, convert) in _COMMON.items():
        value = row.read(column, convert)
        if value is not None:
            found[member] = value
    return found


def merge(members: dict[str, Any], more: dict[str, Any], row: Row) -> None:
    """Add what a further measurement says of its step: times add up, texts follow each other."""
    for member, value in more.items():
        before = members.get(member)
        if before is None or before == 0:
            members[member] = value
        elif member == "totTime":
            members[member] = _sum(before, value)
        elif isinstance(value, str):
            members[member] = before if value == before else f"{before}\n{value}"
        elif member == "errorCode" and value not in (0, before):
            row.note("StepErrorCode", "a step has one error code, the first; others are not sent")


def _sum(one: Number, other: Number) -> Number:
    return Number(str(Decimal(one.text) + Decimal(other.text)))

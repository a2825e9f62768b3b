"""The steps of an ATML file: TestGroup, SessionAction and Test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypedDict

from attrs import define, field

from pywats_trio.converters.standard.atml import values
from pywats_trio.converters.standard.atml.parts import SEQUENCES, parts_of
from pywats_trio.reports.steps import Numeric, PassFail, Sequence, Step, Text, worst

if TYPE_CHECKING:
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.converters.standard.atml.parts import Parts
    from pywats_trio.reports.steps import Group, Measurement, Status

NAMES: Final = frozenset({"TestGroup", "SessionAction", "Test"})

_ROOT: Final = "MainSequence Callback"
_ANSWERS: Final = frozenset({"messagePopup", "callExe"})
"""Members of a step that it cannot have together with steps."""
_TESTS: Final = {
    "PassFailTest": "ET_PFT",
    "StringValueTest": "ET_SVT",
    "NumericLimitTest": "ET_NLT",
    "NI_MultipleNumericLimitTest": "ET_MNLT",
}
_VERDICTS: Final = frozenset({"ET_PFT", "ET_XMLPFT"})
"""Types whose only result is the Outcome."""
_KINDS: Final[dict[type, tuple[str, str]]] = {
    Numeric: ("ET_NLT", "ET_MNLT"),
    Text: ("ET_SVT", "ET_MSVT"),
    PassFail: ("ET_PFT", "ET_MPFT"),
}
_OF_WATS: Final = ("ET_", "WATS_")
_OF_TESTSTAND: Final = "NI_"
_ACTION: Final = "ET_A"
_GENERIC: Final = {
    **dict.fromkeys(("Action", "Statement"), _ACTION),
    **{name: name for name in ("Label", "Goto", "MessagePopup", "CallExecutable")},
    "AdditionalResults": "AdditionalResults",
}
"""Types of TestStand that test nothing, beside those that begin with NI_."""
_CALLER: Final = re.compile(
    r"SequenceCallStepName\s*=\s*'(.*?)'(?:[\s,;]*bl\s*=\s*'\d*')?\s*", re.DOTALL
)
"""Where 2.02 has the name of a step that calls a sequence."""


@define(kw_only=True)
class Call(Sequence):
    """A sequence whose steps are finished.

    They are kept as WSJF: a file may have a hundred thousand, and the objects that they are made
    of would be in memory beside them.
    """

    done: list[dict[str, Any]] = field(factory=list)

    def as_wsjf(self) -> dict[str, Any]:
        whole = Sequence.as_wsjf(self)
        whole["status"] = self.status or worst([step["status"] for step in self.done])
        whole["seqCall"]["name"] = self.called
        whole["steps"] = self.done
        return whole


@define(kw_only=True)
class Whole(Sequence):
    """A sequence that is WSJF already."""

    whole: dict[str, Any]

    @classmethod
    def of(cls, whole: dict[str, Any], assumed: Sequence) -> Whole:
        """The root; name and version of its sequence are those of `assumed` where it has none."""
        call = whole["seqCall"]
        call["name"] = call["name"] or assumed.name
        call["version"] = call["version"] or assumed.version
        return cls(name=assumed.name, whole=whole)

    def as_wsjf(self) -> dict[str, Any]:
        return self.whole


def wsjf(element: Element, done: list[dict[str, Any]], notes: Notes) -> list[dict[str, Any]]:
    """A whole step, as WSJF; `done` are the steps in it.

    A step that has a result of its own and calls a sequence, too, becomes two: in WATS it cannot
    have both.

    Raises:
        Reject: a value or a limit is not a number.
    """
    parts = parts_of(element, notes)
    holds = parts.results.measurements or not _ANSWERS.isdisjoint(parts.extra)
    if not holds and (element.name == "TestGroup" or parts.type in SEQUENCES or done):
        return [_sequence(parts, done).as_wsjf()]
    if done:
        notes.add(
            "a step with a result has no steps in WATS: those in it stand after it", element.line
        )
    return [_step(parts).as_wsjf(), *done]


def root(element: Element, done: list[dict[str, Any]], notes: Notes) -> Call:
    """The ResultSet, or what stands for it, as a sequence."""
    return _sequence(parts_of(element, notes), done)


def _sequence(parts: Parts, done: list[dict[str, Any]]) -> Call:
    element = parts.element
    name = values.attribute(element, "name")
    path, mark, called = name.rpartition("#")
    if element.name == "ResultSet":
        path, called = (path, called) if mark else (name, "")
        name = _ROOT
    else:
        called = called or _caller(element)
        name = called or _unnamed(parts)
    if parts.type and parts.type not in SEQUENCES:
        message = f"the step type {parts.type[:60]} of a sequence: SequenceCall is sent"
        parts.notes.add(message, element.line)
    return Call(
        name=_caller(element) or name,
        called=called,
        path=path,
        version=parts.version,
        type=parts.type if parts.type in SEQUENCES else "SequenceCall",
        done=done,
        **_common(parts),
    )


def _caller(element: Element) -> str:
    """The name of the step that calls this sequence; empty where the file has none."""
    if name := values.attribute(element, "callerName"):
        return name
    match = _CALLER.fullmatch(values.attribute(element, "userDefinedType"))
    return match[1] if match else ""


def _unnamed(parts: Parts) -> str:
    parts.notes.add("a step without a name: its type is sent", parts.element.line)
    return parts.type or parts.element.name


def _step(parts: Parts) -> Step:
    measured = parts.results.measurements or _verdict(parts)
    name = _caller(parts.element) or values.attribute(parts.element, "name") or _unnamed(parts)
    return Step(name=name, type=_type(parts, measured), measurements=measured, **_common(parts))


class _Common(TypedDict):
    status: Status | None
    group: Group
    seconds: float | None
    text: str | None
    error: str | None
    error_code: int | None
    extra: dict[str, Any]


def _common(parts: Parts) -> _Common:
    return {
        "status": parts.status,
        "group": parts.group,
        "seconds": parts.seconds,
        "text": parts.text,
        "error": parts.error,
        "error_code": parts.error_code,
        "extra": parts.extra,
    }


def _verdict(parts: Parts) -> tuple[PassFail, ...]:
    """Of a test that measures nothing: that it did not fail."""
    if parts.element.name != "Test" or parts.status is None:
        return ()
    type_ = parts.type
    if type_.startswith(_OF_WATS):
        has_verdict = type_ in _VERDICTS
    elif type_ in _TESTS:
        has_verdict = _TESTS[type_] in _VERDICTS
    else:
        has_verdict = type_ not in _GENERIC and not type_.startswith(_OF_TESTSTAND)
    if not has_verdict:
        return ()
    return (PassFail(passed=parts.status in "PD", status="S" if parts.status == "S" else None),)


def _type(parts: Parts, measured: tuple[Measurement, ...]) -> str:
    """The step type of WATS: what a step holds decides where TestStand's type is a custom one."""
    type_ = parts.type
    if type_.startswith(_OF_WATS):
        return type_
    of_type = _TESTS.get(type_)
    if measured:
        single, multiple = _KINDS[type(measured[0])]
        by_data = multiple if len(measured) > 1 else single
        return multiple if of_type == multiple else by_data
    if of_type:
        return of_type
    if type_ in _GENERIC:
        return _GENERIC[type_]
    if parts.element.name == "Test" and not type_.startswith(_OF_TESTSTAND):
        return "ET_PFT"
    return type_ or _ACTION

"""What stands in a TestGroup, SessionAction, Test or ResultSet, beside the steps in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from pywats_trio.converters.common import local_times
from pywats_trio.converters.standard.atml import additional, measurements, values

if TYPE_CHECKING:
    from pywats_trio.converters.common.notes import Notes
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.reports.steps import Group, Status

SEQUENCES: Final = frozenset({"SequenceCall", "WATS_SeqCall"})
"""Step types that call a sequence and do nothing else."""
_GROUPS: Final[dict[str, Group]] = {"Setup": "S", "Main": "M", "Cleanup": "C"}
_TEXT: Final = "ReportText"
_CODE: Final = "Error Code"
_MESSAGE: Final = "Error Message"
_VERSION: Final = "SeqFileVersion"
"""The result that steps of the WATS add-on record of the sequence they call."""
_LOOP: Final = {
    "LoopIndex": "idx",
    "NumLoops": "num",
    "EndingLoopIndex": "endingIndex",
    "NumPassed": "passed",
    "NumFailed": "failed",
}
_LEFT_OUT: Final = frozenset({"BlockLevel", "Index", "ModuleTime"})
"""Of TSStepProperties: the steps stand in order, and WATS has one time for each."""


@define
class Parts:
    """Of one such element."""

    element: Element
    notes: Notes
    type: str = ""
    """TestStand's name of the step type; empty where the file has none."""
    status: Status | None = None
    group: Group = "M"
    seconds: float | None = None
    text: str | None = None
    version: str = ""
    error: str | None = None
    error_code: int | None = None
    results: measurements.Results = measurements.NONE
    extra: dict[str, Any] = field(factory=dict)
    """Members of the step in WSJF that have no name in `steps.Step`."""

    def record(self, name: str, holder: Element) -> None:
        """Something that is no measurement: a Datum, Collection or IndexedArray in `holder`."""
        datum = holder.child("Datum")
        if datum is not None and not self._has_place(name, datum):
            datum = None
        if datum is None:
            found = self.extra.setdefault("additionalResults", [])
            found.append(additional.result(name, holder))

    def _has_place(self, name: str, datum: Element) -> bool:
        """Whether WATS has a member of the step for it, which it now is."""
        text = values.text_of(datum)
        if name == _TEXT:
            self.text = text if self.text is None else f"{self.text}\n{text}"
            return True
        if name == _VERSION and (self.type in SEQUENCES or self.element.name == "ResultSet"):
            self.version = text
            return True
        if self.type == "MessagePopup" and name == "Response":
            self.extra.setdefault("messagePopup", {})["response"] = text
            return True
        number = values.whole(text)
        if self.type == "MessagePopup" and name == "ButtonHit" and number is not None:
            self.extra.setdefault("messagePopup", {})["button"] = number
            return True
        if self.type == "CallExecutable" and name == "ExitCode" and number is not None:
            self.extra["callExe"] = {"exitCode": number}
            return True
        return False

    def events(self, events: Element) -> None:
        """TestStand has the error of a step there."""
        self.error_code, self.error = error_of(events)
        for event in events.named("Event"):
            if (what := values.attribute(event, "ID")) not in (_CODE, _MESSAGE):
                self.notes.add(f'the event "{what[:60]}" of a step is not sent', event.line)

    def properties(self, extension: Element) -> None:
        """What TestStand itself says of a step."""
        for child in extension.children:
            if child.name != "TSStepProperties":
                self.notes.add(f"the extension {child.name} of a step is not sent", child.line)
                continue
            for one in child.children:
                self._property(one)

    def _property(self, one: Element) -> None:
        if one.name in _LEFT_OUT:
            return
        value = values.attribute(one, "value") or values.own_text(one)
        match one.name:
            case "StepType":
                self.type = value
            case "StepGroup":
                self._set_group(value, one)
            case "TotalTime":
                self.seconds = values.seconds(value)
            case "StepId":
                self.extra["tsGuid"] = value
            case "StepCausedSequenceFailure":
                if value.lower() == "true":  # false is what is not said
                    self.extra["causedSeqFailure"] = True
            case "LoopingProperties":
                self._set_loop(one)
            case "InteractiveExecutionId" if (number := values.whole(value)) is not None:
                self.extra["interactiveExeNum"] = number
            case name:
                self.notes.add(f"{name} of a step has no place in WATS and is not sent", one.line)

    def _set_group(self, value: str, one: Element) -> None:
        if value in _GROUPS:
            self.group = _GROUPS[value]
        else:
            self.notes.add(f'the step group "{value[:60]}" is unknown; Main is sent', one.line)

    def _set_loop(self, properties: Element) -> None:
        """A summary of the loop, or the number of one round; WATS has null for the rest."""
        read = {
            _LOOP[one.name]: values.whole(values.attribute(one, "value") or values.own_text(one))
            for one in properties.children
            if one.name in _LOOP
        }
        if any(number is not None for number in read.values()):
            self.extra["loop"] = {**dict.fromkeys(_LOOP.values()), **read}


def parts_of(element: Element, notes: Notes) -> Parts:
    """Read them.

    Raises:
        Reject: a value or a limit is not a number.
    """
    parts = Parts(element, notes)
    if guid := values.attribute(element, "testReferenceID"):
        parts.extra["tsGuid"] = guid
    for extension in element.named("Extension"):  # the type decides what other parts mean
        parts.properties(extension)
    for child in element.children:
        _read(child, parts)
    results = element.named("TestResult")
    if results:
        parts.results = measurements.read(results, parts.type, parts.status, notes)
    for one in parts.results.others:
        name = values.attribute(one, "name") or values.attribute(one, "ID")
        parts.record(name, one.child("TestData") or one)
    if parts.seconds is None:
        parts.seconds = duration(element)
    return parts


def _read(child: Element, parts: Parts) -> None:
    match child.name:
        case "Outcome" | "ActionOutcome":
            parts.status = values.outcome(child, parts.notes)
        case "Data":
            _record_items(child, parts)
        case "Parameters":
            for one in child.named("Parameter"):
                parts.record(values.attribute(one, "name"), one.child("Data") or one)
        case "Events":
            parts.events(child)
        case name if name not in ("Extension", "TestResult"):
            message = f"{name} of a step has no place in WATS and is not sent"
            parts.notes.add(message, child.line)


def error_of(events: Element | None) -> tuple[int | None, str | None]:
    """The code and the message of an error."""
    code = message = None
    for event in events.named("Event") if events is not None else ():
        datum = event.find("Data", "Datum")
        text = values.text_of(datum).strip() if datum is not None else ""
        if values.attribute(event, "ID") == _MESSAGE:
            message = text or message
        elif values.attribute(event, "ID") == _CODE:
            code = values.whole(text)
            message = message or values.own_text(event.child("Message")) or None
    return code, message


def _record_items(data: Element, parts: Parts) -> None:
    collection = data.child("Collection")
    if collection is None:
        if data.child("Datum") or data.child("IndexedArray"):
            parts.record("Data", data)
        return
    for item in collection.named("Item"):
        parts.record(values.attribute(item, "name"), item)


def duration(element: Element) -> float | None:
    """Seconds from startDateTime to endDateTime."""
    start, end = (
        values.moment(element.get(name) or "") for name in ("startDateTime", "endDateTime")
    )
    return local_times.seconds_between(start, end)

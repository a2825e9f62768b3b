"""The step results of TestStand (`TEResult`) as steps of a report."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

from attrs import frozen

from pywats_trio.converters.common import words
from pywats_trio.converters.standard.teststand import contents, measurements
from pywats_trio.converters.standard.teststand.measurements import Measured
from pywats_trio.reports import instants
from pywats_trio.reports.steps import Group, Sequence, Step
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.properties import Prop
    from pywats_trio.reports.steps import Status

_TYPES: Final = {
    **dict.fromkeys(("Action", "Statement"), "ET_A"),
    "NumericLimitTest": "ET_NLT",
    "NI_MultipleNumericLimitTest": "ET_MNLT",
    "StringValueTest": "ET_SVT",
    "PassFailTest": "ET_PFT",
}
_CALLS: Final = frozenset({"SequenceCall", "WATS_SeqCall"})
_KEPT: Final = _CALLS | {"Label", "Goto", "GT", "DoWhile", "MessagePopup", "CallExecutable"}
_KEPT_PREFIXES: Final = ("ET_", "WATS_", "NI_")
_GROUPS: Final[dict[str, Group]] = {"SETUP": "S", "MAIN": "M", "CLEANUP": "C", "": "M"}

_LOOP: Final = {
    "idx": "LoopIndex",
    "num": "NumLoops",
    "endingIndex": "EndingLoopIndex",
    "passed": "NumPassed",
    "failed": "NumFailed",
}


@frozen
class Made:
    """What became of a step result."""

    steps: tuple[Step, ...]
    """It, and after it the sequences that it called, where it cannot hold them."""
    blamed: bool
    """It, or something in it, made the unit fail."""


def made(document: Document, result: Prop) -> Made:
    """The steps of a step result; those below it were made before.

    Raises:
        Reject: a number is none.
    """
    called = [_called(result, how, document) for how in ("SequenceCall", "PostAction")]
    sequences = [one for one in called if one is not None]
    kind = result.text("TS", "StepType")
    status = _status(result, document)
    measured = Measured()
    if kind not in _CALLS:
        measured = measurements.of_step(result, kind, status, document)
    step: Step
    if kind in _CALLS or (sequences and not measured.measurements):
        step = _joined([one.call for one in sequences])
    else:
        step = Step(name="-", measurements=measured.measurements)
    step.status = status
    _common(step, result, document)
    contents.add(step, result, measured, document)
    step.type = _type(step, kind, result, document)
    blamed = any(one.blamed for one in sequences)
    if not blamed and result.text("TS", "Id") in document.culprits:
        blamed = step.extra["causedUUTFailure"] = True
    if isinstance(step, Sequence) or not sequences:
        return Made((step,), blamed)
    document.notes.add("the steps that a measuring step called follow it", result.line)
    for one in sequences:
        one.call.name, one.call.group = one.call.called or step.name, step.group
    return Made((step, *(one.call for one in sequences)), blamed)


@frozen
class _Called:
    call: Sequence
    blamed: bool


def _called(result: Prop, how: str, document: Document) -> _Called | None:
    """The sequence that a step called, or that its post action did."""
    found = result.at("TS", how)
    if found is None:
        return None
    inner = [*_results(found, document)]
    call = Sequence(
        name="-",
        steps=[step for one in inner for step in one.steps],
        called=found.text("Sequence"),
        path=found.text("SequenceFile"),
        version=found.text("SequenceFileVersion") or result.text("SeqFileVersion"),
        status=words.status(found.text("Status")),
    )
    return _Called(call, any(one.blamed for one in inner))


def _joined(calls: list[Sequence]) -> Sequence:
    """One sequence of those that a step called: the first, with the steps of all."""
    if not calls:
        return Sequence(name="-")
    first, *others = calls
    first.steps += [step for other in others for step in other.steps]
    return first


def _results(called: Prop, document: Document) -> Iterator[Made]:
    """What was made of the steps of a sequence."""
    found = called.at("ResultList")
    for item in found.items if found is not None else ():
        if isinstance(item.made, Made):
            yield item.made
        else:
            document.notes.add("a value in a ResultList is no step result", called.line)


def _status(result: Prop, document: Document) -> Status | None:
    """As the file says; None, so that it follows from what the step holds, where it says none."""
    word = result.text("Status") or result.text("TS", "SequenceCall", "Status")
    if not word:
        return None
    if (status := words.status(word)) is None:
        message = f'the status "{shortened(word, 40)}" is none of WATS: D, done, is taken'
        document.notes.add(message, result.line)
        return "D"
    return status


def _common(step: Step, result: Prop, document: Document) -> None:
    """What any step has."""
    step.name = result.text("TS", "StepName") or result.text("TS", "StepType")
    if not step.name:
        step.name = "(no name)"
        document.notes.add("a step result without a name", result.line)
    group = result.text("TS", "StepGroup")
    if (letter := _GROUPS.get(group.upper())) is None:
        message = f'the step group "{shortened(group, 40)}" is unknown: Main is taken'
        document.notes.add(message, result.line)
    step.group = letter or "M"
    if (seconds := result.number(document.mark, "TS", "TotalTime")) is not None:
        step.seconds = cast("float", seconds)
    step.text = result.text("ReportText") or None
    if error := result.at("Error"):
        step.error_code = error.integer("Code") or None
        step.error = error.text("Msg") or None
    step.extra.update(_extra(result, document))


def _extra(result: Prop, document: Document) -> Iterator[tuple[str, Any]]:
    if identity := result.text("TS", "StepId"):
        yield "tsGuid", identity
    if start := _start(result, document):
        yield "start", start
    caused = result.truth("TS", "StepCausedSequenceFailure")
    if caused or result.truth("StepCausedSequenceFailure"):
        yield "causedSeqFailure", True
    if (number := result.integer("TS", "InteractiveExeNum")) is not None:
        yield "interactiveExeNum", number
    loop = {key: result.integer("TS", name, bits=16) for key, name in _LOOP.items()}
    if any(value is not None for value in loop.values()):
        yield "loop", loop


def _start(result: Prop, document: Document) -> str | None:
    """When the step began: TestStand counts seconds from the start of its engine."""
    engine = instants.parse(document.infos.get("EngineStarted"))
    seconds = result.number(document.mark, "TS", "StartTime")
    if seconds is None or engine is None or engine.tzinfo is None:
        return None
    start = instants.parse(document.infos.get("Start"))
    try:
        moment = engine + timedelta(seconds=float(seconds))
        return moment.astimezone(start.tzinfo if start else None).isoformat()
    except (OverflowError, ValueError):  # not finite, or out of the years 1 to 9999
        document.notes.add("a start time that is none is not sent", result.line)
        return None


def _type(step: Step, kind: str, result: Prop, document: Document) -> str | None:
    """The WATS type; None: what the step holds decides."""
    if isinstance(step, Sequence):
        known: str | None = kind if kind in _CALLS else "SequenceCall"
    elif kind in _TYPES:
        return _TYPES[kind]
    elif kind in _KEPT or kind.startswith(_KEPT_PREFIXES):
        return kind
    else:
        known = _by_content(step)
    if kind and kind not in _CALLS:
        message = f'the step type "{shortened(kind, 60)}" is none of WATS: what it holds decides'
        document.notes.add(message, result.line)
    return known


def _by_content(step: Step) -> str | None:
    if "messagePopup" in step.extra:
        return "MessagePopup"
    if "callExe" in step.extra:
        return "CallExecutable"
    return None if step.measurements or step.chart or step.attachment else "ET_A"

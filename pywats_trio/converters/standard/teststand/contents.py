"""What a step result holds besides measurements: answers, charts, files, and results of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.converters.standard.teststand import additional, charts
from pywats_trio.reports.steps import Attachment, Sequence
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from pywats_trio.converters.standard.teststand.documents import Document
    from pywats_trio.converters.standard.teststand.measurements import Measured
    from pywats_trio.converters.standard.teststand.properties import Prop
    from pywats_trio.reports.steps import Step

_PLACED: Final = {
    *("TS", "Status", "ReportText", "Error", "StepCausedSequenceFailure", "SeqFileVersion"),
    *("Chart", "AttachedFileData", "XMLString", "AdditionalResults"),
}
"""Members of a step result that have a place of their own, or a finding."""
_POPUP: Final = ("ButtonHit", "Response")
_EXE: Final = ("ExitCode",)
_TS_PLACED: Final = frozenset(
    {
        *("StepName", "StepType", "StepGroup", "StepId", "StartTime", "TotalTime"),
        *("SequenceCall", "PostAction", "StepCausedSequenceFailure", "InteractiveExeNum"),
        *("LoopIndex", "NumLoops", "EndingLoopIndex", "NumPassed", "NumFailed"),
        *("Id", "Index", "BlockLevel", "ModuleTime"),
    }
)
"""The last four are TestStand's own counters, which WATS does not know."""


def add(step: Step, result: Prop, measured: Measured, document: Document) -> None:
    """What some steps hold, and everything else in them as additional results.

    Raises:
        Reject: a number is none.
    """
    placed = {*_PLACED, *measured.members}
    if not step.measurements and not isinstance(step, Sequence):
        placed |= _answer(step, result, document)
    if (drawn := result.at("Chart")) is not None:
        step.chart = charts.chart(drawn, document)
    _attach(step, result, document)
    others = [one for one in result.members if one.name not in placed]
    ts = result.at("TS")
    others += [one for one in ts.members if one.name not in _TS_PLACED] if ts is not None else []
    more = [*result.props("AdditionalResults"), *measured.others, *others]
    if entries := [additional.entry(one) for one in more if one.says_something]:
        step.extra["additionalResults"] = entries


def _answer(step: Step, result: Prop, document: Document) -> set[str]:
    """Of a message to the operator, or of a program; the members that it was read from."""
    button = result.integer("ButtonHit", bits=16)
    if button is not None:
        step.extra["messagePopup"] = {"response": result.text("Response"), "button": button}
        return {*_POPUP}
    code = result.number(document.mark, "ExitCode")
    if code is not None:
        step.extra["callExe"] = {"exitCode": code}
        return {*_EXE}
    return set()


def _attach(step: Step, result: Prop, document: Document) -> None:
    name = result.text("AttachedFileData", "FileName") or result.text(
        "AttachedFileData", "FullFileName"
    )
    if name:
        message = f'the attached file "{shortened(name, 60)}" is not in the report and not sent'
        document.notes.add(message, result.line)
    data = result.text("XMLString")
    if data and step.chart is None:
        step.attachment = Attachment(
            name="stepdata.xml", data=data.encode(), content_type="text/xml"
        )
    elif data:
        document.notes.add("beside a chart, an XMLString has no place and is not sent", result.line)

"""The steps of a WSXF or WRML report as WSJF.

WSXF nests steps and what they hold; WRML lists everything flat and ties it by StepID and
ParentStepID. `nested` makes the first of the second, so that there is one way from there.
"""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.converters.standard.wats_xml import tables
from pywats_trio.reports import operators
from pywats_trio.reports.limits import MAX_NESTED_STEPS
from pywats_trio.reports.steps import joined

if TYPE_CHECKING:
    from pywats_trio.converters.common.xml_tree import Element
    from pywats_trio.converters.standard.wats_xml.values import Reader

PARTS: Final = frozenset(
    {
        "SequenceCall",
        "NumericLimit",
        "PassFail",
        "StringValue",
        "Chart",
        "Attachment",
        "Callexe",
        "MessagePopup",
        "Loop",
        "AdditionalResults",
        "ReportText",
    }
)
"""What belongs to a step; in WRML it stands beside it."""

_ROOT_NAME: Final = "MainSequence Callback"
_SEQUENCE_TYPES: Final = frozenset({"SequenceCall", "WATS_SeqCall"})


def nested(report: Element, reader: Reader) -> list[Element]:
    """The top steps of a report, everything else below them.

    Raises:
        Reject: WRML whose steps do not make a tree.
    """
    steps = report.named("Step")
    if not any("StepID" in step.attributes for step in steps):
        return steps
    by_id: dict[str, Element] = {}
    for step in steps:
        key = step.get("StepID") or ""
        if by_id.setdefault(key, step) is not step:
            raise reader.refusal(step, f'the StepID "{key}" stands twice')
    top = []
    for child in report.children:
        parent = child.get("ParentStepID" if child.name == "Step" else "StepID")
        if child.name == "Step" and not parent:
            top.append(child)
        elif child.name == "Step" or child.name in PARTS:
            _adopt(by_id.get(parent or ""), child, reader)
    _check_tree(top, steps, reader)
    return top


def _adopt(parent: Element | None, child: Element, reader: Reader) -> None:
    if parent is None:
        raise reader.refusal(child, f"{child.name} belongs to a step that is missing")
    parent.children.append(child)


def _check_tree(top: list[Element], steps: list[Element], reader: Reader) -> None:
    reached, todo = set(), list(top)
    while todo:
        step = todo.pop()
        reached.add(id(step))
        todo += step.named("Step")
    for step in steps:
        if id(step) not in reached:
            raise reader.refusal(step, f'the step "{step.get("Name") or ""}" lies below itself')


def root(top: list[Element], result: str, reader: Reader) -> dict[str, Any]:
    """The root step: the single sequence at the top, else a sequence made around what is there."""
    if len(top) == 1 and _is_sequence(top[0]):
        step = _step(top[0], 0, reader)
        step.setdefault("seqCall", {"path": "", "name": step.get("name", ""), "version": ""})
        return step
    return {
        "group": "M",
        "stepType": "SequenceCall",
        "name": _ROOT_NAME,
        "status": result,
        "seqCall": {"path": "", "name": _ROOT_NAME, "version": ""},
        "steps": [_step(step, 1, reader) for step in top],
    }


def _is_sequence(step: Element) -> bool:
    held = step.child("SequenceCall") or step.child("Step")
    return step.get("StepType") in _SEQUENCE_TYPES or held is not None


def _step(element: Element, depth: int, reader: Reader) -> dict[str, Any]:
    if depth > MAX_NESTED_STEPS:
        raise reader.refusal(element, f"steps nested deeper than {MAX_NESTED_STEPS} levels")
    step = {"group": "M", **reader.attributes(element, tables.STEP)}
    for child in element.children:
        if child.name == "Step":
            step.setdefault("steps", []).append(_step(child, depth + 1, reader))
        elif child.name == "Chart":
            _chart(child, step, reader)
        elif child.name in _ADDERS:
            _ADDERS[child.name](child, step, reader)
        else:
            reader.note(child, "", "has no place in WSJF and is not sent")
    return step


def _sequence(element: Element, step: dict[str, Any], reader: Reader) -> None:
    call = reader.attributes(element, tables.SEQUENCE)
    if not call.get("path"):
        call["path"] = element.get("Filename") or ""
    step["seqCall"] = call


def _numeric(element: Element, step: dict[str, Any], reader: Reader) -> None:
    measured = {"compOp": "LOG", **reader.attributes(element, tables.NUMERIC)}
    operator = str(measured["compOp"]).upper()
    if operator in operators.ONE_LIMIT and "lowLimit" not in measured and "highLimit" in measured:
        measured["lowLimit"] = measured.pop("highLimit")  # WATS reads it there, for LE and LT too
    if any(isinstance(measured.get(key), str) for key in ("lowLimit", "highLimit")):
        _weaken(element, measured, operator, reader)
    step.setdefault("numericMeas", []).append(measured)


def _weaken(element: Element, measured: dict[str, Any], operator: str, reader: Reader) -> None:
    """Take out limits that are not finite: WATS cannot store them, and they compare nothing."""
    limits = {}
    for key in ("lowLimit", "highLimit"):
        value = measured.pop(key, None)
        limits[key] = None if isinstance(value, str) else value
    if operator in operators.OPERATORS:
        operator, low, high = operators.weakened(operator, limits["lowLimit"], limits["highLimit"])
        limits = {"lowLimit": low, "highLimit": high}
        measured["compOp"] = operator
    measured.update({key: value for key, value in limits.items() if value is not None})
    reader.note(element, "LowLimit", "a limit that is not finite is no limit and is not sent")


def _boolean(element: Element, step: dict[str, Any], reader: Reader) -> None:
    step.setdefault("booleanMeas", []).append(reader.attributes(element, tables.BOOLEAN))


def _string(element: Element, step: dict[str, Any], reader: Reader) -> None:
    measured = {"compOp": "LOG", **reader.attributes(element, tables.STRING)}
    step.setdefault("stringMeas", []).append(measured)


def _text(element: Element, step: dict[str, Any], _reader: Reader) -> None:
    if element.text:
        step["reportText"] = (
            f"{step['reportText']}\n{element.text}" if "reportText" in step else (element.text)
        )


def _loop(element: Element, step: dict[str, Any], reader: Reader) -> None:
    members = reader.attributes(element, tables.LOOP)
    if members:
        none = dict.fromkeys(("idx", "num", "endingIndex", "passed", "failed"))
        step["loop"] = {**none, **members}


def _popup(element: Element, step: dict[str, Any], reader: Reader) -> None:
    step["messagePopup"] = reader.attributes(element, tables.POPUP)


def _exe(element: Element, step: dict[str, Any], reader: Reader) -> None:
    step["callExe"] = reader.attributes(element, tables.EXE)


def _attachment(element: Element, step: dict[str, Any], reader: Reader) -> None:
    attachment = reader.attributes(element, tables.ATTACHMENT)
    if data := "".join(element.text.split()):
        attachment["data"] = data
    _single(step, "attachment", attachment, element, reader)


def _single(
    step: dict[str, Any], key: str, value: dict[str, Any], element: Element, reader: Reader
) -> None:
    if key in step:
        reader.note(element, "", f"a step holds one {key} in WSJF; the second is not sent")
    else:
        step[key] = value


def _chart(element: Element, step: dict[str, Any], reader: Reader) -> None:
    """A chart; in WRML its head, one of its curves, or either part of an attachment."""
    if element.get("PlotName") is not None or element.child("Data") is not None:
        _curve(element, step, reader)
    elif element.get("ChartType") == "ATTACHMENT":
        _single(step, "attachment", {"name": element.get("Label") or ""}, element, reader)
    else:
        chart = {**reader.attributes(element, tables.CHART), "series": []}
        for series in element.named("Series"):
            members = reader.attributes(series, tables.SERIES)
            for child, key in (("xdata", "xdata"), ("ydata", "ydata")):
                if (data := series.child(child)) is not None:
                    members[key] = "".join(data.text.split())
            chart["series"].append(members)
        _single(step, "chart", chart, element, reader)


def _curve(element: Element, step: dict[str, Any], reader: Reader) -> None:
    data = "".join(child.text for child in element.named("Data"))
    data = "".join(data.split())
    name = element.get("PlotName") or ""
    if "attachment" in step:
        step["attachment"] |= {"contentType": name, "data": data}
    elif "chart" in step:
        x, y = _points(element, data, reader)
        series = {"dataType": "XYG", "name": name, "xdata": joined(x), "ydata": joined(y)}
        step["chart"]["series"].append(series)
    else:
        raise reader.refusal(element, f'the curve "{name}" belongs to no chart')


def _points(
    element: Element, data: str, reader: Reader
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """WRML holds a curve as pairs of little-endian doubles in Base64."""
    try:
        raw = base64.b64decode(data, validate=True)
        values = struct.unpack(f"<{len(raw) // 16 * 2}d", raw)
    except (binascii.Error, struct.error):
        raise reader.refusal(element, "its Data is not Base64 of pairs of doubles") from None
    return values[::2], values[1::2]


def _additional(element: Element, step: dict[str, Any], reader: Reader) -> None:
    step.setdefault("additionalResults", []).append(additional(element, reader))


def additional(element: Element, reader: Reader) -> dict[str, Any]:
    """AdditionalResults or AdditionalData: free XML as named properties."""
    return {
        "name": element.get("Name") or "",
        "props": [_property(child, reader) for child in element.children],
    }


def _property(element: Element, reader: Reader) -> dict[str, Any]:
    members = {"name": element.name, **reader.attributes(element, tables.PROPERTY)}
    value = element.child("Value")
    inner = [child for child in element.children if child is not value]
    members.setdefault("type", "Obj" if inner else "String")
    if inner:
        members["props"] = [_property(child, reader) for child in inner]
    else:
        members["value"] = (value or element).text
    return members


_ADDERS: Final = {
    "SequenceCall": _sequence,
    "NumericLimit": _numeric,
    "PassFail": _boolean,
    "StringValue": _string,
    "ReportText": _text,
    "Loop": _loop,
    "MessagePopup": _popup,
    "Callexe": _exe,
    "Attachment": _attachment,
    "AdditionalResults": _additional,
}

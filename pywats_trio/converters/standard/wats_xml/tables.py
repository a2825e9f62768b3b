"""Which attribute of a step's elements in WSXF and WRML is which member in WSJF.

The names are those of the WATS client's published schema classes and of exports of WATS servers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.converters.standard.wats_xml.values import (
    boolean,
    group,
    number,
    status,
    text,
    word,
)

if TYPE_CHECKING:
    from pywats_trio.converters.standard.wats_xml.values import Table

PLACES: Final[Table] = {"StepID": None, "MeasIndex": None, "MeasOrderNumber": None}
STEP: Final[Table] = {
    "Id": ("id", number),
    "StepID": ("id", number),
    "Group": ("group", group),
    "StepType": ("stepType", text),
    "Name": ("name", text),
    "Status": ("status", status),
    "Start": ("start", word),
    "total_time": ("totTime", number),
    "total_timeFormat": ("totTimeFormat", word),
    "StepErrorCode": ("errorCode", number),
    "StepErrorCodeFormat": ("errorCodeFormat", word),
    "StepErrorMessage": ("errorMessage", word),
    "TSGuid": ("tsGuid", word),
    "StepCausedUUTFailure": ("causedUUTFailure", boolean),
    "StepCausedSequenceFailure": ("causedSeqFailure", boolean),
    "InteractiveExeNum": ("interactiveExeNum", number),
    "InteractiveExeNumFormat": ("interactiveExeNumFormat", word),
    "ParentStepID": None,
    "StepIndex": None,
    "Idx": None,
    "module_time": None,
}
SEQUENCE: Final[Table] = {
    "Filepath": ("path", text),
    "Name": ("name", text),
    "Version": ("version", text),
    "Filename": None,
    **PLACES,
}
NUMERIC: Final[Table] = {
    "CompOperator": ("compOp", word),
    "Name": ("name", word),
    "Status": ("status", status),
    "Units": ("unit", word),
    "NumericValue": ("value", number),
    "LowLimit": ("lowLimit", number),
    "HighLimit": ("highLimit", number),
    "NumericValueFormat": ("valueFormat", word),
    "LowLimitFormat": ("lowLimitFormat", word),
    "HighLimitFormat": ("highLimitFormat", word),
    **PLACES,
}
BOOLEAN: Final[Table] = {"Name": ("name", word), "Status": ("status", status), **PLACES}
STRING: Final[Table] = {
    "CompOperator": ("compOp", word),
    "Name": ("name", word),
    "Status": ("status", status),
    "StringValue": ("value", text),
    "StringLimit": ("limit", text),
    **PLACES,
}
LOOP: Final[Table] = {
    "index": ("idx", number),
    "num": ("num", number),
    "ending_index": ("endingIndex", number),
    "passed": ("passed", number),
    "failed": ("failed", number),
    "StepID": None,
}
POPUP: Final[Table] = {
    "Response": ("response", word),
    "Button": ("button", number),
    "ButtonFormat": ("buttonFormat", word),
    **PLACES,
}
EXE: Final[Table] = {
    "ExitCode": ("exitCode", number),
    "ExitCodeFormat": ("exitCodeFormat", word),
    **PLACES,
}
CHART: Final[Table] = {
    "ChartType": ("chartType", word),
    "Label": ("label", text),
    "XLabel": ("xLabel", text),
    "XUnit": ("xUnit", text),
    "YLabel": ("yLabel", text),
    "YUnit": ("yUnit", text),
    "PlotName": None,
    "DataType": None,
    "idx": None,
    "StepID": None,
}
SERIES: Final[Table] = {"DataType": ("dataType", word), "Name": ("name", text)}
ATTACHMENT: Final[Table] = {
    "Name": ("name", text),
    "ContentType": ("contentType", word),
    "Size": None,
    "StepID": None,
    "idx": None,
}
PROPERTY: Final[Table] = {
    "Name": ("name", text),
    "Type": ("type", word),
    "Flags": ("flags", number),
    "Comment": ("comment", word),
    "NumFmt": ("numFormat", word),
}

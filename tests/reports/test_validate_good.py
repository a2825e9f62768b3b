"""Reports that a server takes, or took: none of them may have a finding that is an error."""

from __future__ import annotations

import importlib
from functools import cache
from typing import TYPE_CHECKING, Final

import pytest

from pywats_trio.converters.api import Reject, Station
from pywats_trio.converters.registry import FORMATS, STANDARD
from pywats_trio.reports.model import InvalidReport
from pywats_trio.reports.report import Report
from tests import samples
from tests.reports.examples import as_bytes, sequence, step, uur, uut

if TYPE_CHECKING:
    from pywats_trio.converters.api import Converter
    from tests.samples import Sample

STATION: Final = Station("S1", "L1", "P1")
WITH_ERRORS: Final = {
    "hostile/long-name.json": "5000 characters, WATS keeps 100",
    "wats-text/flying-probe.txt": "two measurements have the same name",
    "atml/fat-2.02.xml": " characters, WATS keeps ",
    "atml/fat-ts2021.xml": " characters, WATS keeps ",
}
"""Samples that are about it, one of the vendor's that names several measurements alike, and tests
of everything that TestStand can write, however long."""

EVERY_KIND: Final = [
    step(group="S", status="D", totTime=0.5),
    step(stepType="ET_NLT", numericMeas=[{"compOp": "GELE", "value": 1, "lowLimit": 0,
                                         "highLimit": 2, "status": "P", "unit": "V"}]),
    step(stepType="ET_NLT", status="F", causedUUTFailure=True, errorMessage="too high",
         numericMeas=[{"compOp": "LE", "status": "F", "value": 1.2e-05, "lowLimit": 1e-05}]),
    step(stepType="ET_MNLT", numericMeas=[{"compOp": "LOG", "name": "a", "value": 5.02},
                                          {"compOp": "EQ", "name": "b", "value": 2,
                                           "lowLimit": 2}]),
    step(stepType="ET_PFT", booleanMeas=[{"status": "P"}]),
    step(stepType="ET_MPFT", booleanMeas=[{"name": "a", "status": "P"},
                                          {"name": "b", "status": "S"}]),
    step(stepType="ET_SVT", stringMeas=[{"compOp": "CASESENSIT", "value": "1", "limit": "1"}]),
    step(stepType="ET_MSVT", stringMeas=[{"compOp": "LOG", "name": "a", "value": "x"},
                                         {"compOp": "IGNORECASE", "name": "b", "value": "y",
                                          "limit": "Y"}]),
    sequence(step(
        stepType="WATS_XYGMNLT", numericMeas=[{"compOp": "LOG", "value": 2.5, "status": "P"}],
        chart={"chartType": "LineLogX", "label": "Gain", "xLabel": "f", "xUnit": "Hz",
               "yLabel": "g", "yUnit": "dB",
               "series": [{"dataType": "XYG", "name": "m", "xdata": "10;100",
                           "ydata": "2.4;2.6"}]})),
    step(loop={"idx": None, "num": 2, "endingIndex": 2, "passed": 2, "failed": 0}),
    step(loop={"idx": 0, "num": None, "endingIndex": None, "passed": None, "failed": None}),
    step(stepType="MessagePopup", messagePopup={"response": "yes", "button": 1}),
    step(stepType="CallExecutable", callExe={"exitCode": 0}),
    step(group="C", stepType="WATS_AttachFile",
         attachment={"name": "log.txt", "contentType": "text/plain", "data": "b2s="}),
    step(group="C", stepType="NI_Wait", status="S", reportText="line 1\nline 2",
         additionalResults=[{"name": "Env", "props": [
             {"name": "T", "type": "Number", "value": "21.5"}]}]),
]  # fmt: skip
"""As in the WATS documentation, one of each."""


def test_a_report_with_every_kind_of_step_has_no_findings() -> None:
    report = uut(
        result="F",
        uut={"user": "op", "comment": "c", "execTime": 12.5, "testSocketIndex": -1, "errorCode": 0},
        miscInfos=[{"description": "Firmware", "text": "1"}, {"description": "Nest", "numeric": 3}],
        subUnits=[{"partType": "PCBA", "pn": "PN-9", "rev": "B", "sn": "SN-9", "idx": 0}],
        assets=[{"assetSN": "DMM-7", "usageCount": 1}],
        root=sequence(*EVERY_KIND, status="F", totTime=12.5, start="2026-01-30T10:00:00.25+01:00"),
    )
    assert Report(report).findings == ()
    assert [one.findings for one in Report.from_bytes(as_bytes(report))] == [()]


def test_a_whole_repair_has_no_findings() -> None:
    failure = {"category": "Component", "code": "Defect", "comRef": "U1", "refStepId": 3}
    main = {"idx": 0, "partType": "Main", "pn": "PN-1", "sn": "SN-2", "failures": [failure]}
    report = uur(
        uur={
            "user": "rep",
            "processCode": 10,
            "refUUT": "0b9f6c1e-2f5b-4a7e-9d55-4f2f3a1c0002",
            "confirmDate": "2026-01-31T07:05:00Z",
            "finalizeDate": "2026-01-31T07:20:00Z",
            "execTime": 1200,
            "active": True,
        },
        miscInfos=[],
        binaryData=[],
        subUnits=[main, {**main, "idx": 1, "parentIdx": 0, "failures": None}],
    )
    assert Report(report).findings == ()


@cache
def converter_of(name: str) -> Converter:
    module, _, attribute = STANDARD[name].partition(":")
    made: Converter = getattr(importlib.import_module(module), attribute)()
    return made


def errors(sample: Sample) -> set[str]:
    """What is said of the reports of a sample, as they are sent."""
    converter = converter_of(sample.expected["converter"])
    source = sample.source(converter)
    try:
        reports = samples.convert_source(converter, source, sample.arguments, STATION)
    except (Reject, InvalidReport):
        return set()
    found = [one for report in reports for one in Report.from_bytes(report.body)]
    return {f.message for one in found for f in one.findings if f.severity == "error"}


@pytest.mark.parametrize("name", FORMATS)
def test_samples_that_are_converted_have_no_errors(name: str) -> None:
    folders = (name, "hostile", "auto", "other")
    every = [sample for folder in folders for sample in samples.samples(folder)]
    tried = [one for one in every if one.expected["converter"] == name and not one.refused]
    assert tried
    found = {sample.name: wrong for sample in tried if (wrong := errors(sample))}
    assert found.keys() <= WITH_ERRORS.keys()
    assert all(WITH_ERRORS[name] in why for name, wrong in found.items() for why in wrong)

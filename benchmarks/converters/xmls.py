"""How our samples of each XML format are blown up; see `catalogue`."""

from __future__ import annotations

from typing import Final

from benchmarks.converters.inputs import Input
from benchmarks.converters.shapes import Shape

LATIN: Final = "iso-8859-1"

XMLS: Final = (
    Input(
        "wats-xml",
        "wats-xml",
        "wats-xml/two-reports.xml",
        Shape(
            unit=("  <Report ", '  <Report type="UUT" ID="6486'),
            rows=('\n      <Step Group="Main"', "\n    </Step>\n"),
            serials=("FD354D34-4FE4-5FF0-9120-D44802D278C0", "XS-0001"),
            names=("3V3 rail",),
            tail="</Reports>",
        ),
        "xml",
    ),
    Input(
        "atml",
        "atml",
        "atml/controller-5.00.xml",
        Shape(
            unit=("<trc:TestResults ", "</trc:TestResultsCollection>"),
            rows=('\t\t<tr:Test ID = "22"', "\t</tr:ResultSet>"),
            serials=("0d3c5a10-1111-4a4a-8c8c-000000000500", "AT-0500"),
            names=("Ripple", "Bus test", "Open bus", "Ask"),
        ),
        "xml",
        LATIN,
    ),
    Input(
        "seica-xml",
        "seica-xml",
        "seica-xml/two-boards.xml",
        Shape(
            unit=(" <BI ", ' <BI BC="2"'),
            rows=("  <TEST ", " </BI>"),
            serials=("SE-0001",),
            names=("N1-N2", '"R1', '"R2', '"C1'),
            tail=" <ET ",
        ),
        "xml",
        LATIN,
    ),
    Input(
        "keysight-testexec-sl",
        "keysight-testexec-sl",
        "keysight-testexec-sl/failed.xml",
        Shape(
            unit=("  <TestSequence>", "  <Summary>"),
            rows=("    <TestGroup ", '    <Test name="Temperature"'),
            names=('"Power', '"Rails', '"Inrush'),
            alone=True,
        ),
        "xml",
    ),
    Input(
        "sigmaquest",
        "sigmaquest",
        "sigmaquest/two-units.xml",
        Shape(
            unit=(" <UnitReport ", ' <UnitReport start-time="2026-03-02T10:01:00Z">'),
            rows=("   <Result>", "  </TestRun>"),
            serials=("SQ-0002",),
            names=('"Flow',),
            tail="</UnitReports>",
        ),
        "xml",
    ),
    Input(
        "saki-aoi",
        "saki-aoi",
        "saki-aoi/boards.xml",
        Shape(
            unit=("  <Image ", "  <Image barcode"),
            rows=("        <Reference", "      </Failed>"),
            serials=("SK-0011", 'id="'),
            names=('"D4',),
            tail="</Panel>",
        ),
        "xml",
        arguments={"date_format": "%d/%m/%Y", "part_number": "PCBA-310"},
    ),
    Input(
        "teststand-xml",
        "teststand-xml",
        "teststand-xml/one-step.xml",
        Shape(
            unit=("<Report Type='UUT'", "</Reports>"),
            rows=("\t\t\t\t<Value ID='[0]'>", "\t\t\t</Prop>\n\t\t\t<Prop Name='SequenceFile'"),
            serials=("LAMP-0001",),
            names=("Brightness",),
        ),
        "xml",
        LATIN,
    ),
)

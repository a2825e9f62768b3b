"""How our samples of each format of lines, rows or objects are blown up; see `catalogue`."""

from __future__ import annotations

from typing import Final

from benchmarks.converters.inputs import Folder, Input, Zipped
from benchmarks.converters.shapes import Shape

TEXTS: Final = (
    Input(
        "wats-json",
        "wats-json",
        "wats-json/mixed.json",
        Shape(
            unit=("{", ""),
            rows=('   {\n    "group": "S"', '   {\n    "group": "C"'),
            serials=("0fa2bf2b-d1a8-5465-bc01-7afd783a8e72", "SN-0002"),
            names=("Warm up", "Open fixture", "Power", "Firmware", "Relay", "RF power", "Wait"),
            joint=",\n",
            before="[\n",
            after="]\n",
        ),
        "json",
    ),
    Input(
        "wats-text",
        "wats-text",
        "wats-text/two-units.txt",
        Shape(
            unit=("--Header-Start--", "--Header-Start--"),
            rows=("NumericLimitTest", "--Step-Data-End--"),
            serials=("TX-0001",),
            names=("3V3 rail",),
            tail="",
        ),
        "tabs",
    ),
    Input(
        "csv",
        "csv",
        "csv/simple.csv",
        Shape(
            unit=("CS-0001", ""),
            rows=("CS-0001", ""),
            serials=("CS-0001",),
            names=("3V3 rail", "5V rail", "Sleep current"),
        ),
        "csv",
    ),
    Input(
        "spea",
        "spea",
        "spea/panel.txt",
        Shape(
            unit=("START;", ""),
            rows=("ANL;1;R", "SN;"),
            serials=("SPEA-77-A", "SPEA-77-B"),
            names=("R[R5]", "U7", "Supply current"),
        ),
        "semicolons",
        reports=2,
    ),
    Input(
        "teradyne-ict: GR228X",
        "teradyne-ict",
        "teradyne-ict/gr228x-two-programs.log",
        Shape(
            unit=("@09-Feb-26  07:02:10", "@09-Feb-26  07:03:00"),
            rows=("R10=", "U7_BUS="),
            serials=("ICT-TR-1001",),
            names=("R10", "R11", "C3", "C4", "VCC", "ICC", "F1"),
            tail="",
        ),
        "lines",
    ),
    Input(
        "teradyne-ict: i3070",
        "teradyne-ict",
        "teradyne-ict/i3070-panel.log",
        Shape(
            unit=("{@BTEST|IC-0001", "{@BTEST|IC-0002"),
            rows=("{@BLOCK|r1", "{@BLOCK|1%d5"),
            serials=("IC-0001",),
            names=("|r1",),
            tail="",
            after="}\n",
        ),
        "bars",
    ),
    Input(
        "teradyne-spectrum-ict",
        "teradyne-spectrum-ict",
        "teradyne-spectrum-ict/failed.txt",
        Shape(
            unit=("(PROGRAM_NAME", ""),
            rows=("(STEP:", "    (USER:"),
            serials=("SP-0001",),
            names=('"R1', '"R2'),
        ),
        "lines",
    ),
    Input(
        "takaya",
        "takaya",
        "takaya/panel.ATD",
        Shape(
            unit=("* GROUP No.1 ", "* GROUP No.2 "),
            rows=("000101 ", ""),
            serials=("LC-0001",),
            names=('"R10', '"C3*', '"D2', '"U3', '"Q1', '"J1'),
            tail="* GROUP No.3",
            counted=r"(?m)^\d{6}(?= )",
        ),
        "lines",
    ),
    Input(
        "soundcheck",
        "soundcheck",
        "soundcheck/results.txt",
        Shape(
            unit=("SC-0101", "SC-0102"),
            rows=("SC-0101", ""),
            serials=("SC-0101",),
            names=("Ave Level", "Impedance margin"),
            tail="",
        ),
        "tabs",
    ),
    Zipped(
        "xjtag",
        "xjtag",
        "xjtag/two-runs.xjlog",
        Shape(
            unit=("<?xml", ""),
            rows=("  <testgroup", "  <summary>"),
            serials=("LC-26-0101",),
            names=("CheckChain", "CONNTEST", "U3.Test"),
        ),
        "zip",
    ),
    Folder(
        "klippel",
        "klippel",
        "klippel/DUT LS-7.1 2026-03-04 08-30-05-2 UTC+0100.txt",
        Shape(unit=("\n", ""), rows=("\n", ""), alone=True),
        "folder",
    ),
)

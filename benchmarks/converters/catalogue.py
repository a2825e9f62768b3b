"""All inputs: each format with several units a file and, where that compares, with one."""

from __future__ import annotations

from typing import Final

from attrs import evolve

from benchmarks.converters.inputs import Input
from benchmarks.converters.shapes import Shape
from benchmarks.converters.texts import TEXTS
from benchmarks.converters.xmls import XMLS

_SEVERAL: Final = tuple(sorted((*TEXTS, *XMLS), key=lambda one: one.name))
_FIRST_ONLY: Final = frozenset({"csv", "seica-xml", "wats-text", "wats-xml", "xjtag"})
"""Where pyWATS makes one report of a file, however many are in it: only files of one compare."""


def _of_one(input_: Input) -> Input:
    shape = evolve(input_.shape, alone=True)
    return evolve(input_, name=f"{input_.name}: one report", shape=shape)


_ONE: Final = (
    *(_of_one(one) for one in _SEVERAL if one.type in _FIRST_ONLY),
    Input(
        "wats-json: one report",
        "wats-json",
        "wats-json/mixed.json",
        Shape(
            unit=("{", ""),
            rows=('   {\n    "group": "S"', '   {\n    "group": "C"'),
            names=("Warm up", "Open fixture", "Power", "Firmware", "Relay", "RF power", "Wait"),
            alone=True,
        ),
        "json",
    ),
    Input(
        "spea: one report",
        "spea",
        "spea/ddmm.txt",
        Shape(
            unit=("START;", ""),
            rows=("ANL;1;R1", "SN;"),
            names=("R1", "C1", "J1", "LED visual"),
            alone=True,
        ),
        "semicolons",
    ),
)

INPUTS: Final = tuple(sorted((*_SEVERAL, *_ONE), key=lambda one: one.name))

"""The converters that come with pyWATS, run by our workers on the sample files: a table.

Run with an interpreter that has `pywats-api`, and with the samples where they are at hand:

    PYWATS_TRIO_SAMPLES=/path/to/samples python -m tests.pywats.standard_set
"""

from __future__ import annotations

import importlib.util
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio
from attrs import frozen

from pywats_trio.config.options import WorkerOptions
from pywats_trio.convert.trial import Attempt, Bench, Refused, at_bench, describe
from pywats_trio.converters.api import Station
from pywats_trio.errors import ConfigError
from pywats_trio.model import content
from tests.samples import REAL, Sample, disagreements, samples

if TYPE_CHECKING:
    from collections.abc import Mapping

STANDARD: Final = "pywats_client.converters.standard"
CLASSES: Final[Mapping[str, tuple[str, str]]] = {
    "WATSStandardTextConverter": (f"{STANDARD}.wats_standard_text_converter", "wats-text"),
    "WATSStandardXMLConverter": (f"{STANDARD}.wats_standard_xml_converter", "wats-xml"),
    "WATSStandardJsonConverter": (f"{STANDARD}.wats_standard_json_converter", "wats-json"),
    "SPEAConverter": (f"{STANDARD}.spea_converter", "spea"),
    "ATMLConverter": (f"{STANDARD}.atml_converter", "atml"),
    "KlippelConverter": (f"{STANDARD}.klippel_converter", "klippel"),
    "XJTAGConverter": (f"{STANDARD}.xjtag_converter", "xjtag"),
    "SeicaXMLConverter": (f"{STANDARD}.seica_xml_converter", "seica-xml"),
    "KeysightTestExecSLConverter": (
        f"{STANDARD}.keysight_testexec_sl_converter",
        "keysight-testexec-sl",
    ),
    "TeradyneICTConverter": (f"{STANDARD}.teradyne_ict_converter", "teradyne-ict"),
    "TeradyneSpectrumICTConverter": (
        f"{STANDARD}.teradyne_spectrum_ict_converter",
        "teradyne-spectrum-ict",
    ),
    "AIConverter": (f"{STANDARD}.ai_converter", "auto"),
    "CSVConverter": ("pywats_client.converters.base", "csv"),
    "CSVTestConverter": ("pywats_client.converters.example_csv", "csv"),
}
"""Class to its module and the folder of the samples of its format."""

OPTIONS: Final = WorkerOptions(timeout_seconds=30.0)
STATION: Final = Station("STATION-1", "Hall 2", "Production")
INSTALLED: Final = importlib.util.find_spec("pywats_client") is not None
ABSENT: Final = "pywats-api is not installed"


def type_of(name: str) -> str:
    """What the configuration says to run one of `CLASSES`."""
    return f"pywats:{CLASSES[name][0]}:{name}"


@frozen
class Outcome:
    """What became of one file."""

    sample: Sample
    reports: tuple[bytes, ...] = ()
    why: str = ""
    """Why there is no report."""

    @property
    def wrong(self) -> list[str]:
        """What the reports show otherwise than they should."""
        made = [json.loads(body) for body in self.reports]
        return disagreements(made, self.sample.expected)

    def __str__(self) -> str:
        if self.why:
            return f"no report: {self.why}"
        count = f"{len(self.reports)} report{'s' * (len(self.reports) != 1)}"
        if self.sample.refused:
            return f"{count}, though there should be none"
        wrong = self.wrong
        return f"{count}, {len(wrong)} facts wrong: {wrong[0]}" if wrong else f"{count}, right"


async def run_class(bench: Bench, name: str) -> list[Outcome]:
    """Each sample of its format through one of `CLASSES`."""
    return [await _run(bench, name, sample) for sample in _shared(CLASSES[name][1])]


def _shared(folder: str) -> list[Sample]:
    """Those of the folder that is named; ours beside them are for our converters."""
    return [s for s in samples(folder) if Path(REAL, folder, s.path.name).is_file()]


async def _run(bench: Bench, name: str, sample: Sample) -> Outcome:
    attempt = Attempt(sample.path, type_of(name), station=STATION)
    try:
        trial = await bench.convert(attempt)
    except Refused as refused:
        return Outcome(sample, why=refused.why)
    return Outcome(sample, tuple(content(report.body) for report in trial.reports))


async def show() -> None:
    """The table."""
    for name in CLASSES:
        try:
            about = await describe(type_of(name), OPTIONS)
        except ConfigError as error:
            print(f"{name}: does not load: {error}")  # noqa: T201 - a script
            continue
        print(f"{name} {about.version}: {', '.join(about.arguments)}")  # noqa: T201
        for outcome in await at_bench(OPTIONS, partial(run_class, name=name)):
            print(f"    {outcome.sample.path.name}: {outcome}"[:200])  # noqa: T201


if __name__ == "__main__":
    if not INSTALLED:
        sys.exit(ABSENT)
    trio.run(show)

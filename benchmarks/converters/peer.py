"""A standard converter of pyWATS by itself, without the adapter and the worker of ours."""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.converters.contestant import Do

STANDARD: Final = "pywats_client.converters.standard"
CLASSES: Final = {
    "wats-json": (f"{STANDARD}.wats_standard_json_converter", "WATSStandardJsonConverter"),
    "wats-xml": (f"{STANDARD}.wats_standard_xml_converter", "WATSStandardXMLConverter"),
    "wats-text": (f"{STANDARD}.wats_standard_text_converter", "WATSStandardTextConverter"),
    "csv": ("pywats_client.converters.example_csv", "CSVTestConverter"),
    "atml": (f"{STANDARD}.atml_converter", "ATMLConverter"),
    "klippel": (f"{STANDARD}.klippel_converter", "KlippelConverter"),
    "xjtag": (f"{STANDARD}.xjtag_converter", "XJTAGConverter"),
    "spea": (f"{STANDARD}.spea_converter", "SPEAConverter"),
    "seica-xml": (f"{STANDARD}.seica_xml_converter", "SeicaXMLConverter"),
    "keysight-testexec-sl": (
        f"{STANDARD}.keysight_testexec_sl_converter",
        "KeysightTestExecSLConverter",
    ),
    "teradyne-ict": (f"{STANDARD}.teradyne_ict_converter", "TeradyneICTConverter"),
    "teradyne-spectrum-ict": (
        f"{STANDARD}.teradyne_spectrum_ict_converter",
        "TeradyneSpectrumICTConverter",
    ),
}
"""The converter of a format, by the id of ours; for the others there is none."""


def converter(type_: str) -> Do:
    """The class of the same format, with its own defaults for all arguments."""
    logging.disable()
    # As published the package loads a GUI toolkit with its first import; a converter needs none.
    for package in ("pywats_client", "pywats_client.core"):
        _without_init(package)
    module, name = CLASSES[type_]
    made: Any = getattr(importlib.import_module(module), name)()
    models: Any = importlib.import_module("pywats_client.converters.models")
    contexts: Any = importlib.import_module("pywats_client.converters.context")

    def do(path: Path, _arguments: Mapping[str, Any]) -> int:
        context = contexts.ConverterContext(drop_folder=path.parent, station_name="STATION-1")
        result = made.convert(models.ConverterSource.from_file(path), context)
        if result.status is not models.ConversionStatus.SUCCESS:
            raise RuntimeError(result.error or result.suspend_reason or result.status.value)
        return sum(1 for report in _flat(result.get_all_reports()) if _sent(report))

    return do


def _without_init(package: str) -> None:
    root, _, inner = package.partition(".")
    # Not `find_spec` of the inner one, which would import the outer.
    found = sys.modules.get(root) or importlib.util.find_spec(root)
    folders = getattr(found, "__path__", None) or getattr(found, "submodule_search_locations", None)
    if not folders:
        raise ModuleNotFoundError("pywats-api is not installed")
    sys.modules[package] = module = ModuleType(package)
    module.__path__ = [f"{folder}/{inner}".rstrip("/") for folder in folders]


def _flat(reports: Any) -> Iterator[Any]:  # noqa: ANN401 - some converters put lists into lists
    for report in reports:
        if isinstance(report, list):
            yield from _flat(report)
        else:
            yield report


def _sent(report: Any) -> str:  # noqa: ANN401 - a mapping or a pydantic model
    """As pyWATS writes it before it is sent."""
    if hasattr(report, "model_dump_json"):
        return str(report.model_dump_json(by_alias=True, exclude_none=True))
    return json.dumps(report, default=str)

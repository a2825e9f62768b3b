"""Stands in for `pywats_client.converters.models`."""

from __future__ import annotations

from pywats_trio.converters.pywats.shims.enums import (
    ArgumentType,
    ConversionStatus,
    ConverterType,
    PostProcessAction,
    SourceType,
)
from pywats_trio.converters.pywats.shims.records import (
    ArgumentDefinition,
    ConversionRecord,
    FailureRecord,
)
from pywats_trio.converters.pywats.shims.results import ConverterResult, ValidationResult
from pywats_trio.converters.pywats.shims.sources import ConverterSource, FileInfo

__all__ = [
    "ArgumentDefinition",
    "ArgumentType",
    "ConversionRecord",
    "ConversionStatus",
    "ConverterResult",
    "ConverterSource",
    "ConverterType",
    "FailureRecord",
    "FileInfo",
    "PostProcessAction",
    "SourceType",
    "ValidationResult",
]

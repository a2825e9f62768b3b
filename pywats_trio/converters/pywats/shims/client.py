"""Stands in for the package `pywats_client` itself: what it re-exports for converters."""

from __future__ import annotations

from pywats_trio.converters.pywats.shims.base import (
    ConversionStatus,
    ConverterArguments,
    ConverterBase,
    ConverterResult,
    CSVConverter,
    FileInfo,
    PostProcessAction,
)
from pywats_trio.converters.pywats.shims.exceptions import (
    ClientError,
    ConverterConfigError,
    ConverterError,
    FileAccessError,
    FileFormatError,
)

__path__: list[str] = []
"""A package, whose parts all stand in `sys.modules`."""

__all__ = [
    "CSVConverter",
    "ClientError",
    "ConversionStatus",
    "ConverterArguments",
    "ConverterBase",
    "ConverterConfigError",
    "ConverterError",
    "ConverterResult",
    "FileAccessError",
    "FileFormatError",
    "FileInfo",
    "PostProcessAction",
]

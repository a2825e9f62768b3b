"""What authors of converters import, and the converters that come with the package."""

from pywats_trio.converters.api import (
    Argument,
    Context,
    Converter,
    FolderConverter,
    FolderSource,
    Reject,
    Retry,
    Source,
    Station,
)
from pywats_trio.reports.report import Report

__all__ = [
    "Argument",
    "Context",
    "Converter",
    "FolderConverter",
    "FolderSource",
    "Reject",
    "Report",
    "Retry",
    "Source",
    "Station",
]

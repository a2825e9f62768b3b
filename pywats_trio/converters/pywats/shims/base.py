"""Stands in for `pywats_client.converters.base`, the older generation of converters."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pywats_trio.converters.pywats.shims.enums import ConversionStatus, PostProcessAction
from pywats_trio.converters.pywats.shims.results import ConverterResult
from pywats_trio.converters.pywats.shims.sources import FileInfo

if TYPE_CHECKING:
    from pywats_trio.converters.pywats.shims.conversion_log import ConversionLog

__all__ = [
    "CSVConverter",
    "ConversionStatus",
    "ConverterArguments",
    "ConverterBase",
    "ConverterResult",
    "FileInfo",
    "PostProcessAction",
]

logger = logging.getLogger(__name__)


@dataclass
class ConverterArguments:
    """What a converter may know besides its file."""

    api_client: Any
    file_info: FileInfo
    drop_folder: Path
    done_folder: Path
    error_folder: Path
    user_settings: dict[str, Any] = field(default_factory=dict)
    conversion_log: ConversionLog | None = None


class ConverterBase(ABC):
    """The base of converters of the older generation."""

    def __init__(self, priority: int = 5) -> None:
        self.user_settings: dict[str, Any] = {}
        self.priority = priority
        self.source_path: Path | None = None
        self.trusted_mode = False

    @property
    @abstractmethod
    def name(self) -> str:
        """What people call it."""

    @property
    def version(self) -> str:
        """Its version."""
        return "1.0.0"

    @property
    def description(self) -> str:
        """What it does."""
        return ""

    @property
    def supported_extensions(self) -> list[str]:
        """Such as `.csv`; `*` for any."""
        return ["*"]

    @property
    def supported_mime_types(self) -> list[str]:
        """Such as `text/csv`; empty for any."""
        return []

    def validate_file(self, file_info: FileInfo) -> tuple[bool, str]:
        """Whether it takes a file, else also why not."""
        extensions = [extension.lower() for extension in self.supported_extensions]
        if extensions and "*" not in extensions and file_info.extension.lower() not in extensions:
            return False, f"Unsupported file extension: {file_info.extension.lower()}"
        types = self.supported_mime_types
        if types and file_info.file_type and file_info.file_type not in types:
            return False, f"Unsupported MIME type: {file_info.file_type}"
        return True, ""

    @abstractmethod
    def convert_file(self, file_path: Path, args: ConverterArguments) -> ConverterResult:
        """The reports of the file."""

    def on_success(
        self, file_path: Path, result: ConverterResult, args: ConverterArguments
    ) -> None:
        """Called after a conversion that succeeded."""

    def on_failure(
        self, file_path: Path, result: ConverterResult, args: ConverterArguments
    ) -> None:
        """Called after a conversion that failed."""

    def validate_report(self, report: dict[str, Any]) -> list[str]:
        """What is missing in a report of pyWATS's own words (WSJF has others)."""
        return [
            f"Missing required field: {key}"
            for key in ("partNumber", "serialNumber", "result")
            if not report.get(key)
        ]

    def get_arguments(self) -> dict[str, Any]:
        """The declarations of its arguments, each a mapping (`type`, `default`, …)."""
        return {}


_PASSED = frozenset({"pass", "passed", "p", "ok"})
_SIZES = range(10, 10 * 1024 * 1024 + 1)


class CSVConverter(ConverterBase):
    """The example of pyWATS: the first row of a CSV file.

    Its report is no WSJF (`partNumber` for `pn`), so it is refused unless a subclass mends it.
    """

    def __init__(
        self,
        delimiter: str = ",",
        encoding: str = "utf-8",
        skip_header: bool = True,
        part_number_column: int = 0,
        serial_number_column: int = 1,
        result_column: int = 2,
    ) -> None:
        super().__init__()
        self.delimiter = delimiter
        self.encoding = encoding
        self.skip_header = skip_header
        self.part_number_column = part_number_column
        self.serial_number_column = serial_number_column
        self.result_column = result_column

    @property
    def name(self) -> str:
        """What people call it."""
        return "CSV Converter"

    @property
    def version(self) -> str:
        """Its version."""
        return "2.0.0"

    @property
    def supported_extensions(self) -> list[str]:
        """CSV and text."""
        return [".csv", ".txt"]

    @property
    def supported_mime_types(self) -> list[str]:
        """CSV and text."""
        return ["text/csv", "text/plain"]

    def validate_file(self, file_info: FileInfo) -> tuple[bool, str]:
        """As the base class, and 10 bytes to 10 MiB."""
        valid, reason = super().validate_file(file_info)
        if valid and file_info.size not in _SIZES:
            small = file_info.size < _SIZES.start
            return False, "File too small, likely empty" if small else "File too large"
        return valid, reason

    def convert_file(self, file_path: Path, args: ConverterArguments) -> ConverterResult:
        """The report of the first row."""
        settings = args.user_settings
        try:
            text = file_path.read_text(encoding=settings.get("encoding", self.encoding))
        except UnicodeDecodeError as error:
            return ConverterResult.failed_result(
                f"Encoding error: {error}. Try different encoding."
            )
        lines = text.strip().split("\n")
        if settings.get("skip_header", self.skip_header):
            del lines[0]
        if not lines:
            return ConverterResult.failed_result("No data rows found")
        return self._convert_row(lines[0].split(settings.get("delimiter", self.delimiter)), args)

    def _convert_row(self, row: list[str], args: ConverterArguments) -> ConverterResult:
        columns = (self.part_number_column, self.serial_number_column, self.result_column)
        if len(row) <= max(columns):
            return ConverterResult.failed_result(
                f"Insufficient columns in CSV. Expected at least {max(columns) + 1}, got {len(row)}"
            )
        part, serial, result = (row[column].strip() for column in columns)
        if not serial:
            return ConverterResult.suspended_result(
                "No serial number found in file, waiting for complete data"
            )
        report = {
            "type": "UUT",
            "partNumber": part,
            "serialNumber": serial,
            "result": "Passed" if result.lower() in _PASSED else "Failed",
            "processCode": 10,
        }
        if missing := self.validate_report(report):
            return ConverterResult.failed_result("; ".join(missing))
        action = PostProcessAction(args.user_settings.get("post_action", "move"))
        return ConverterResult.success_result(report, post_action=action)

    def get_arguments(self) -> dict[str, Any]:
        """The declarations of its arguments."""
        return {
            "delimiter": {"type": "string", "default": ",", "description": "Field delimiter"},
            "encoding": {
                "type": "choice",
                "default": "utf-8",
                "choices": ["utf-8", "latin-1", "ascii", "utf-16"],
                "description": "File encoding",
            },
            "skip_header": {"type": "bool", "default": True, "description": "Skip the first row"},
            # Declared by pyWATS, though only the constructor's values count there, too.
            "part_number_column": _column(0, "part number"),
            "serial_number_column": _column(1, "serial number"),
            "result_column": _column(2, "result"),
            "post_action": {
                "type": "choice",
                "default": "move",
                "choices": [action.value for action in PostProcessAction],
                "description": "What becomes of the file",
            },
        }


def _column(default: int, what: str) -> dict[str, Any]:
    told = f"Column of the {what}, from 0"
    return {"type": "int", "default": default, "min": 0, "max": 100, "description": told}

"""Stands in for the part of `pywats_client.exceptions` that converters raise.

pyWATS adds lists of hints for its own set-up to each text; here the details are enough.
"""

from __future__ import annotations

from typing import Any


class ClientError(Exception):
    """The base of pyWATS's errors: a message, and details that its text names."""

    error_type = "general"

    def __init__(
        self, message: str, details: dict[str, Any] | None = None, show_hints: bool = True
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details or {}
        self.show_hints = show_hints

    def __str__(self) -> str:
        known = [f"{key}={value}" for key, value in self.details.items() if value is not None]
        return f"{self.message}\n[{', '.join(known)}]" if known else self.message

    @property
    def short_message(self) -> str:
        """The message alone."""
        return self.message


class ConverterError(ClientError):
    """A converter failed."""

    error_type = "converter"

    def __init__(
        self,
        message: str,
        converter_name: str | None = None,
        file_path: str | None = None,
        cause: Exception | None = None,
    ) -> None:
        self.converter_name = converter_name
        self.file_path = file_path
        self.cause = cause
        super().__init__(message, {"converter": converter_name, "file": file_path, "cause": cause})


class FileFormatError(ClientError):
    """A file is not of the format that it should be."""

    error_type = "file_format"

    def __init__(
        self,
        message: str,
        file_path: str | None = None,
        expected_format: str | None = None,
        actual_format: str | None = None,
        line_number: int | None = None,
    ) -> None:
        self.file_path = file_path
        self.expected_format = expected_format
        self.actual_format = actual_format
        self.line_number = line_number
        details = {
            "file": file_path,
            "expected": expected_format,
            "actual": actual_format,
            "line": line_number,
        }
        super().__init__(message, details)


class FileAccessError(ClientError):
    """A file cannot be read or written."""

    error_type = "file_access"

    def __init__(
        self, message: str, file_path: str | None = None, operation: str | None = None
    ) -> None:
        self.file_path = file_path
        self.operation = operation
        super().__init__(message, {"file": file_path, "operation": operation})


class ConverterConfigError(ClientError):
    """A converter's configuration is wrong."""

    error_type = "config_file"

    def __init__(
        self,
        message: str,
        converter_name: str | None = None,
        setting: str | None = None,
        value: Any = None,
    ) -> None:
        self.converter_name = converter_name
        self.setting = setting
        self.value = value
        super().__init__(message, {"converter": converter_name, "setting": setting, "value": value})

"""What pyWATS declares of an argument and remembers of a conversion."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pywats_trio.converters.pywats.shims.enums import ArgumentType, ConversionStatus


def _now() -> datetime:
    return datetime.now()  # noqa: DTZ005 - pyWATS keeps local time without a zone


@dataclass
class ArgumentDefinition:
    """The declaration of one argument."""

    arg_type: ArgumentType
    default: Any = None
    description: str = ""
    required: bool = False
    choices: list[str] | None = None
    min_value: float | None = None
    max_value: float | None = None
    pattern: str | None = None
    """A regular expression that the beginning of a text must match."""

    def validate(self, value: Any) -> tuple[bool, str]:
        """Whether `value` is right, else also why not."""
        if value is None:
            return (False, "Value is required") if self.required else (True, "")
        wrong = self._wrong(value)
        return not wrong, wrong

    def _wrong(self, value: Any) -> str:
        match self.arg_type:
            case ArgumentType.INTEGER | ArgumentType.FLOAT:
                return self._wrong_number(value)
            case ArgumentType.BOOLEAN if not isinstance(value, bool):
                return "Value must be a boolean"
            case ArgumentType.CHOICE if self.choices and value not in self.choices:
                return f"Value must be one of: {self.choices}"
            case ArgumentType.STRING if self.pattern and not re.match(self.pattern, str(value)):
                return f"Value must match pattern: {self.pattern}"
        return ""

    def _wrong_number(self, value: Any) -> str:
        if self.arg_type is ArgumentType.INTEGER and not isinstance(value, int):
            return "Value must be an integer"
        if not isinstance(value, int | float):
            return "Value must be a number"
        if self.min_value is not None and value < self.min_value:
            return f"Value must be >= {self.min_value}"
        if self.max_value is not None and value > self.max_value:
            return f"Value must be <= {self.max_value}"
        return ""


@dataclass
class ConversionRecord:
    """The attempts to convert one source."""

    source_path: Path
    converter_name: str
    created_at: datetime = field(default_factory=_now)
    attempts: int = 0
    last_attempt: datetime | None = None
    last_status: ConversionStatus | None = None
    last_error: str | None = None
    suspend_reason: str | None = None
    next_retry_at: datetime | None = None
    last_confidence: float = 0.0

    def record_attempt(
        self,
        status: ConversionStatus,
        error: str | None = None,
        suspend_reason: str | None = None,
        retry_after: timedelta | None = None,
        confidence: float = 0.0,
    ) -> None:
        """One more attempt."""
        self.attempts += 1
        self.last_attempt = _now()
        self.last_status = status
        self.last_error = error
        self.suspend_reason = suspend_reason
        self.last_confidence = confidence
        if retry_after:
            self.next_retry_at = _now() + retry_after

    def should_retry(self, max_attempts: int = 3) -> bool:
        """Whether the last attempt leaves something to try, and an attempt is left."""
        open_ = self.last_status in {ConversionStatus.SUSPENDED, ConversionStatus.FAILED}
        return open_ and self.attempts < max_attempts

    def is_due_for_retry(self) -> bool:
        """Whether the time of the next attempt has come."""
        return self.next_retry_at is None or _now() >= self.next_retry_at


@dataclass
class FailureRecord:
    """A conversion that failed for good."""

    source_path: Path
    converter_name: str
    error: str
    timestamp: datetime = field(default_factory=_now)
    attempts: int = 1
    final_status: ConversionStatus = ConversionStatus.FAILED
    moved_to: Path | None = None

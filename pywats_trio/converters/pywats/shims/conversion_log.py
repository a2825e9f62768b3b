"""Stands in for `pywats_client.converters.conversion_log`: one file of JSON lines a conversion."""

from __future__ import annotations

import json
import logging
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ConversionLog", "ConversionLogEntry"]

logger = logging.getLogger(__name__)


@dataclass
class ConversionLogEntry:
    """One line."""

    timestamp: str
    level: str
    step: str
    message: str
    metadata: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """As a mapping; empty metadata are left out."""
        told = {
            "timestamp": self.timestamp,
            "level": self.level,
            "step": self.step,
            "message": self.message,
        }
        return told | ({"metadata": self.metadata} if self.metadata else {})


class ConversionLog:
    """What happens during one conversion, step by step; each line is written at once."""

    def __init__(self, log_file_path: Path, file_name: str, instance_id: str = "default") -> None:
        self.log_file_path = log_file_path
        self.file_name = file_name
        self.instance_id = instance_id
        self.entries: list[ConversionLogEntry] = []
        self._finalized = False
        log_file_path.parent.mkdir(parents=True, exist_ok=True)
        self._write(
            "INFO", "START", f"Starting conversion of {file_name}", {"instance_id": instance_id}
        )

    @classmethod
    def create_for_file(cls, file_name: str, instance_id: str = "default") -> ConversionLog:
        """A log of its own for a file, in the temporary folder of the worker."""
        now = datetime.now().strftime("%Y%m%d_%H%M%S")  # noqa: DTZ005 - part of a name
        name = f"{Path(file_name).stem.replace(' ', '_')}_{now}.log"
        folder = Path(tempfile.gettempdir(), "logs", "conversions")
        return cls(folder / name, file_name, instance_id)

    def step(
        self, step_name: str, message: str = "Started", metadata: dict[str, Any] | None = None
    ) -> None:
        """A step begins."""
        if self._is_open("step"):
            self._write("INFO", step_name, message, metadata)

    def warning(
        self, message: str, step: str = "Validation", metadata: dict[str, Any] | None = None
    ) -> None:
        """Something is odd."""
        if self._is_open("warning"):
            self._write("WARNING", step, message, metadata)

    def error(
        self,
        message: str,
        step: str = "Conversion",
        metadata: dict[str, Any] | None = None,
        exception: Exception | None = None,
        raise_after_log: bool = True,
    ) -> None:
        """Something is wrong.

        Raises:
            Exception: `exception` itself, unless `raise_after_log` is false.
        """
        if not self._is_open("error"):
            return
        if exception:
            metadata = {
                **(metadata or {}),
                "exception_type": type(exception).__name__,
                "exception_message": str(exception),
            }
        self._write("ERROR", step, message, metadata)
        if exception and raise_after_log:
            raise exception

    def finalize(
        self,
        success: bool,
        report_id: int | None = None,
        error: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        """The last line."""
        if not self._is_open("end"):
            return
        told = {**(metadata or {}), "success": success}
        if report_id is not None:
            told["report_id"] = report_id
        if error:
            told["error"] = error
        if success:
            self._write("INFO", "COMPLETED", "Conversion successful", told)
        else:
            self._write("ERROR", "FAILED", f"Conversion failed: {error}", told)
        self._finalized = True

    def _is_open(self, what: str) -> bool:
        if self._finalized:
            logger.warning("the conversion log of %s has ended; %s left out", self.file_name, what)
        return not self._finalized

    def _write(self, level: str, step: str, message: str, metadata: dict[str, Any] | None) -> None:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        entry = ConversionLogEntry(now, level, step, message, metadata)
        self.entries.append(entry)
        with self.log_file_path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry.to_dict(), ensure_ascii=False) + "\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._finalized:
            return
        if isinstance(error, Exception):
            self.error(str(error), exception=error, raise_after_log=False)
            self.finalize(success=False, error=str(error))
        else:
            self.warning("ConversionLog not explicitly finalized")
            self.finalize(success=False, error="Incomplete conversion (no finalize() call)")

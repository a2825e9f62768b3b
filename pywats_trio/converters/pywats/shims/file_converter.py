"""Stands in for `pywats_client.converters.file_converter`."""

from __future__ import annotations

import fnmatch
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from pywats_trio.converters.pywats.shims.common import Described, Followed
from pywats_trio.converters.pywats.shims.enums import ConverterType, PostProcessAction
from pywats_trio.converters.pywats.shims.results import ConverterResult, ValidationResult

if TYPE_CHECKING:
    from pywats_trio.converters.pywats.shims.context import ConverterContext
    from pywats_trio.converters.pywats.shims.sources import ConverterSource


class FileConverter(Described, Followed):
    """The base of converters of one file."""

    def __init__(self) -> None:
        super().__init__()
        self.source_path: Path | None = None
        """The file the class came from; set by the loader."""
        self.trusted_mode = False

    @property
    def converter_type(self) -> ConverterType:
        """FILE."""
        return ConverterType.FILE

    @property
    def file_patterns(self) -> list[str]:
        """Shell patterns of the names it takes."""
        return ["*"]

    @property
    def default_post_action(self) -> PostProcessAction:
        """What becomes of the file afterwards."""
        return PostProcessAction.MOVE

    def validate(self, source: ConverterSource, context: ConverterContext) -> ValidationResult:
        """How sure it is about a source; unless overridden, by its name only."""
        del context
        if self._matches_file_patterns(source):
            return ValidationResult.pattern_match(message=f"Matched pattern for {self.name}")
        return ValidationResult.no_match(
            f"File '{source.primary_name}' doesn't match patterns: {self.file_patterns}"
        )

    def _matches_file_patterns(self, source: ConverterSource) -> bool:
        name = source.primary_name.lower()
        return any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self.file_patterns)

    @abstractmethod
    def convert(self, source: ConverterSource, context: ConverterContext) -> ConverterResult:
        """The reports of the file."""

    def read_file_text(self, path: Path, encoding: str = "utf-8", errors: str = "replace") -> str:
        """The file as text."""
        return Path(path).read_text(encoding=encoding, errors=errors)

    def read_file_lines(self, path: Path, encoding: str = "utf-8", strip: bool = True) -> list[str]:
        """The file's lines; `strip`: without the white space around them, line ends included."""
        with Path(path).open(encoding=encoding) as file:
            return [line.strip() for line in file] if strip else file.readlines()

    def read_file_bytes(self, path: Path) -> bytes:
        """The file's bytes."""
        return Path(path).read_bytes()

"""Stands in for `pywats_client.converters.folder_converter`."""

from __future__ import annotations

import fnmatch
from abc import abstractmethod
from typing import TYPE_CHECKING

from pywats_trio.converters.pywats.shims.common import Described, Followed
from pywats_trio.converters.pywats.shims.enums import ConverterType, PostProcessAction
from pywats_trio.converters.pywats.shims.results import ConverterResult, ValidationResult

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.converters.pywats.shims.context import ConverterContext
    from pywats_trio.converters.pywats.shims.sources import ConverterSource


class FolderConverter(Described, Followed):
    """The base of converters of a folder that is complete."""

    @property
    def converter_type(self) -> ConverterType:
        """FOLDER."""
        return ConverterType.FOLDER

    @property
    def folder_patterns(self) -> list[str]:
        """Shell patterns of the names of folders it takes."""
        return ["*"]

    @property
    def readiness_marker(self) -> str | None:
        """The name of a file that says the folder is complete."""
        return "COMPLETE.marker"

    @property
    def min_file_count(self) -> int | None:
        """How many files a complete folder has at least."""
        return None

    @property
    def expected_files(self) -> list[str] | None:
        """Shell patterns, each of which a complete folder has a file for."""
        return None

    @property
    def default_post_action(self) -> PostProcessAction:
        """What becomes of the folder afterwards."""
        return PostProcessAction.MOVE

    @property
    def preserve_folder_structure(self) -> bool:
        """Whether the folder is moved as it is."""
        return True

    def is_folder_ready(self, folder_path: Path, context: ConverterContext) -> bool:
        """Whether the folder is complete."""
        del context
        if not self._matches_folder_patterns(folder_path):
            return False
        names = [path.name for path in folder_path.iterdir() if path.is_file()]
        if self.min_file_count is not None and len(names) < self.min_file_count:
            return False
        if not all(fnmatch.filter(names, pattern) for pattern in self.expected_files or ()):
            return False
        return not self.readiness_marker or (folder_path / self.readiness_marker).exists()

    def _matches_folder_patterns(self, folder_path: Path) -> bool:
        name = folder_path.name.lower()
        return any(fnmatch.fnmatchcase(name, pattern.lower()) for pattern in self.folder_patterns)

    def validate(self, source: ConverterSource, context: ConverterContext) -> ValidationResult:
        """How sure it is about a folder; unless overridden, by its name only."""
        del source, context
        return ValidationResult.pattern_match(message=f"Folder matched pattern for {self.name}")

    @abstractmethod
    def convert(self, source: ConverterSource, context: ConverterContext) -> ConverterResult:
        """The reports of the folder."""

    def list_files(self, folder: Path, pattern: str = "*", recursive: bool = False) -> list[Path]:
        """What is in the folder and fits a shell pattern."""
        return list(folder.rglob(pattern) if recursive else folder.glob(pattern))

    def read_marker_data(self, folder: Path) -> str | None:
        """What the marker says; None if there is none."""
        marker = self._marker(folder)
        return marker.read_text() if marker else None

    def delete_marker(self, folder: Path) -> bool:
        """Remove the marker; whether there was one."""
        marker = self._marker(folder)
        if marker:
            marker.unlink()
        return marker is not None

    def _marker(self, folder: Path) -> Path | None:
        if not self.readiness_marker:
            return None
        marker = folder / self.readiness_marker
        return marker if marker.exists() else None

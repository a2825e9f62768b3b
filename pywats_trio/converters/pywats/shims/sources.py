"""What a pyWATS converter is given to convert."""

from __future__ import annotations

import fnmatch
import mimetypes
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from pywats_trio.converters.pywats.shims.enums import SourceType


@dataclass
class FileInfo:
    """A file and what its name and its entry in the folder say of it.

    `size` is in bytes, 0 for a file that is not there; `modified_time` is local time without a
    zone, as in pyWATS; `file_type` would need python-magic and is None.
    """

    path: Path

    def __post_init__(self) -> None:
        self.name = self.path.name
        self.stem = self.path.stem
        self.extension = self.path.suffix.lower()
        self.parent = self.path.parent
        self.size = 0
        self.modified_time: datetime | None = None
        try:
            status = self.path.stat()
        except OSError:
            pass
        else:
            self.size = status.st_size
            self.modified_time = datetime.fromtimestamp(status.st_mtime)  # noqa: DTZ006
        self.mime_type = mimetypes.guess_type(self.name)[0]
        self.file_type: str | None = None

    def __str__(self) -> str:
        return f"FileInfo({self.name}, {self.size} bytes, {self.mime_type or 'unknown'})"

    def matches_pattern(self, pattern: str) -> bool:
        """Whether the name fits a shell pattern; case does not matter."""
        return fnmatch.fnmatchcase(self.name.lower(), pattern.lower())

    def matches_any_pattern(self, patterns: list[str]) -> bool:
        """Whether the name fits one of the patterns."""
        return any(self.matches_pattern(pattern) for pattern in patterns)


@dataclass
class ConverterSource:
    """A file, a folder with its files, or a record of a database."""

    source_type: SourceType
    path: Path | None = None
    files: list[Path] = field(default_factory=list)
    metadata: dict[str, Any] = field(default_factory=dict)
    record_id: str | None = None
    connection_info: str | None = None
    _file_info: FileInfo | None = field(default=None, repr=False)

    @property
    def primary_name(self) -> str:
        """The name of the file or folder, else the id of the record."""
        return self.path.name if self.path else self.record_id or "unknown"

    @property
    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.source_type is SourceType.FILE

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.source_type is SourceType.FOLDER

    @property
    def file_info(self) -> FileInfo | None:
        """About the file; None if there is no such file."""
        if self._file_info is None and self.path and self.path.is_file():
            self._file_info = FileInfo(self.path)
        return self._file_info

    def get_files_matching(self, pattern: str) -> list[Path]:
        """The files whose name fits a shell pattern."""
        return [file for file in self.files if fnmatch.fnmatch(file.name, pattern)]

    @classmethod
    def from_file(cls, file_path: Path) -> ConverterSource:
        """One file."""
        return cls(SourceType.FILE, path=file_path, files=[file_path])

    @classmethod
    def from_folder(
        cls, folder_path: Path, include_pattern: str = "*", recursive: bool = True
    ) -> ConverterSource:
        """A folder and the files in it that fit, sorted."""
        found = folder_path.rglob("*") if recursive else folder_path.glob("*")
        files = sorted(
            path for path in found if path.is_file() and fnmatch.fnmatch(path.name, include_pattern)
        )
        return cls(SourceType.FOLDER, path=folder_path, files=files)

    @classmethod
    def from_database_record(
        cls, record_id: str, connection_info: str, metadata: dict[str, Any] | None = None
    ) -> ConverterSource:
        """A record of a database."""
        return cls(
            SourceType.DATABASE,
            record_id=record_id,
            connection_info=connection_info,
            metadata=metadata or {},
        )

"""Stands in for `pywats_client.converters.context`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from pywats_trio.converters.pywats.shims.results import ALARM, REJECT

logger = logging.getLogger(__name__)
_FOLDERS: Final = ("drop_folder", "done_folder", "error_folder", "pending_folder")
_NOT_TOLD: Final = ("api_client", "metadata")


@dataclass
class ConverterContext:
    """What a converter may know besides its source."""

    api_client: Any = None
    drop_folder: Path | None = None
    done_folder: Path | None = None
    error_folder: Path | None = None
    pending_folder: Path | None = None
    station_name: str = ""
    station_id: str = ""
    operator: str = ""
    alarm_threshold: float = ALARM
    reject_threshold: float = REJECT
    max_retries: int = 3
    retry_delay_seconds: int = 60
    arguments: dict[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    verbose: bool = False
    metadata: dict[str, Any] = field(default_factory=dict)

    def get_argument(self, name: str, default: Any = None) -> Any:
        """The value of an argument."""
        return self.arguments.get(name, default)

    def set_argument(self, name: str, value: Any) -> None:
        """Give an argument a value."""
        self.arguments[name] = value

    def has_argument(self, name: str) -> bool:
        """Whether an argument has a value."""
        return name in self.arguments

    def check_confidence(self, confidence: float) -> str:
        """`reject`, `alarm` or `accept`, by the thresholds."""
        if confidence < self.reject_threshold:
            return "reject"
        return "alarm" if confidence < self.alarm_threshold else "accept"

    def ensure_folders_exist(self) -> None:
        """Make the folders there are."""
        for folder in map(self.__getattribute__, _FOLDERS):
            if folder:
                folder.mkdir(parents=True, exist_ok=True)

    def get_done_path(self, filename: str) -> Path:
        """A name in the folder for converted files."""
        return self._in("done_folder", filename)

    def get_error_path(self, filename: str) -> Path:
        """A name in the folder for refused files."""
        return self._in("error_folder", filename)

    def get_pending_path(self, filename: str) -> Path:
        """A name in the folder for files that wait."""
        return self._in("pending_folder", filename)

    def _in(self, which: str, filename: str) -> Path:
        folder: Path | None = getattr(self, which)
        if not folder:
            raise ValueError(f"{which} not configured")
        return folder / filename

    def log_debug(self, message: str) -> None:
        """Said only if `verbose`."""
        if self.verbose:
            logger.debug(message)

    def log_info(self, message: str) -> None:
        """To the log."""
        logger.info(message)

    def log_warning(self, message: str) -> None:
        """To the log."""
        logger.warning(message)

    def log_error(self, message: str) -> None:
        """To the log."""
        logger.error(message)

    @classmethod
    def from_config(cls, config: dict[str, Any], api_client: Any = None) -> ConverterContext:
        """From a mapping; folders may be texts, what it does not know is left out."""
        known = {one.name for one in fields(cls)} - set(_NOT_TOLD)
        given = {key: value for key, value in config.items() if key in known}
        return cls(api_client=api_client, **_with_paths(given))

    def to_dict(self) -> dict[str, Any]:
        """As a mapping, without the client and the metadata; folders as texts."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        for name in _NOT_TOLD:
            del told[name]
        return told | {name: str(told[name]) if told[name] else None for name in _FOLDERS}

    def copy_with(self, **overrides: Any) -> ConverterContext:
        """A copy with other values; its metadata begin anew, as in pyWATS."""
        return replace(self, **{"metadata": {}, **_with_paths(overrides)})


def _with_paths(given: dict[str, Any]) -> dict[str, Any]:
    paths = {name: Path(given[name]) if given[name] else None for name in _FOLDERS if name in given}
    return given | paths

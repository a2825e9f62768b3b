"""What pre-flight says: one thing that is not as it should be, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from attrs import frozen

from pywats_trio.errors import ConfigError, InvalidInputError, StartError

if TYPE_CHECKING:
    from collections.abc import Iterable

CONFIG: Final = ConfigError.exit_code
INVALID: Final = InvalidInputError.exit_code
START: Final = StartError.exit_code


@frozen
class Finding:
    """One thing that was looked at and is not as it should be."""

    check: str
    """A constant word: `folder`, `converter`, `argument`, `clash`, `data_dir`, `disk`, `clock`,
    `inotify`, `files`, `user`, `sandbox` or `server`."""
    subject: str
    """The folder, converter or address concerned."""
    severity: Literal["error", "warning"]
    message: str
    """One sentence without its stop: what is wrong."""
    hint: str
    """One sentence without its stop: what to do about it."""
    exit_code: int = START
    """Of an error: 20 (the configuration is wrong), 22 (a file is) or 30 (it cannot start here)."""


class Findings(list[Finding]):
    """Everything that was found, errors first, and of those the most basic first."""

    def __init__(self, findings: Iterable[Finding] = (), seconds: float = 0.0) -> None:
        super().__init__(sorted(findings, key=_weight))
        self.seconds = seconds
        """How long the looking took."""

    @property
    def errors(self) -> list[Finding]:
        """Those that keep the service from starting."""
        return [finding for finding in self if finding.severity == "error"]

    @property
    def doubted(self) -> frozenset[str]:
        """The converters that cannot be used as they are."""
        return frozenset(finding.subject for finding in self if finding.check == "converter")


def _weight(finding: Finding) -> tuple[bool, int]:
    return finding.severity != "error", finding.exit_code


def error(check: str, subject: str, message: str, hint: str, exit_code: int) -> Finding:
    """What keeps the service from starting."""
    return Finding(check, subject, "error", message, hint, exit_code)


def warning(check: str, subject: str, message: str, hint: str) -> Finding:
    """What does not."""
    return Finding(check, subject, "warning", message, hint)

"""The words of a report on its way out: who sent it, what it became, what was noticed."""

from __future__ import annotations

from typing import Final, Literal

from attrs import field, frozen

from pywats_trio.errors import InvalidInputError

Severity = Literal["warning", "error"]
Path = tuple[str | int, ...]

REPORT: Final[Path] = ()
"""The path of the report itself."""


class InvalidReport(InvalidInputError):
    """This cannot be a WATS report.

    `path` leads to the value that is wrong, as keys and indexes from the report's object down;
    empty where the report as a whole is meant. `hint` says what to do, if that is known.
    """

    def __init__(self, message: str, path: Path = REPORT, *, hint: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.hint = hint


@frozen
class Finding:
    """Something in a report that is sent all the same.

    `error`: a server is expected to refuse it, or to drop the value; with `strict = true` the file
    is refused. `warning`: worth knowing.
    """

    path: str
    """Such as `root.steps[0].status`; empty for the report as a whole."""
    message: str
    severity: Severity = "warning"


@frozen
class Station:
    """What a report says of its station where its file says nothing."""

    name: str = ""
    location: str = ""
    purpose: str = ""


@frozen
class Defaults:
    """What a report gets where it says nothing itself."""

    id: str
    """A UUID, used only where the report has none."""
    station: Station = field(factory=Station)


@frozen
class Encoded:
    """A report as it will be sent, and the facts of its header."""

    body: bytes
    """One WSJF object, UTF-8 without byte order mark."""
    report_id: str
    """Its UUID, lower case."""
    serial_number: str
    part_number: str
    result: str
    """P, F, E or T."""
    start: str
    """ISO 8601, as it stands in the report."""
    findings: tuple[Finding, ...] = ()


def written(path: Path) -> str:
    """A path as people read it: `root.steps[0].status`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")

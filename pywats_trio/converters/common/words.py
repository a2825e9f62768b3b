"""The words that testers write for a verdict or a status; case does not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pywats_trio.reports.steps import Status

_PASSED: Final = ("PASS", "PASSED", "TRUE", "OK")
_FAILED: Final = ("FAIL", "FAILED", "FALSE", "NOK")
_STATUS: Final[dict[str, Status]] = {
    "P": "P",
    **dict.fromkeys(_PASSED, "P"),
    "F": "F",
    **dict.fromkeys(_FAILED, "F"),
    **dict.fromkeys(("D", "DONE"), "D"),
    **dict.fromkeys(("S", "SKIP", "SKIPPED"), "S"),
    **dict.fromkeys(("E", "ERROR"), "E"),
    **dict.fromkeys(("T", "TERMINATED", "ABORTED"), "T"),
}


def status(text: str) -> Status | None:
    """The letter of a status; None where the text is none."""
    return _STATUS.get(text.strip().upper())


def verdict(text: str) -> Status | None:
    """P or F where a value is a verdict in a word (not a letter), else None."""
    word = text.strip().upper()
    return _STATUS[word] if word in _PASSED or word in _FAILED else None

"""Fields of what a worker said, each looked at before it is believed.

Text is cut and made printable, numbers are finite; anything else is a `FrameError`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from pywats_trio.errors import FrameError
from pywats_trio.text import shortened

MAX_NAME: Final = 1000
"""Characters of a serial number and the like; WATS itself takes at most 100."""
MAX_TEXT: Final = 4096
MAX_TRACEBACK: Final = 8192
_FAR: Final = 1e9
_CONTROLS: Final = r"\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""Besides those below the space: half surrogates, and what turns the direction of text around."""
_UNFIT: Final = {
    "": re.compile(rf"[\x00-\x1f{_CONTROLS}]"),
    "\n\t": re.compile(rf"[\x00-\x08\x0b-\x1f{_CONTROLS}]"),
}
_ESCAPED: Final = 500
"""Characters of one text that are escaped; who has more of them is not meant to be read."""


def text(header: dict[str, Any], key: str, limit: int) -> str:
    r"""Text on one line: half surrogates and controls, which no database takes, are escaped."""
    value = header.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key!r} is no text")
    return shortened(sanitized(value[: limit + 1], keep=""), limit)


def lines(header: dict[str, Any], key: str) -> str:
    value = header.get(key)
    if not isinstance(value, str):
        raise FrameError(f"{key!r} is no text")
    return sanitized(value[-MAX_TRACEBACK:], keep="\n\t")[-MAX_TRACEBACK:]


def sanitized(text: str, *, keep: str) -> str:
    """`text` with what no database or terminal takes escaped: half surrogates, and controls but
    those in `keep` (none, or line feed and tab).

    A hostile text may consist of nothing else, so beyond the first few hundred they become marks.
    """
    unfit = _UNFIT[keep]
    escaped, count = unfit.subn(_escaped, text, count=_ESCAPED)
    return unfit.sub("\ufffd", escaped) if count == _ESCAPED else escaped


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return (
        character.encode("ascii", "backslashreplace").decode()
        if character > "\x7f"
        else (f"\\x{ord(character):02x}")
    )


def matching(header: dict[str, Any], key: str, pattern: re.Pattern[str]) -> str:
    value = header.get(key)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise FrameError(f"{key!r} is malformed")
    return value


def items(header: dict[str, Any], key: str) -> list[Any]:
    value = header.get(key)
    if not isinstance(value, list):
        raise FrameError(f"{key!r} is no list")
    return value


def integer(header: dict[str, Any], key: str) -> int:
    value = header.get(key)
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise FrameError(f"{key!r} is no integer")
    return value


def number(header: dict[str, Any], key: str) -> float:
    value = header.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FrameError(f"{key!r} is no number")
    if not -_FAR <= value <= _FAR:  # NaN is in no range
        raise FrameError(f"{key!r} is no number")
    return float(value)

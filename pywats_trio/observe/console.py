"""Log lines for people at a terminal."""

from __future__ import annotations

import os
import traceback
from typing import TYPE_CHECKING, Any, Final

import structlog

from pywats_trio.observe.record import plain
from pywats_trio.text import printable

if TYPE_CHECKING:
    from pywats_trio.observe.record import Encoder, Record

_CLOCK: Final = slice(11, 23)
"""Hours to milliseconds, UTC, of an ISO 8601 timestamp."""


class Console:
    """`09:00:00.123 [info     ] file accepted   [pywats_trio.intake] converter=ict`."""

    def __init__(self, encoder: Encoder, *, colours: bool) -> None:
        """`encoder` masks the secrets; NO_COLOR in the environment is honoured."""
        self._without_secrets = encoder.without_secrets
        self._render = structlog.dev.ConsoleRenderer(
            colors=colours and not os.environ.get("NO_COLOR"), sort_keys=False
        )

    def line(self, written: Record) -> bytes:
        """One line and its line end; an exception follows as Python prints it."""
        shown: dict[str, Any] = {
            # A file's name may hold what would move the cursor.
            key: printable(value) if isinstance(value, str) else _words(value)
            for key, value in written.items()
            if key not in {"instance", "exception"}
        }
        shown["timestamp"] = shown["timestamp"][_CLOCK]
        if error := written.get("exception"):
            shown["exception"] = "".join(traceback.format_exception(error)).rstrip()
        text = self._without_secrets(str(self._render(None, "", shown)))
        return (text + "\n").encode("utf-8", "backslashreplace")


def _words(value: object) -> object:
    return value if isinstance(value, bool | int | float | list | dict | None) else plain(value)

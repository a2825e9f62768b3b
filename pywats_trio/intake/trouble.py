"""A cause that lasts: logged once when it begins and once when it ends, tried again in between."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any, Final

import structlog

from pywats_trio.observe.board import Board, Cause
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

FIRST: Final = 1.0
LONGEST: Final = 60.0
"""Seconds between two tries: doubling from the first to the longest."""

_TO_DO: Final = {
    errno.ENOENT: "make the folder, or correct its path in the configuration",
    errno.ENOTDIR: "a folder is needed where a file lies; rename the file or correct the path",
    errno.EACCES: "give the user of the service the rights to read, write and enter the folder",
    errno.EPERM: "give the user of the service the rights to read, write and enter the folder",
    errno.EROFS: "mount the file system for writing",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room, or raise the quota of the service's user",
    errno.EMFILE: "raise the limit of open files (LimitNOFILE) of the service",
    errno.ESTALE: "mount the share again",
    errno.ENAMETOOLONG: "choose a target folder with a shorter path",
}


def to_do(error: BaseException) -> str:
    """What a person can do about `error`, in words that follow a semicolon."""
    number = error.errno if isinstance(error, OSError) else None
    return _TO_DO.get(number or 0, "see to the cause; it is tried again by itself")


class Trouble:
    """One thing that may fail for a while."""

    def __init__(
        self,
        event: str,
        *,
        first: float = FIRST,
        longest: float = LONGEST,
        fields: Mapping[str, Any] | None = None,
        board: Board | None = None,
    ) -> None:
        """`board` is told of it, for the converter that `fields` names; None: nobody is."""
        self._log = structlog.get_logger("pywats_trio.intake").bind(**(fields or {}))
        self._event = event
        self._board = board
        self._subject = f"{(fields or {}).get('converter', '')}: {event}"
        self._first = first
        self._longest = longest
        self._next = first
        self._place = str((fields or {}).get("folder", ""))
        self._cause = ""
        self.cause = ""
        """What is wrong at the moment, and what to do; empty if nothing is."""

    def begins(self, error: BaseException, what_to_do: str = "", *, where: str = "") -> float:
        """It failed; how many seconds to wait before the next try.

        `where` stands for the files that `error` names, so that a thousand files that fail for one
        cause are one line of the log; the `folder` of the fields does where it names none.
        """
        cause = printable(f"{error}")
        if isinstance(error, OSError) and error.strerror:
            where = where or ("" if error.filename else self._place)
            cause = f"{printable(where)}: {error.strerror}" if where else cause
        if cause != self._cause:
            what_to_do = what_to_do or to_do(error)
            self._cause, self.cause = cause, f"{cause}; {what_to_do}"
            self._log.warning(self._event, cause=cause, what_to_do=what_to_do)
            if self._board is not None:
                message = f"{self._subject}: {cause}"
                self._board.begin(Cause.FOLDER, self._subject, message, what_to_do)
        pause = self._next
        self._next = min(2 * self._next, self._longest)
        return pause

    def ends(self) -> None:
        """It worked."""
        self._next = self._first
        if self._cause:
            self._log.info(f"{self._event}: over", cause=self._cause)
            self._cause = self.cause = ""
            if self._board is not None:
                self._board.end(Cause.FOLDER, self._subject)

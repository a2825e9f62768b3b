"""The exception tree. The exit code and the plain sentence belong to the class.

Every error a user can meet is a `PywatsTrioError`: its text is one sentence that says what to do,
and `exit_code` is what the command line ends with (contract section 3).
"""

from __future__ import annotations


class PywatsTrioError(Exception):
    """Anything this package refuses or fails at, in one sentence for the user."""

    exit_code = 1


class UsageError(PywatsTrioError):
    """The command was called wrongly, or something it needs is not installed."""

    exit_code = 2


class ConfigError(PywatsTrioError):
    """The configuration cannot be used; the text lists every problem, one a line."""

    exit_code = 20


class NotFoundError(PywatsTrioError):
    """What was named does not exist."""

    exit_code = 21


class InvalidInputError(PywatsTrioError):
    """A file or a report is not what it should be."""

    exit_code = 22


class StartError(PywatsTrioError):
    """The service cannot start here (an instance is already running, a folder is missing …)."""

    exit_code = 30


class PartKeepsFailing(PywatsTrioError):
    """A part used up its restart budget; the service stops and names it."""

    exit_code = 35

    def __init__(self, part: str, cause: BaseException) -> None:
        super().__init__(
            f"the part {part!r} kept failing and the service stopped; last cause: "
            f"{type(cause).__name__}: {cause}"
        )
        self.part = part


class NetworkError(PywatsTrioError):
    """Something about the network that is no refusal by the server."""

    exit_code = 40


class StoreError(PywatsTrioError):
    """The queue's database cannot be read or written; nothing was changed by the failed call."""


class StaleClaim(StoreError):
    """An outcome for a claim that was recovered in the meantime; it was not recorded."""


class IllegalTransition(StoreError):
    """A change of state that the table in `model` does not allow."""


class FrameError(PywatsTrioError):
    """The other side of a framed stream broke the protocol."""

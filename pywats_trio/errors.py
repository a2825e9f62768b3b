"""The exception tree. The exit code and the plain sentence belong to the class.

Every error a user can meet is a `PywatsTrioError`: its text is one sentence that says what to do,
`exit_code` is what the command line ends with (contract section 3), and `code` is what local
control answers with (`error_code`, contract section 9).
"""

from __future__ import annotations


class PywatsTrioError(Exception):
    """Anything this package refuses or fails at, in one sentence for the user."""

    exit_code = 1
    code = "failed"


class UsageError(PywatsTrioError):
    """The command was called wrongly, or something it needs is not installed."""

    exit_code = 2
    code = "usage"


class ConfigError(PywatsTrioError):
    """The configuration cannot be used; the text lists every problem, one a line."""

    exit_code = 20
    code = "config"


class NotFoundError(PywatsTrioError):
    """What was named does not exist."""

    exit_code = 21
    code = "not_found"


class InvalidInputError(PywatsTrioError):
    """A file or a report is not what it should be."""

    exit_code = 22
    code = "invalid"


class StartError(PywatsTrioError):
    """The service cannot start here (an instance is already running, a folder is missing …)."""

    exit_code = 30
    code = "start_failed"


class SandboxUnavailable(StartError):
    """The kernel cannot shut workers in as the configuration wants it."""


class StopError(PywatsTrioError):
    """The service was asked to stop and did not."""

    exit_code = 31
    code = "stop_failed"


class NotRunning(PywatsTrioError):
    """No service answers."""

    exit_code = 32
    code = "not_running"


class NotReady(PywatsTrioError):
    """The service cannot do that in the state it is in."""

    exit_code = 1
    code = "not_ready"


class TookTooLong(PywatsTrioError):
    """It was not done in the time there was for it."""

    exit_code = 33
    code = "timeout"


class ForcedStop(PywatsTrioError):
    """The drain ran out of time: something was cut off and is PENDING at the next start."""

    exit_code = 34
    code = "forced"


class PartKeepsFailing(PywatsTrioError):
    """A part used up its restart budget; the service stops and names it."""

    exit_code = 35
    code = "part_failed"

    def __init__(self, part: str, cause: BaseException) -> None:
        super().__init__(
            f"the part {part!r} kept failing and the service stopped; last cause: "
            f"{type(cause).__name__}: {cause}"
        )
        self.part = part


class NetworkError(PywatsTrioError):
    """Something about the network that is no refusal by the server."""

    exit_code = 40
    code = "network"


class NotAllowed(PywatsTrioError):
    """Whoever asks may not do that."""

    exit_code = 42
    code = "unauthorized"


class RateLimited(PywatsTrioError):
    """Too many requests; `retry_after` seconds from now the next one is taken."""

    code = "rate_limited"

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many requests; try again in {retry_after:.2f} s")
        self.retry_after = retry_after


class StoreError(PywatsTrioError):
    """The queue's database cannot be read or written; nothing was changed by the failed call."""

    code = "store"


class StoreDamaged(StoreError):
    """The queue's database is damaged: it is set aside, and what it still holds is salvaged."""

    code = "damaged"


class QueueFull(PywatsTrioError):
    """The queue is at its mark; files wait in their folders, submits are refused."""

    code = "queue_full"


class StaleClaim(StoreError):
    """An outcome for a claim that was recovered in the meantime; it was not recorded."""


class IllegalTransition(StoreError):
    """A change of state that the table in `model` does not allow."""


class LoadError(Exception):
    """In a worker: what was found under a converter's name is no converter; one sentence."""


class FrameError(PywatsTrioError):
    """The other side of a framed stream broke the protocol."""


def only(error: BaseException) -> BaseException:
    """The exception inside groups of one: nobody wants to read the nesting of nurseries."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error

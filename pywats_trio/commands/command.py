"""One entry of the table of commands."""

from __future__ import annotations

from difflib import get_close_matches
from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import NOTHING, field, frozen, validators

from pywats_trio.control import AT_WORK, BEFORE_WORK, Role, ServiceState
from pywats_trio.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from pywats_trio.commands.host import Host
    from pywats_trio.control import Who

Answer = dict[str, Any]

LONGEST_NAME: Final = 64
"""Characters of a name that others are compared with: comparing takes its time."""

_AT_WORK_OR_PAUSED: Final = AT_WORK | {ServiceState.PAUSED}
_WITH_STORE: Final = frozenset(ServiceState) - BEFORE_WORK - {ServiceState.STOPPED}


class BadArguments(InvalidInputError):
    """Arguments are missing, unknown, or not what they should be; every problem is named."""

    code = "bad_request"


class When(Enum):
    """In which states of the service a command can be asked."""

    ALWAYS = frozenset(ServiceState)
    WITH_STORE = _WITH_STORE
    """Once the queue is open."""
    AT_WORK = AT_WORK
    AT_WORK_OR_PAUSED = _AT_WORK_OR_PAUSED


def arg(
    doc: str,
    *,
    default: object = NOTHING,
    low: float | None = None,
    high: float | None = None,
) -> Any:  # noqa: ANN401 - as attrs.field
    """An argument with what the documentation says of it, and the range of its values."""
    limits: list[Any] = [
        *([validators.ge(low)] if low is not None else []),
        *([validators.le(high)] if high is not None else []),
    ]
    return field(
        default=default,
        validator=validators.optional(limits) if limits else None,
        metadata={"doc": doc, "low": low, "high": high},
    )


@frozen
class NoArgs:
    """The arguments of a command that has none."""


@frozen
class Command:
    """What can be asked, by whom, when, and what it does."""

    name: str
    role: Role
    when: When
    changes: bool
    """Whether it changes something, so that it is audited and never repeated by itself."""
    doc: str
    """What it does, for the documentation."""
    result: str
    """What it answers, for the documentation."""
    args: type
    """An attrs class; its fields are the arguments."""
    run: Callable[[Host, Any, Who], Awaitable[Answer]]
    offline: bool = False
    """Whether it works on the queue of a stopped service, too; `run` then gets a `QueueHost`."""
    bounded: bool = True
    """False: it may take as long as it says itself, beyond the time-out of a request."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing if nothing known is like `name`."""
    near = get_close_matches(name, known, n=1) if len(name) <= LONGEST_NAME else []
    return f"; did you mean {near[0]!r}?" if near else ""

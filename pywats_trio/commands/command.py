"""One entry of the table of commands."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.control import AT_WORK, BEFORE_WORK, Role, ServiceState

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pywats_trio.commands.host import Host
    from pywats_trio.control import Who

Answer = dict[str, Any]

_AT_WORK_OR_PAUSED: Final = AT_WORK | {ServiceState.PAUSED}
_WITH_STORE: Final = frozenset(ServiceState) - BEFORE_WORK - {ServiceState.STOPPED}


class When(Enum):
    """In which states of the service a command can be asked."""

    ALWAYS = frozenset(ServiceState)
    WITH_STORE = _WITH_STORE
    """Once the queue is open."""
    AT_WORK = AT_WORK
    AT_WORK_OR_PAUSED = _AT_WORK_OR_PAUSED


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
    """One sentence for the documentation."""
    args: type
    """An attrs class; its fields are the arguments."""
    run: Callable[[Host, Any, Who], Awaitable[Answer]]
    bounded: bool = True
    """False: it may take as long as it says itself, beyond the time-out of a request."""

"""What is asked of a running service: by whom, and through which one door.

Local control, HTTP and command line are three faces of one table of commands (`commands/`); they
hold a `Control` and know nothing else of the service.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping


class ServiceState(StrEnum):
    """Where a service stands in its life (contract section 2)."""

    CREATED = "created"
    VALIDATING = "validating"
    RECOVERING = "recovering"
    STARTING = "starting"
    RUNNING = "running"
    DEGRADED = "degraded"
    PAUSED = "paused"
    RELOADING = "reloading"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


BEFORE_WORK: Final = frozenset(
    {
        ServiceState.CREATED,
        ServiceState.VALIDATING,
        ServiceState.RECOVERING,
        ServiceState.STARTING,
    }
)
"""States in which no part works yet."""
AT_WORK: Final = frozenset({ServiceState.RUNNING, ServiceState.DEGRADED, ServiceState.RELOADING})
"""States in which files are taken, converted and delivered, as far as their causes allow."""
ENDED: Final = frozenset({ServiceState.STOPPED, ServiceState.FAILED})
"""States that no other follows."""


class Role(StrEnum):
    """What somebody may do; each role may do what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role is enough for what needs `needed`."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)


@frozen
class Who:
    """Who asks."""

    name: str
    """For log and history, such as `uid 1000`."""
    role: Role


class Control(Protocol):
    """The one door: every command of the table goes through it."""

    async def ask(self, command: str, args: Mapping[str, Any], who: Who) -> dict[str, Any]:
        """The command's result as JSON has it.

        A cancelled command may have taken effect; those that change something can be sent again.

        Raises:
            PywatsTrioError: it is refused or failed; `code` says how, the text says why.
        """
        ...

"""The door to the table: who may ask, when, with which arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pywats_trio.commands.command import LONGEST_NAME, Answer, Command, NoArgs, When, nearest
from pywats_trio.commands.table import TABLE
from pywats_trio.errors import NotAllowed, NotReady, NotRunning, UsageError
from pywats_trio.text import shortened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pywats_trio.commands.host import Host, QueueHost
    from pywats_trio.control import Who


class UnknownCommand(UsageError):
    """There is no such command."""

    code = "unknown_command"


class CommandDesk:
    """`control.Control` for one service."""

    def __init__(self, host: Host | QueueHost, *, stopped: bool = False) -> None:
        """`stopped`: the service does not run, and `host` only has its queue."""
        self._host = cast("Host", host)
        self._stopped = stopped

    async def ask(self, command: str, args: Mapping[str, Any], who: Who) -> Answer:
        """See `Control.ask`."""
        entry = find(command)
        if not who.role.may(entry.role):
            raise NotAllowed(f"{who.name} may not ask for {command!r}; it needs role {entry.role}")
        if self._stopped:
            return await self._on_stopped(entry, args, who)
        state = self._host.board.state
        if state not in entry.when.value:
            raise NotReady(f"{command!r} cannot be done now: the service is {state}{_hint(entry)}")
        return await self._run(entry, args, who)

    async def _on_stopped(self, entry: Command, args: Mapping[str, Any], who: Who) -> Answer:
        if not entry.offline:
            raise NotRunning(
                f"{entry.name!r} needs a running service; start it with `pywats-trio run`"
            )
        return await self._run(entry, args, who)

    async def _run(self, entry: Command, args: Mapping[str, Any], who: Who) -> Answer:
        if entry.args is NoArgs and args == {}:
            return await entry.run(self._host, NoArgs(), who)
        from pywats_trio.commands.arguments import structure  # noqa: PLC0415 - loads cattrs

        return await entry.run(self._host, structure(entry.name, entry.args, args), who)


def find(command: str) -> Command:
    """The entry of this name.

    Raises:
        UnknownCommand: there is none; names the nearest.
    """
    if (entry := TABLE.get(command)) is not None:
        return entry
    told = shortened(command, LONGEST_NAME)
    raise UnknownCommand(f"Unknown command: {told}{nearest(command, TABLE)}")


def _hint(entry: Command) -> str:
    return "; resume it first, if it is paused" if entry.when is When.AT_WORK else ""

"""Commands about the service as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pywats_trio.commands.command import Answer, Command, NoArgs, When
from pywats_trio.control import Role
from pywats_trio.observe.status import status

if TYPE_CHECKING:
    from pywats_trio.commands.host import Host
    from pywats_trio.control import Who


async def _ping(_host: Host, _args: NoArgs, _who: Who) -> Answer:
    return {"pong": True, "authenticated": True}


async def _get_status(host: Host, _args: NoArgs, _who: Who) -> Answer:
    return status(host.board)


async def _pause(host: Host, _args: NoArgs, who: Who) -> Answer:
    await host.pause(who)
    return {"state": host.board.state.value}


async def _resume(host: Host, _args: NoArgs, who: Who) -> Answer:
    await host.resume(who)
    return {"state": host.board.state.value}


async def _sync_now(host: Host, _args: NoArgs, who: Who) -> Answer:
    return await host.sync_now(who)


async def _reload_config(host: Host, _args: NoArgs, _who: Who) -> Answer:
    return await host.reload()


async def _stop(host: Host, _args: NoArgs, who: Who) -> Answer:
    host.stop(f"asked by {who.name}")
    return {"requested": True}


COMMANDS: Final = (
    Command(
        "ping",
        Role.VIEWER,
        When.ALWAYS,
        changes=False,
        doc="Whether somebody answers; also for those who may do nothing else.",
        result="`pong`: true; `authenticated`: whether more may be asked.",
        args=NoArgs,
        run=_ping,
    ),
    Command(
        "get_status",
        Role.VIEWER,
        When.ALWAYS,
        changes=False,
        doc="What is true of the service now; answered from memory in every state.",
        result="As `pywats-trio status --json` prints it, with the flat names of pyWATS 2.0 "
        "(`status`, `api_status`, `pending_count` and so on) beside.",
        args=NoArgs,
        run=_get_status,
    ),
    Command(
        "sync_now",
        Role.OPERATOR,
        When.AT_WORK,
        changes=True,
        doc="Scan the folders now, and retry what waits for the server.",
        result="`folders`: how many are scanned; `probing`: whether the server is asked first "
        "because it was away; `resumed`: how many reports go at once.",
        args=NoArgs,
        run=_sync_now,
    ),
    Command(
        "pause",
        Role.OPERATOR,
        When.AT_WORK_OR_PAUSED,
        changes=True,
        doc="Take, convert and deliver nothing new, over restarts, until `resume`.",
        result="`state`: the service's.",
        args=NoArgs,
        run=_pause,
    ),
    Command(
        "resume",
        Role.OPERATOR,
        When.AT_WORK_OR_PAUSED,
        changes=True,
        doc="End a pause.",
        result="`state`: the service's.",
        args=NoArgs,
        run=_resume,
    ),
    Command(
        "reload_config",
        Role.ADMIN,
        When.AT_WORK_OR_PAUSED,
        changes=True,
        doc="Read the configuration again and put it into effect, or go on with the former one.",
        result="`changed`: keys that are in effect now; `needs_restart`: keys that are not; "
        "`refused`, where there are any: converters whose code cannot be used, and why, while what "
        "was in use, if anything, goes on.",
        args=NoArgs,
        run=_reload_config,
    ),
    Command(
        "stop",
        Role.ADMIN,
        When.ALWAYS,
        changes=True,
        doc="Finish what is in hand within `shutdown.grace_seconds`, and end.",
        result="`requested`: true; the connection is closed when the service has stopped.",
        args=NoArgs,
        run=_stop,
    ),
)

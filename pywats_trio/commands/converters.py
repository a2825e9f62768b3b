"""Commands about the configured converters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from attrs import frozen

from pywats_trio.commands.command import Answer, Command, NoArgs, When, arg
from pywats_trio.control import Role
from pywats_trio.errors import NotReady, StoreError

if TYPE_CHECKING:
    from pywats_trio.commands.host import Host, QueueHost
    from pywats_trio.control import Who
    from pywats_trio.model import State
    from pywats_trio.observe.board import Board


@frozen
class OneConverter:
    """Which converter is meant."""

    name: str = arg("Its name in the configuration.")


@frozen
class SomeConverters:
    """Which converters are meant."""

    names: tuple[str, ...] = arg("Their names in the configuration; empty: all.", default=())


async def get_converters(board: Board, host: QueueHost) -> Answer:
    """All that are configured, as `board` knows them, with what the queue of `host` has of each."""
    counted = await _counted(host)
    items = [
        {**facts, "counts": _by_state(counted, str(facts["name"]))} for facts in board.converters()
    ]
    return {"items": items, "next": None}


async def _counted(host: QueueHost) -> dict[str, dict[State, int]] | None:
    try:
        return await host.queue().desk.files_by_converter()
    except (NotReady, StoreError):
        return None


def _by_state(counted: dict[str, dict[State, int]] | None, name: str) -> dict[str, int] | None:
    if counted is None:
        return None
    return {state.value: n for state, n in counted.get(name, {}).items()}


async def _get_converters(host: Host, _args: NoArgs, _who: Who) -> Answer:
    return await get_converters(host.board, host)


async def _enable(host: Host, args: OneConverter, who: Who) -> Answer:
    return await host.converters.enable(args.name, who)


async def _disable(host: Host, args: OneConverter, who: Who) -> Answer:
    return await host.converters.disable(args.name, who)


async def _reload(host: Host, args: SomeConverters, _who: Who) -> Answer:
    told: dict[str, Any] = await host.converters.reload(args.names)
    return told


COMMANDS: Final = (
    Command(
        "get_converters",
        Role.VIEWER,
        When.ALWAYS,
        changes=False,
        doc="The configured converters: the code that is in use, and what each is doing.",
        result="`items`: as `converters` of `get_status`, each with `counts`, its files by state "
        "(null where the queue cannot be asked); `next`: null.",
        args=NoArgs,
        run=_get_converters,
    ),
    Command(
        "enable_converter",
        Role.OPERATOR,
        When.AT_WORK_OR_PAUSED,
        changes=True,
        doc="End what `disable_converter` began: its folder is watched and its files go on. One "
        "that the configuration has disabled is refused.",
        result="`name`; `enabled`: true; `changed`: whether it was disabled.",
        args=OneConverter,
        run=_enable,
    ),
    Command(
        "disable_converter",
        Role.OPERATOR,
        When.AT_WORK_OR_PAUSED,
        changes=True,
        doc="Watch its folder no more and let its files wait, over restarts, until it is enabled. "
        "What is in hand is finished.",
        result="`name`; `enabled`: false; `changed`: whether it was enabled.",
        args=OneConverter,
        run=_disable,
    ),
    Command(
        "reload_converters",
        Role.OPERATOR,
        When.AT_WORK_OR_PAUSED,
        changes=True,
        doc="Take the code of converters as it is now into use; no job is dropped. What cannot be "
        "used is refused, and what is in use stays.",
        result="`reloaded` and `unchanged`: `name`, `version` and `revision` of each; `refused`: "
        "`name`, `why`, `traceback` and `in_use`: whether there is other code of it that goes on; "
        "else its files wait.",
        args=SomeConverters,
        run=_reload,
        bounded=False,
    ),
)

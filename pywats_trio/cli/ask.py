"""Asking about the queue: the running service, or the queue itself where none runs."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from pywats_trio.cli.link import Link, address
from pywats_trio.errors import ConfigError, NotRunning

if TYPE_CHECKING:
    from pywats_trio.cli.main import Globals

LONG: Final = 24 * 3600.0
"""Seconds for commands that may take as long as the queue is large."""


Ask = Callable[[str, Mapping[str, Any]], dict[str, Any]]
"""A command and its arguments; what it answers."""


@contextlib.contextmanager
def asking(options: Globals) -> Iterator[Ask]:
    """Inside the block, what is given can be called with a command and its arguments.

    A service hangs up on who asks nothing for half a minute: do not wait for a person in the block.

    Raises:
        PywatsTrioError: refused or failed; so does each call.
    """
    link = _link(options)
    if link is None:
        yield lambda command, args: _ask_stopped(options, command, args)
        return
    with link:
        yield lambda command, args: link.ask_patiently(command, args, seconds=LONG)


def _link(options: Globals) -> Link | None:
    """To the running service; None if nobody answers."""
    try:
        return Link(address(options).socket)
    except NotRunning:
        return None
    except ConfigError:
        if options.load().ipc.enabled:
            raise
        return None  # if one runs all the same, its lock says so


def _ask_stopped(options: Globals, command: str, args: Mapping[str, Any]) -> dict[str, Any]:
    import trio  # noqa: PLC0415 - a running service is asked without it

    from pywats_trio.control import Role, Who  # noqa: PLC0415
    from pywats_trio.service.stopped import open_stopped  # noqa: PLC0415

    config = options.load()
    who = Who(f"uid {os.getuid()}", Role.ADMIN)

    async def asked() -> dict[str, Any]:
        async with open_stopped(config) as control:
            return await control.ask(command, args, who)

    return trio.run(asked)

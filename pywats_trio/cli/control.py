"""`pywats-trio pause`, `resume`, `reload` and `stop`: as the signals do, over local control."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.link import Link, address
from pywats_trio.cli.output import json_option, print_json
from pywats_trio.errors import ConfigError, NotRunning, StopError, TookTooLong

if TYPE_CHECKING:
    from pathlib import Path

    from pywats_trio.cli.main import Globals

SPARE_SECONDS: Final = 2.0
"""What a service may take to end beyond its grace."""


@click.command()
@json_option
@click.pass_obj
def pause(options: Globals, as_json: bool) -> None:
    """Take, convert and deliver nothing new until `resume`, also after a restart."""
    with Link(address(options).socket) as link:
        done = link.ask_patiently("pause", {})
    _tell(done, "paused; what is in hand is finished, `pywats-trio resume` goes on", as_json)


@click.command()
@json_option
@click.pass_obj
def resume(options: Globals, as_json: bool) -> None:
    """End a pause."""
    with Link(address(options).socket) as link:
        done = link.ask_patiently("resume", {})
    _tell(done, f"the service is {done.get('state')}", as_json)


@click.command()
@json_option
@click.pass_obj
def reload(options: Globals, as_json: bool) -> None:
    """Read the configuration again and put it into effect without dropping a job.

    One that is not valid is refused with every problem, and the former one goes on.
    """
    with Link(address(options).socket) as link:
        done = link.ask_patiently("reload_config", {})
    _tell(done, "\n".join(_reloaded(done)), as_json)
    if refused := done.get("refused"):
        raise ConfigError(
            f"not reloaded: {', '.join(refused)}; the code that was in use, if any, goes on"
        )


def _reloaded(done: dict[str, Any]) -> list[str]:
    lines = [f"in effect now: {key}" for key in done.get("changed", ())]
    lines += [f"needs a restart: {key}" for key in done.get("needs_restart", ())]
    lines += [f"refused: {name}: {why}" for name, why in done.get("refused", {}).items()]
    return lines or ["nothing has changed"]


@click.command()
@json_option
@click.pass_obj
def stop(options: Globals, as_json: bool) -> None:
    """Let the service finish what it has in hand and end; wait until it has.

    It takes no longer than `shutdown.grace_seconds`; what is not finished by then goes on at the
    next start.
    """
    where = address(options)
    began = time.monotonic()
    with Link(where.socket) as link:
        who = _who(link)
        with contextlib.suppress(NotRunning):  # so quick that the answer was lost: look below
            link.ask_patiently("stop", {})
        _until_gone(link, who, where.socket, where.grace_seconds + SPARE_SECONDS)
    seconds = time.monotonic() - began
    done = {"stopped": True, "pid": who[0], "seconds": round(seconds, 3)}
    _tell(done, f"stopped after {seconds:.1f} s", as_json)


def _who(link: Link) -> tuple[object, object]:
    """What tells one service from the next that starts in its place."""
    told = link.ask_patiently("get_status", {})
    return told.get("pid"), told.get("started_at")


def _until_gone(first: Link, who: tuple[object, object], path: Path, seconds: float) -> None:
    """Until this service answers no more; its end is told by the connection that it closes.

    Raises:
        StopError: it still answers after `seconds`.
    """
    until = time.monotonic() + seconds
    link: Link | None = first
    with contextlib.ExitStack() as links, contextlib.suppress(NotRunning):
        while (left := until - time.monotonic()) > 0:
            if link is not None and not link.hung_up(left):
                break
            # A client that asks nothing is cut off, too: whoever still answers has not stopped.
            link = _again(path)
            if link is not None and not _same(links.enter_context(link), who):
                return
        raise StopError(
            f"the service still runs {seconds:g} s after it was asked to stop; see what it waits "
            f"for with `pywats-trio status`, or end its process {who[0]}: nothing is lost by that"
        )


def _again(path: Path) -> Link | None:
    """Another connection; None if it is too busy for one now.

    Raises:
        NotRunning: nobody answers there.
    """
    try:
        return Link(path)
    except TookTooLong:
        return None


def _same(link: Link, who: tuple[object, object]) -> bool:
    """Whether it is still this service; one that hangs up at once may be."""
    try:
        return _who(link) == who
    except NotRunning:
        return True


def _tell(done: dict[str, Any], words: str, as_json: bool) -> None:
    if as_json:
        print_json(done)
    else:
        click.echo(words)

"""The group `queue`; its commands are imported on use."""

from __future__ import annotations

from typing import Final

import click

from pywats_trio.cli.group import Command, Group

COMMANDS: Final = {
    "ls": Command("pywats_trio.cli.queue.look:ls", "List items, the newest first."),
    "retry": Command("pywats_trio.cli.queue.change:retry", "Bring back what failed."),
    "hold": Command("pywats_trio.cli.queue.change:hold", "Keep items back."),
    "release": Command("pywats_trio.cli.queue.change:release", "Let go of what is held."),
}


@click.group(cls=Group, commands=COMMANDS)
def queue() -> None:
    """Look at items of the queue and work on them, whether the service runs or not."""

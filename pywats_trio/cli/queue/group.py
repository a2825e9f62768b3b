"""The group `queue`; its commands are imported on use."""

from __future__ import annotations

from typing import Final

import click

from pywats_trio.cli.group import Command, Group

COMMANDS: Final = {
    "ls": Command("pywats_trio.cli.queue.look:ls", "List items, the newest first."),
    "show": Command("pywats_trio.cli.queue.show:show", "Show an item and its whole life."),
    "retry": Command("pywats_trio.cli.queue.change:retry", "Bring back what failed."),
    "hold": Command("pywats_trio.cli.queue.change:hold", "Keep items back."),
    "release": Command("pywats_trio.cli.queue.change:release", "Let go of what is held."),
    "priority": Command("pywats_trio.cli.queue.change:priority", "What is to be done first."),
    "rm": Command("pywats_trio.cli.queue.destroy:rm", "Remove items for good."),
    "compact": Command("pywats_trio.cli.queue.keep:compact", "Give free room back to the disk."),
    "verify": Command("pywats_trio.cli.queue.verify:verify", "Look the whole queue through."),
    "backup": Command("pywats_trio.cli.queue.backup:backup", "Copy the queue to a file."),
    "restore": Command("pywats_trio.cli.queue.backup:restore", "Go back to a backup."),
    "export": Command("pywats_trio.cli.queue.carry:export", "Carry reports to another queue."),
    "import": Command("pywats_trio.cli.queue.carry:import_", "Take what was carried here."),
    "clear": Command("pywats_trio.cli.queue.destroy:clear", "Remove what has come to its end."),
}


@click.group(cls=Group, commands=COMMANDS)
def queue() -> None:
    """Look at items of the queue and work on them, whether the service runs or not."""

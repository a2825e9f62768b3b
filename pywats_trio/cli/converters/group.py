"""The group `converters`; its commands are imported on use."""

from __future__ import annotations

from typing import Final

import click

from pywats_trio.cli.group import Command, Group

COMMANDS: Final = {
    "ls": Command("pywats_trio.cli.converters.ls:ls", "List what is configured and what there is."),
    "show": Command("pywats_trio.cli.converters.show:show", "Show one, and its arguments."),
    "test": Command("pywats_trio.cli.converters.test:test", "Convert a file, and send nothing."),
    "new": Command("pywats_trio.cli.converters.new:new", "Begin a converter of your own."),
    "enable": Command("pywats_trio.cli.converters.live:enable", "End what `disable` began."),
    "disable": Command("pywats_trio.cli.converters.live:disable", "Let the files of one wait."),
    "reload": Command("pywats_trio.cli.converters.live:reload", "Take changed code into use."),
}


@click.group(cls=Group, commands=COMMANDS)
def converters() -> None:
    """List converters, try one on a file, or begin one; turn those of a service on and off."""

"""Every command that a sentence of the package tells people to type exists."""

from __future__ import annotations

import re
from pathlib import Path

import click

import pywats_trio
from pywats_trio.cli.main import cli

NAMED = re.compile(r"`pywats-trio ((?:[a-z][a-z-]* ?)*)")
"""Its words, up to the first that is an option or stands for something."""


def unknown(words: list[str]) -> str:
    """The first word that is no command; empty if all are, up to the arguments of one."""
    command: click.Command | None = cli
    for word in words:
        if not isinstance(command, click.Group):
            break
        command = command.get_command(click.Context(command), word)
        if command is None:
            return word
    return ""


def test_each_is_there() -> None:
    named = [
        (path.name, found[1])
        for path in Path(pywats_trio.__file__).parent.rglob("*.py")
        for found in NAMED.finditer(path.read_text("utf-8"))
    ]
    assert len(named) > 20
    assert [(name, words) for name, words in named if unknown(words.split())] == []
    assert unknown(["converters", "list"]) == "list"

"""`pywats-trio converters new NAME`: a converter to begin with, its sample and its test."""

from __future__ import annotations

import contextlib
import json
import keyword
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pywats_trio.cli.output import json_option, print_json
from pywats_trio.errors import PywatsTrioError, UsageError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

KEBAB: Final = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LONGEST: Final = 40
"""Characters of a name."""


@click.command()
@click.argument("name")
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where to; default: here.",
)
@json_option
def new(name: str, folder: Path, as_json: bool) -> None:
    """Write a converter NAME that works, a sample for it and a test that passes.

    What is there already is left alone.
    """
    words = _words(name)
    files = {folder / path: text for path, text in _texts(words).items()}
    _write(files)
    table = _table(words, folder)
    command = _command(words, folder)
    if as_json:
        print_json({"name": name, "files": list(files), "configuration": table, "try": command})
    else:
        _tell(files, table, command)


def _words(name: str) -> dict[str, str]:
    """What the templates have blanks for.

    Raises:
        UsageError: it is no name, or one that something else has.
    """
    from pywats_trio.converters.registry import STANDARD, UNBUILT  # noqa: PLC0415 - for `--help`

    if not KEBAB.fullmatch(name) or len(name) > LONGEST:
        raise UsageError(
            f"{printable(name)!r} is no name for a converter; write small letters, digits and "
            f"single hyphens between them, such as bench-log, at most {LONGEST} characters"
        )
    module = name.replace("-", "_")
    if name in {*STANDARD, *UNBUILT}:
        raise UsageError(f"{name!r} is a standard converter; choose another name")
    if keyword.iskeyword(module) or module in {*sys.stdlib_module_names, "pywats_trio"}:
        raise UsageError(f"{module!r} is a word of Python's own; choose another name")
    return {"name": name, "module": module, "class": module.title().replace("_", "")}


def _texts(words: Mapping[str, str]) -> dict[str, str]:
    """The content of each file, by its path."""
    from importlib import resources  # noqa: PLC0415
    from string import Template  # noqa: PLC0415

    templates = resources.files(__package__) / "template"
    paths = {
        f"{words['module']}.py": "converter.py.txt",
        f"test_{words['module']}.py": "test.py.txt",
        f"samples/{words['name']}-1.log": "sample.log.txt",
    }
    return {
        path: Template((templates / template).read_text("utf-8")).substitute(words)
        for path, template in paths.items()
    }


def _write(files: Mapping[Path, str]) -> None:
    """All of them or none, and over nothing.

    Raises:
        UsageError: one of them is there already.
        PywatsTrioError: one of them cannot be written.
    """
    made: list[Path] = []
    try:
        for file, text in files.items():
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("x", encoding="utf-8") as stream:
                made.append(file)
                stream.write(text)
    except OSError as error:
        for written in made:
            with contextlib.suppress(OSError):
                written.unlink()
        told = printable(error.filename or "")
        if isinstance(error, FileExistsError):
            raise UsageError(
                f"{told} is there already and was left alone; choose another name or --dir"
            ) from error
        raise PywatsTrioError(
            f"{told} cannot be written: {error.strerror}; choose another --dir"
        ) from error


def _table(words: Mapping[str, str], folder: Path) -> str:
    """The lines that put it into the service."""
    name = words["name"]
    type_ = f"{folder.absolute() / words['module']}.py:{words['class']}"
    return "\n".join(
        (
            "[[converters]]",
            f'name = "{name}"',
            f"type = {json.dumps(type_, ensure_ascii=False)}",
            f'watch = "/data/drop/{name}"',
            "[converters.arguments]",
            "process_code = 10",
        )
    )


def _command(words: Mapping[str, str], folder: Path) -> str:
    import shlex  # noqa: PLC0415

    sample = folder / "samples" / f"{words['name']}-1.log"
    type_ = f"{folder / words['module']}.py:{words['class']}"
    line = ("pywats-trio", "converters", "test", str(sample), "--converter", type_)
    return shlex.join(line)


def _tell(files: Mapping[Path, str], table: str, command: str) -> None:
    click.echo("Written: " + ", ".join(printable(str(file)) for file in files))
    click.echo(f"\nTry it, with --watch at every save:\n\n  {command}\n")
    click.echo("Put it into the configuration, with the folder that its files come in:\n")
    for line in table.splitlines():
        click.echo(f"  {line}")

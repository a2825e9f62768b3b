"""The command `converters new`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from pywats_trio.cli.converters.new import names
from pywats_trio.cli.output import json_option, print_json, print_table
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pywats_trio.cli.converters.new.begin import Begun

_PLAIN: Final = {
    "{module}.py": "converter.py",
    "test_{module}.py": "test.py",
    "samples/{name}-1.log": "sample.log",
}
"""Without a sample: the files of a converter for an invented tester, and their templates."""


@click.command()
@click.argument("name")
@click.option(
    "--from",
    "sample",
    metavar="SAMPLE",
    type=click.Path(path_type=Path),
    help="A file of the tester: the converter reads it, as far as can be seen how.",
)
@click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default=Path(),
    help="Where to; default: here.",
)
@json_option
def new(name: str, sample: Path | None, folder: Path, as_json: bool) -> None:
    """Write a converter NAME that works, a sample for it and a test that passes.

    From a SAMPLE of your own it finds out what kind of file that is, and guesses what in it is the
    serial number, the start, the rows of measurements and so on; the tables at the top of the
    converter say what was guessed. What is there already is left alone.
    """
    words = names.words(name)
    if sample is None:
        _write_plain(words, folder, as_json=as_json)
    else:
        _write_from(sample, words, folder, as_json=as_json)


def _write_plain(words: Mapping[str, str], folder: Path, *, as_json: bool) -> None:
    from pywats_trio.cli.converters.new import files, render  # noqa: PLC0415 - for `--help`

    made = {
        folder / path.format(**words): render.template(template, words).encode()
        for path, template in _PLAIN.items()
    }
    files.write(made)
    lines = ("[converters.arguments]", "process_code = 10")
    table = files.configuration(words, folder, lines=lines)
    command = files.command(words, folder, f"{words['name']}-1.log")
    if as_json:
        said = {"name": words["name"], "files": list(made)}
        print_json({**said, "configuration": table, "try": command})
    else:
        _tell(made, table, command)


def _write_from(path: Path, words: Mapping[str, str], folder: Path, *, as_json: bool) -> None:
    from pywats_trio.cli.converters.new import begin, files, sample  # noqa: PLC0415 - for `--help`

    read = sample.read(path)
    begun = begin.begin(words, read)
    made = {folder / name: content for name, content in begun.files.items()}
    copy = folder / "samples" / read.name
    if not (copy.exists() and copy.samefile(path)):  # else it lies there already
        made[copy] = read.data
    files.write(made)
    table = files.configuration(words, folder, lines=())
    command = files.command(words, folder, read.name)
    if as_json:
        print_json(
            {
                "name": words["name"],
                "kind": begun.spoken,
                "files": list(made),
                "guessed": [{"what": what, "name": name} for what, name in begun.guessed],
                "not_found": begun.missing,
                "notes": begun.notes,
                "reports": begun.reports,
                "refused": begun.refused or None,
                "configuration": table,
                "try": command,
            }
        )
        return
    _tell_guesses(begun, read.name)
    _tell(made, table, command)


def _tell_guesses(begun: Begun, name: str) -> None:
    told = printable(name)
    click.echo(f"{told} is {begun.spoken}.\n")
    if begun.guessed:
        print_table(("WHAT", "IN THE FILE"), begun.guessed)
        click.echo("")
    if begun.missing:
        click.echo(f"Not found: {', '.join(begun.missing)}\n")
    for note in begun.notes:
        click.echo(f"Note: {printable(note)}\n")
    if begun.refused:
        click.echo(f"Until you correct it, it refuses the sample: {printable(begun.refused)}\n")
    else:
        reports = "1 report" if begun.reports == 1 else f"{begun.reports} reports"
        click.echo(
            f"It makes {reports} of the sample. Look whether each fact in "
            f"samples/{told}.expected.json is\nwhat the file says, and correct it where it is "
            "not: the test holds the converter to it.\n"
        )


def _tell(made: Iterable[Path], table: str, command: str) -> None:
    click.echo("Written: " + ", ".join(printable(str(file)) for file in made))
    click.echo(f"\nTry it, with --watch at every save:\n\n  {command}\n")
    click.echo("Put it into the configuration, with the folder that its files come in:\n")
    for line in table.splitlines():
        click.echo(f"  {line}")

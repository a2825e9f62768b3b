"""`pywats-trio converters ls`: what is configured, and what could be."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.converters.configured import configuration
from pywats_trio.cli.output import json_option, print_listing, print_table
from pywats_trio.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config
    from pywats_trio.convert.answer import Description

    Row = dict[str, Any]

PATIENCE: Final = 30.0
"""Seconds for all of them to say what they are."""
HEADS: Final = ("name", "type", "version", "patterns", "watch", "enabled")


@click.command()
@json_option
@click.pass_obj
def ls(options: Globals, as_json: bool) -> None:
    """List the configured converters and the types there are."""
    rows = list(_rows(configuration(options)))
    if as_json:
        print_listing(rows)
        return
    print_table(HEADS, [[_text(row[head]) for head in HEADS] for row in rows])
    for row in rows:
        if row["problem"]:
            click.echo(f"{row['name'] or row['type']}: {row['problem']}", err=True)


def _text(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _rows(config: Config | None) -> Iterator[Row]:
    """A row for each configured converter, then one for each type that could be configured."""
    from pywats_trio.converters.registry import STANDARD, entry_points  # noqa: PLC0415

    configured = config.converters if config else ()
    types = (*STANDARD, *entry_points())
    known = _described([*(options.type for options in configured), *types], config)
    for options in configured:
        about = known[options.type]
        yield about | {
            "name": options.name,
            "patterns": list(options.patterns) or about["patterns"],
            "watch": str(options.watch),
            "enabled": options.enabled,
        }
    for type_ in types:
        yield {"name": "", **known[type_], "watch": "", "enabled": None}


def _described(types: Iterable[str], config: Config | None) -> dict[str, Row]:
    """What each type says of itself, all asked at once; their code runs in workers."""
    import trio  # noqa: PLC0415

    from pywats_trio.config.options import WorkerOptions  # noqa: PLC0415
    from pywats_trio.convert.trial import Question, inquire  # noqa: PLC0415
    from pywats_trio.converters.registry import parse  # noqa: PLC0415

    rows: dict[str, Row] = {}
    questions: dict[str, Question] = {}
    for type_ in types:
        try:
            questions[type_] = Question(parse(type_))
        except ConfigError as error:
            rows[type_] = _row(type_, str(error))
    workers = config.workers if config else WorkerOptions()
    answers = trio.run(inquire, list(questions.values()), workers, PATIENCE)
    said = zip(questions, answers, strict=True)
    return rows | {type_: _row(type_, answer) for type_, answer in said}


def _row(type_: str, answer: Description | str) -> Row:
    """What is known of a type; of one that cannot be asked, why."""
    if isinstance(answer, str):
        nothing: Row = {"id": "", "version": "", "patterns": [], "arguments": {}}
        return {"type": type_, **nothing, "problem": answer}
    return {
        "type": type_,
        "id": answer.id,
        "version": answer.version,
        "patterns": list(answer.patterns),
        "arguments": dict(answer.arguments),
        "problem": "",
    }

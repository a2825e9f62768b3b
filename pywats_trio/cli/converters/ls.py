"""`pywats-trio converters ls`: what is configured and how it does, and what could be."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.converters import running, words
from pywats_trio.cli.converters.configured import configuration
from pywats_trio.cli.converters.show import unit
from pywats_trio.cli.output import json_option, print_listing, print_table
from pywats_trio.errors import ConfigError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config, ConverterOptions
    from pywats_trio.convert.said import Description

    Row = dict[str, Any]

PATIENCE: Final = 30.0
"""Seconds for all of them to say what they are."""
HEADS: Final = ("name", "type", "version", "patterns", "watch", "enabled", "reads")
LIVE: Final = (
    *("name", "type", "version", "patterns", "watch", "state", "waiting", "failed", "reads"),
)
"""Where a service runs: its version, and files that wait or could not be converted."""


@click.command()
@json_option
@click.pass_obj
def ls(options: Globals, as_json: bool) -> None:
    """List the configured converters, what the service does with each, and the types there are.

    Without a running service, what is configured and what the authors say.
    """
    config = configuration(options)
    told = running.ask(options, config)
    rows = [{**row, "running": told.converters.get(row["name"])} for row in _rows(config)]
    if as_json:
        print_listing(rows)
        return
    _print(rows, told)
    for row in rows:
        if row["problem"]:
            click.echo(f"{row['name'] or row['type']}: {row['problem']}", err=True)
    if told.why_not:
        click.echo(told.why_not, err=True)


def _print(rows: list[Row], told: running.Running) -> None:
    if not told.converters:
        print_table(HEADS, [[_text(row[head]) for head in HEADS] for row in rows])
        return
    now = time.time()
    print_table(LIVE, [[_text(cell) for cell in _live(row, now)] for row in rows])
    for row in rows:
        for sentence in words.troubles(row["running"] or {}, now):
            click.echo(printable(f"{row['name']}: {sentence}"))


def _live(row: Row, now: float) -> Iterator[object]:
    facts = row["running"]
    yield from (row["name"], row["type"], words.code(facts) if facts else row["version"])
    yield from (row["patterns"], row["watch"])
    if facts:
        yield from (words.state(facts, now), words.waiting(facts), words.failed(facts))
    else:  # no more than a type, or not in the service's own configuration yet
        yield from ("not loaded" if row["name"] else "", "", "")
    yield row["reads"]


def _text(value: object) -> object:
    return " ".join(map(str, value)) if isinstance(value, list) else value


def _rows(config: Config | None) -> Iterator[Row]:
    """A row for each configured converter, then one for each type that could be configured."""
    from pywats_trio.converters.registry import STANDARD, entry_points  # noqa: PLC0415

    configured = config.converters if config else ()
    types = (*STANDARD, *entry_points())
    answers = _answers([*(options.type for options in configured), *types], config)
    for options in configured:
        about = _row(options.type, answers[options.type])
        yield about | {
            "name": options.name,
            "unit": _unit(answers[options.type], options),
            "patterns": list(options.patterns) or about["patterns"],
            "watch": str(options.watch),
            "enabled": options.enabled,
        }
    for type_ in types:
        about = {"unit": _unit(answers[type_], None), "watch": "", "enabled": None}
        yield {"name": "", **_row(type_, answers[type_]), **about}


def _unit(answer: Description | str, line: ConverterOptions | None) -> Row | None:
    return None if isinstance(answer, str) else unit(answer, line)


def _answers(types: Iterable[str], config: Config | None) -> dict[str, Description | str]:
    """What each type says of itself, or why not; all asked at once, their code in workers."""
    import trio  # noqa: PLC0415

    from pywats_trio.config.options import WorkerOptions  # noqa: PLC0415
    from pywats_trio.convert.trial import Question, inquire  # noqa: PLC0415
    from pywats_trio.converters.registry import parse  # noqa: PLC0415

    answers: dict[str, Description | str] = {}
    questions: dict[str, Question] = {}
    for type_ in types:
        try:
            questions[type_] = Question(parse(type_))
        except ConfigError as error:
            answers[type_] = str(error)
    workers = config.workers if config else WorkerOptions()
    said = trio.run(inquire, list(questions.values()), workers, PATIENCE)
    return answers | dict(zip(questions, said, strict=True))


def _row(type_: str, answer: Description | str) -> Row:
    """What is known of a type; of one that cannot be asked, why."""
    if isinstance(answer, str):
        nothing: Row = {"id": "", "version": "", "patterns": [], "arguments": {}, "reads": ""}
        return {"type": type_, **nothing, "problem": answer}
    return {
        "type": type_,
        "id": answer.id,
        "version": answer.version,
        "patterns": list(answer.patterns),
        "arguments": dict(answer.arguments),
        "reads": answer.reads,
        "problem": "",
    }

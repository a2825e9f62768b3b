"""`pywats-trio converters show NAME|TYPE`: one converter, configured and as a service runs it.

What its author says is asked here, too, with or without a service; its code runs in a worker only.
"""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.converters import running, words
from pywats_trio.cli.converters.configured import configuration, line_of, sandbox_of
from pywats_trio.cli.converters.trace import authors_frames
from pywats_trio.cli.output import json_option, print_json, print_table
from pywats_trio.errors import ConfigError, SandboxUnavailable
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config, ConverterOptions, WorkerOptions
    from pywats_trio.convert.said import Description

    Facts = dict[str, Any]

HEADS: Final = ("argument", "type", "default", "range", "required", "configured", "help")


@click.command()
@click.argument("converter", metavar="NAME|TYPE")
@json_option
@click.pass_obj
def show(options: Globals, converter: str, as_json: bool) -> None:
    """Show a converter: its code, what it takes, its arguments, and what the service does with it.

    Without a running service, what is configured and what its author says.
    """
    config = configuration(options)
    line = line_of(config, converter)
    facts = _facts(config, line, converter)
    if line is not None:
        told = running.ask(options, config)
        facts["running"], facts["service"] = told.of(line.name)
        facts["sandbox"] = told.sandbox or facts["sandbox"]
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _facts(config: Config | None, line: ConverterOptions | None, named: str) -> Facts:
    workers, withheld = sandbox_of(config)
    type_ = line.type if line else named
    configured = dict(line.arguments) if line else {}
    said, trouble = _asked(type_, configured, workers, withheld)
    patterns = line.patterns if line else ()
    return {
        "name": line.name if line else "",
        "type": type_,
        "id": said.id if said else "",
        "version": said.version if said else "",
        "reads": said.reads if said else "",
        **_place(type_),
        "patterns": list(patterns or (said.patterns if said else ())),
        "watch": printable(str(line.watch)) if line else "",
        "enabled": line.enabled if line else None,
        "post_action": line.post_action if line else None,
        "unit": unit(said, line) if said else None,
        "arguments": dict(said.arguments) if said else {},
        "configured": json.loads(json.dumps(configured, default=str)),
        "mistakes": dict(said.mistakes[0]) if said else {},
        "notes": dict(said.notes[0]) if said else {},
        **trouble,
        "sandbox": _sandbox(workers),
        "running": None,
        "service": "",
    }


def _asked(
    type_: str,
    configured: Mapping[str, Any],
    workers: WorkerOptions,
    withheld: tuple[Path, ...],
) -> tuple[Description | None, Facts]:
    """What the converter says of itself and of its arguments, or why it cannot."""
    import trio  # noqa: PLC0415

    from pywats_trio.convert.trial import describe  # noqa: PLC0415

    try:
        said = trio.run(partial(describe, type_, workers, configured, withheld=withheld))
    except (ConfigError, SandboxUnavailable) as error:
        traceback = authors_frames(getattr(error, "evidence", ""))
        return None, {"problem": str(error), "traceback": traceback}
    return said, {"problem": "", "traceback": ""}


def _place(type_: str) -> Facts:
    """Where its code is; nothing of a configured type that there is not."""
    from pywats_trio.cli.converters.code import file_of  # noqa: PLC0415
    from pywats_trio.converters.registry import parse  # noqa: PLC0415

    try:
        spec = parse(type_)
    except ConfigError:
        return {"origin": "", "file": "", "class": ""}
    file = file_of(spec)
    where = printable(str(file)) if file else spec.module
    return {"origin": spec.origin.value, "file": where, "class": spec.attribute}


def _sandbox(workers: WorkerOptions) -> Facts:
    """The level that is wanted and the one that workers have here; none if they cannot have it."""
    from pywats_trio.sandbox.levels import Level, probe, reach  # noqa: PLC0415

    support = probe()
    try:
        reached = reach(Level(workers.sandbox), support, fallback=workers.sandbox_fallback)
    except SandboxUnavailable:
        return {"wanted": workers.sandbox, "level": None, "missing": support.lacks}
    return {"wanted": workers.sandbox, "level": reached.level, "missing": reached.missing}


def unit(said: Description, line: ConverterOptions | None) -> Facts:
    """`form`, and of what is no file when it is complete: as configured, else as its author says.

    The form is `file`, `folder` or `file-and-folder`; `marker`, `minimum_files`, `quiet_seconds`.
    """
    import attrs  # noqa: PLC0415 - `--help` must be quick

    from pywats_trio.intake.unitfolder import configured  # noqa: PLC0415

    if said.unit is None:
        return {"form": "file"}
    found = configured(said.unit, line) if line else said.unit
    return {**attrs.asdict(found), "form": found.form.value}


def _print(facts: Facts) -> None:
    rows = [(word, text) for word, text in _rows(facts) if text]
    wide = max(len(word) for word, _text in rows)
    for word, text in rows:
        click.echo(f"{word.ljust(wide)}  {text}")
    if facts["arguments"]:
        click.echo()
        print_table(HEADS, list(_arguments(facts)))
    for name, why in facts["mistakes"].items():
        click.echo(click.style(f"arguments.{name}: {why}", fg="red"))
    for name, why in facts["notes"].items():
        click.echo(click.style(f"arguments.{name}: {why}", fg="yellow"))
    if facts["problem"]:
        click.echo(f"\n{facts['traceback']}".rstrip())
        click.echo(click.style(facts["problem"], fg="red"))
    if facts["service"]:
        click.echo(facts["service"], err=True)


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    for word in ("name", "type", "id", "version", "reads"):
        yield word, facts[word]
    yield "code", f"class {facts['class']} of {facts['file']}" if facts["class"] else ""
    yield "patterns", " ".join(map(printable, facts["patterns"]))
    yield "watch", facts["watch"]
    yield "takes", words.takes(facts["unit"])
    yield "enabled", {True: "yes", False: "no", None: ""}[facts["enabled"]]
    yield "sandbox", words.level(facts["sandbox"])
    yield from (("", sentence) for sentence in facts["sandbox"]["missing"])
    yield "afterwards", _afterwards(facts["post_action"])
    if facts["running"]:
        yield from _running(facts["running"], time.time())


def _running(facts: Facts, now: float) -> Iterator[tuple[str, str]]:
    yield "state", words.state(facts, now)
    yield "code in use", words.code(facts)
    yield "last used", words.last_used(facts, now)
    yield "folder", words.in_folder(facts)
    yield "queue", words.in_queue(facts)
    yield from (("", printable(sentence)) for sentence in words.troubles(facts, now))


def _afterwards(action: str | None) -> str:
    """What becomes of a converted file, and who says so."""
    if action is None:
        return ""
    return f"{action}, as post_action says" if action else "what the converter says, else move"


def _arguments(facts: Facts) -> Iterator[tuple[object, ...]]:
    """A row of the table for each that is declared; one that is not is told below."""
    configured = facts["configured"]
    for name, argument in facts["arguments"].items():
        yield (
            name,
            argument["type"],
            argument["default"],
            _range(argument),
            bool(argument["required"]),
            configured.get(name, ""),
            argument["help"],
        )


def _range(argument: Mapping[str, Any]) -> str:
    if argument["choices"]:
        return ", ".join(map(str, argument["choices"]))
    low, high = argument["minimum"], argument["maximum"]
    if low is None and high is None:
        return f"matches {argument['pattern']}" if argument["pattern"] else ""
    return f"{'' if low is None else low} … {'' if high is None else high}".strip()

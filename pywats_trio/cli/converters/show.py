"""`pywats-trio converters show NAME|TYPE`: one converter, as far as it is known without a service.

Its code runs in a worker only.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import click

from pywats_trio.cli.converters.configured import configuration, line_of
from pywats_trio.cli.converters.trace import authors_frames
from pywats_trio.cli.output import json_option, print_json, print_table
from pywats_trio.errors import ConfigError, SandboxUnavailable
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pywats_trio.cli.main import Globals
    from pywats_trio.config.options import Config, ConverterOptions, WorkerOptions
    from pywats_trio.convert.answer import Description

    Facts = dict[str, Any]

HEADS: Final = ("argument", "type", "default", "range", "required", "configured", "help")


@click.command()
@click.argument("converter", metavar="NAME|TYPE")
@json_option
@click.pass_obj
def show(options: Globals, converter: str, as_json: bool) -> None:
    """Show a converter: where its code is, what it takes, its arguments and what is wrong."""
    config = configuration(options)
    facts = _facts(config, line_of(config, converter), converter)
    if as_json:
        print_json(facts)
    else:
        _print(facts)


def _facts(config: Config | None, line: ConverterOptions | None, named: str) -> Facts:
    from pywats_trio.config.options import WorkerOptions  # noqa: PLC0415 - `--help` must be quick

    workers = config.workers if config else WorkerOptions()
    type_ = line.type if line else named
    configured = dict(line.arguments) if line else {}
    said, trouble = _asked(type_, workers, configured)
    patterns = line.patterns if line else ()
    return {
        "name": line.name if line else "",
        "type": type_,
        "id": said.id if said else "",
        "version": said.version if said else "",
        **_place(type_),
        "patterns": list(patterns or (said.patterns if said else ())),
        "watch": printable(str(line.watch)) if line else "",
        "enabled": line.enabled if line else None,
        "arguments": dict(said.arguments) if said else {},
        "configured": json.loads(json.dumps(configured, default=str)),
        "mistakes": dict(said.mistakes[0]) if said else {},
        **trouble,
        "sandbox": _sandbox(workers),
    }


def _asked(
    type_: str, workers: WorkerOptions, configured: Mapping[str, Any]
) -> tuple[Description | None, Facts]:
    """What the converter says of itself and of its arguments, or why it cannot."""
    import trio  # noqa: PLC0415

    from pywats_trio.convert.trial import describe  # noqa: PLC0415

    try:
        return trio.run(describe, type_, workers, configured), {"problem": "", "traceback": ""}
    except (ConfigError, SandboxUnavailable) as error:
        traceback = authors_frames(getattr(error, "evidence", ""))
        return None, {"problem": str(error), "traceback": traceback}


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
    if facts["problem"]:
        click.echo(f"\n{facts['traceback']}".rstrip())
        click.echo(click.style(facts["problem"], fg="red"))


def _rows(facts: Facts) -> Iterator[tuple[str, str]]:
    for word in ("name", "type", "id", "version"):
        yield word, facts[word]
    yield "code", f"class {facts['class']} of {facts['file']}" if facts["class"] else ""
    yield "patterns", " ".join(map(printable, facts["patterns"]))
    yield "watch", facts["watch"]
    yield "enabled", {True: "yes", False: "no", None: ""}[facts["enabled"]]
    yield "sandbox", _level(facts["sandbox"])
    yield from (("", sentence) for sentence in facts["sandbox"]["missing"])


def _level(sandbox: Facts) -> str:
    if sandbox["level"] == sandbox["wanted"]:
        return str(sandbox["level"])
    return f"{sandbox['level'] or 'none'}, although {sandbox['wanted']} is configured"


def _arguments(facts: Facts) -> Iterator[tuple[object, ...]]:
    """A row of the table for each that is declared; one that is not is a mistake, told below."""
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
        return ""
    return f"{'' if low is None else low} … {'' if high is None else high}".strip()

"""`converters test --watch`: a file is tried again each time it, or its converter, is saved."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import TYPE_CHECKING

import click
import trio

from pywats_trio.cli.converters import present
from pywats_trio.cli.converters.code import file_of
from pywats_trio.cli.converters.configured import sandbox_of
from pywats_trio.cli.converters.saves import Saves
from pywats_trio.convert.trial import CannotUse, Refused, at_bench
from pywats_trio.converters.registry import Origin, parse
from pywats_trio.errors import ConfigError, NotFoundError
from pywats_trio.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from pywats_trio.config.options import Config
    from pywats_trio.convert.trial import Attempt, Bench


async def keep_trying(attempt: Attempt, config: Config | None, as_json: bool) -> None:
    """Try and show, then wait for a save; for ever. A save in the middle of a try ends that.

    Raises:
        NotFoundError: the file is not there to begin with.
    """
    if not await trio.Path(attempt.path).exists():
        raise NotFoundError(f"there is no file {attempt.path}; check the path")
    files = _files(attempt)
    with Saves(files) as saves:
        _note(f"watching {_listed(files)} (Ctrl-C ends this)")
        workers, withheld = sandbox_of(config)
        again = partial(_keep_trying, attempt, saves, as_json)
        await at_bench(workers, again, withheld=withheld)


def _files(attempt: Attempt) -> list[Path]:
    """The file, and the one that its converter is in, unless that is ours."""
    files = [attempt.path]
    spec = parse(attempt.type) if attempt.type else None
    if spec is not None and spec.origin is not Origin.STANDARD and (code := file_of(spec)):
        files.append(code)
    return files


async def _keep_trying(attempt: Attempt, saves: Saves, as_json: bool, bench: Bench) -> None:
    while True:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_try_and_show, attempt, as_json, bench)
            saved = await saves.wait()
            nursery.cancel_scope.cancel()
        _note(f"{time.strftime('%H:%M:%S')}: {_listed(saved)} saved")


async def _try_and_show(attempt: Attempt, as_json: bool, bench: Bench) -> None:
    try:
        trial = await bench.convert(attempt)
    except Refused as refused:
        if as_json:
            click.echo(json.dumps(present.refusal(refused)))
        else:
            present.show_refusal(refused)
    except (ConfigError, NotFoundError) as error:
        if isinstance(error, CannotUse):
            present.show_traceback(error)
        click.echo(error, err=True)
    else:
        if as_json:
            click.echo(json.dumps(present.document(trial)))
        else:
            present.show(trial)


def _listed(files: Iterable[Path]) -> str:
    return " and ".join(printable(file.name) for file in files)


def _note(words: str) -> None:
    click.echo(click.style(words, dim=True), err=True)

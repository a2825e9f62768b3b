"""What the tests of the library share: a service on a folder, a server, and a slow converter."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from benchmarks import data
from pywats_trio import Config, ConverterOptions, Service, ShutdownOptions, open_service
from pywats_trio.devserver import DevServer, Fault, open_devserver
from tests.e2e.site import database_rows, make_site

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

PROMPT = 1.0
"""Seconds that a cancellation may take (contract section 13)."""
GRACE = 20.0
HANG = Fault(hang=True)

SLOW = """
import time

from pywats_trio.converters import Converter, Reject, Report


class Slow(Converter):
    id = "slow"
    patterns = ("*.json",)

    def convert(self, source, context):
        context.logger.info("begun")
        time.sleep(60)
        yield from Report.from_bytes(source.read_bytes())


class Picky(Converter):
    id = "picky"
    patterns = ("*.json",)

    def convert(self, source, context):
        raise Reject("I do not like it")
"""


def body(number: int, run: str = "library") -> bytes:
    """The bytes of a sound report with an id of its own."""
    return data.report(run, number, 1200)


def mapping(number: int, **changes: Any) -> dict[str, Any]:
    """A sound report as an object; a key set to `...` is left out."""
    report = {**json.loads(body(number)), **changes}
    return {key: value for key, value in report.items() if value is not ...}


def config(folder: Path, url: str, **tables: Any) -> Config:
    """A service below `folder` that is quick; `tables` replace whole tables."""
    folder.mkdir(exist_ok=True)
    quick = make_site(folder, url).config
    return evolve(quick, **{"shutdown": ShutdownOptions(grace_seconds=GRACE), **tables})


def with_custom(given: Config, name: str) -> Config:
    """With the converter `name` of `SLOW` in place of the first one."""
    script = given.data_dir.parent / "custom.py"
    script.write_text(SLOW)
    [options] = given.converters
    return evolve(given, converters=(evolve(options, type=f"{script}:{name}"),))


@frozen
class Running:
    """A service, its server and its folder."""

    service: Service
    server: DevServer
    folder: Path

    @property
    def watch(self) -> Path:
        """The watch folder of the first converter."""
        return self.converter.watch

    @property
    def converter(self) -> ConverterOptions:
        """The first converter."""
        return self.service.config.converters[0]


@asynccontextmanager
async def running(folder: Path, *faults: Fault, **tables: Any) -> AsyncIterator[Running]:
    """A service that delivers to a server which has these faults."""
    async with (
        open_devserver(faults=faults) as server,
        open_service(config(folder, server.url, **tables)) as service,
    ):
        yield Running(service, server, folder)


def states(folder: Path, kind: str = "report") -> list[str]:
    """Of all items of a kind, the oldest first."""
    sql = "SELECT state FROM items WHERE kind = ? ORDER BY id"
    return [state for (state,) in database_rows(folder / "data", sql, kind)]

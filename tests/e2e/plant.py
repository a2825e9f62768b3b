"""A service in the test's own process, under load and with one of everything that can change."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import trio
from attrs import define, evolve

from pywats_trio.control import ENDED
from pywats_trio.devserver import open_devserver
from pywats_trio.service.service import Service
from tests.e2e.books import Books, audit
from tests.e2e.site import PATIENCE, Site, make_site, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from pywats_trio.config.options import Config
    from pywats_trio.devserver import DevServer
    from pywats_trio.service.reload import Source

STAMPING = """
import json
import time

from pywats_trio.converters import Argument, Converter, Report


class Stamp(Converter):
    id = "stamp"
    version = "1"
    patterns = ("*.json",)
    arguments = {
        "stamp": Argument(str, default="", help="written into the report"),
        "seconds": Argument(float, default=0.0, help="what a conversion takes"),
    }

    def convert(self, source, context):
        context.logger.info("begun")
        time.sleep(context.arguments["seconds"])
        report = json.loads(source.read_bytes())
        report["rev"] = "VERSION" + context.arguments["stamp"]
        yield Report(report)
"""
"""A converter that writes its version and an argument into the revision of the unit."""


@define
class Plant:
    """A service under load, its files, and the server that takes them."""

    site: Site
    service: Service
    server: DevServer
    books: Books

    @property
    def config(self) -> Config:
        return self.service.config

    async def arrived(self) -> None:
        with trio.move_on_after(PATIENCE) as scope:
            await self.books.until_delivered(self.server)
        if scope.cancelled_caught:
            tail = "\n".join(json.dumps(record, default=str) for record in self.site.log[-40:])
            raise AssertionError(f"waited {PATIENCE:.0f} s; the log ends with\n{tail}")

    async def revisions(self) -> Counter[str]:
        """How many reports came with which stamp."""
        found: Counter[str] = Counter()
        for file in self.books.dropped:
            body = await self.server.body(file.report_id)
            assert body is not None
            found[json.loads(body)["rev"]] += 1
        return found


@asynccontextmanager
async def plant(
    tmp_path: Path, *, source: Source | None = None, audited: bool = True, **options: Any
) -> AsyncIterator[Plant]:
    """In the end everything has arrived once, and is put away."""
    async with open_devserver() as server:
        site = make_site(tmp_path, server.url, **options)
        with recorded(site):
            service = Service(site.config, source=source)
            books = Books(site.watch)
            async with trio.open_nursery() as nursery:
                await nursery.start(service.run)
                yield Plant(site, service, server, books)
                if service.state not in ENDED:
                    await service.wait_until(lambda counts: not counts.unfinished)
                service.stop()
            assert not service.forced
            if audited:
                await audit(books, tmp_path / "data", server, None)


def stamping(tmp_path: Path, version: str = "1") -> str:
    """The converter file, of this version; its type."""
    file = tmp_path / "stamping.py"
    file.write_text(STAMPING.replace("VERSION", version))
    return f"{file}:Stamp"


def with_line(config: Config, **changes: Any) -> Config:
    [first, *others] = config.converters
    return evolve(config, converters=(evolve(first, **changes), *others))


async def until_history(here: Plant, count: int, word: str) -> int:
    """Until the history has a `word` so often."""
    found = 0
    async for event in here.service.events(0):
        found += event.event == word
        if found == count:
            break
    return found

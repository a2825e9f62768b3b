"""What was found out about converters, written into the queue."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import structlog
import trio
from attrs import evolve

from pywats_trio.converters.registry import Origin
from pywats_trio.errors import StoreError
from pywats_trio.model import Kind, Reason, State
from pywats_trio.queue.actions import Reopen, Resume
from pywats_trio.queue.selection import Selection
from pywats_trio.queue.store import Topic

if TYPE_CHECKING:
    from collections.abc import Collection

    from pywats_trio.convert.lineup import Lineup
    from pywats_trio.convert.outages import Outages
    from pywats_trio.converters.registry import Spec
    from pywats_trio.queue.store import Store

log = structlog.get_logger("pywats_trio.convert")

WHO: Final = "convert"
PAUSED: Final = "converters.paused"
"""The setting by which the pause of a converter survives a restart."""
RETRY_SECONDS: Final = 1.0
"""Between tries to write while the store cannot (a full disk, say)."""
WAITING: Final = Selection(kind=Kind.FILE, states=(State.SUSPENDED,), reason=Reason.CONVERTER)
"""Files that wait for a converter."""
KILLED: Final = Selection(kind=Kind.FILE, states=(State.QUARANTINED,))


def edition_of(spec: Spec, version: str) -> str:
    """What tells one version of a converter's code from another one, over restarts, too.

    Of a file its content; of what is installed only what its author says.
    """
    return spec.revision if spec.origin is Origin.FILE else version


class Mending:
    """Wakes what waited for a converter, reopens what killed workers of another version of it, and
    remembers which converters are paused.

    `names`: the converters of `lineup` that are configured.
    """

    def __init__(
        self, store: Store, outages: Outages, lineup: Lineup, names: Collection[str]
    ) -> None:
        self._store = store
        self._outages = outages
        self._lineup = lineup
        self._names = names
        self._editions: dict[str, str] = {}
        """Which version was last reopened for."""
        self._kept = store.remembered(PAUSED)
        if self._kept:
            outages.recall(json.loads(self._kept))

    async def run(self) -> None:
        """Until cancelled. What is not written by then is found again after the next start."""
        while True:
            ticket = self._outages.changed.ticket()
            try:
                await self._write()
            except StoreError as error:
                log.warning("cannot change what waits for a converter", error=str(error))
                await trio.sleep(RETRY_SECONDS)
                continue
            # Its files may be claimed by now; whoever claims them waits for a bell.
            self._store.bell(Topic.FILE).ring()
            await ticket.wait()

    async def _write(self) -> None:
        for name in self._outages.mended():
            await self._store.change(evolve(WAITING, converter=name), Resume(), WHO)
            self._outages.resumed(name)
        await self._remember()
        for name in self._names:
            await self._reopen(name)

    async def _remember(self) -> None:
        if not self._outages.on_board:
            return
        kept = self._outages.kept()
        text = json.dumps(kept) if kept else ""
        if text != self._kept:
            await self._store.remember(PAUSED, text)
            self._kept = text

    async def _reopen(self, name: str) -> None:
        line = self._lineup.get(name)
        edition = "" if line is None else edition_of(line.spec, line.version)
        if not edition or self._editions.get(name) == edition:
            return
        killed = evolve(KILLED, converter=name, killed_other_than=edition)
        if count := await self._store.change(killed, Reopen(edition), WHO):
            log.info("files reopened", converter=name, files=count, version=edition)
        self._editions[name] = edition

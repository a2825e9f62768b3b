"""Which folders converters take, as their authors said last: remembered over restarts.

A converter whose code is broken cannot say it. What it takes is watched all the same, so that its
files are in the queue when it is mended.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from attrs import asdict

from pywats_trio.errors import StoreError
from pywats_trio.model import Form, Unit

if TYPE_CHECKING:
    from pywats_trio.config.options import ConverterOptions
    from pywats_trio.queue.store import Store

UNITS: Final = "units"
"""The setting: an object, the converter's name to its `type` and the fields of its unit."""


def takes_folders(options: ConverterOptions) -> list[str]:
    """The keys of the configuration that say so: they mean nothing where files are taken."""
    return [key for key in ("marker", "minimum_files", "quiet_seconds") if getattr(options, key)]


class Taken:
    """Of those that take files nothing is remembered."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def last(self, options: ConverterOptions) -> Unit | None:
        """What this converter took when its author last said it; None: files."""
        known = self._known().get(options.name)
        if known is None or known["type"] != options.type:
            return None
        return Unit(
            Form(known["form"]), known["marker"], known["minimum_files"], known["quiet_seconds"]
        )

    async def learn(self, options: ConverterOptions, unit: Unit | None) -> None:
        """Its author says it now. Where that cannot be written down, the next start asks again."""
        if unit == self.last(options):
            return
        known = self._known()
        known.pop(options.name, None)
        if unit is not None:
            known[options.name] = {"type": options.type, **asdict(unit)}
        with suppress(StoreError):
            await self._store.remember(UNITS, json.dumps(known))

    def _known(self) -> dict[str, dict[str, Any]]:
        text = self._store.remembered(UNITS)
        known: dict[str, dict[str, Any]] = json.loads(text) if text else {}
        return known

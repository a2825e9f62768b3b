"""The converter of the poison runs, in a file of its own: it imports what a converter needs."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, ClassVar

from benchmarks.workers.work import parsed
from pywats_trio.converters import Converter

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pywats_trio.converters import Context, Report, Source


class Poisoned(Converter):
    """Converts good files, at once or after 0.2 s if the name says so, and does what others say."""

    id: ClassVar[str] = "bench-poison"
    patterns: ClassVar[tuple[str, ...]] = ("*.csv",)

    def convert(self, source: Source, context: Context) -> Iterable[Report]:
        """One report of a good file."""
        del context
        if "crash" in source.name:
            os._exit(1)
        while "hang" in source.name:
            time.sleep(1)  # noqa: TID251 - it hangs
        if "slow" in source.name:
            time.sleep(0.2)  # noqa: TID251 - it takes long
        return [parsed(source.read_bytes())]
